"""The bounce mailbox: how it is named, and what its server may do."""

from urllib.parse import quote

import pytest

from aftercart.errors import ConfigError, UnreachableError
from aftercart.feedback.mailbox import AT_ONCE, mailbox_from_url
from tests.imap_server import CERTIFICATE, PASSWORD, USER, imap_server


def test_a_url_names_all_of_it() -> None:
    box = mailbox_from_url("imaps://bounces%40shop.example:a%2Fb@imap.shop.example/INBOX.Bounces")
    assert (box.host, box.port, box.user, box.password, box.folder) == (
        "imap.shop.example", 993, "bounces@shop.example", "a/b", "INBOX.Bounces",
    )  # fmt: skip
    assert mailbox_from_url("imap+starttls://u:p@h:1143").port == 1143
    assert "a/b" not in repr(box)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("pop3://u:s3cret@h/INBOX", "write it as imaps://USER:PASS@HOST/INBOX"),
        ("imaps://h/INBOX", "write it as imaps://"),
        ("imaps://u:s3cret@h:port/INBOX", "write it as imaps://"),
        ("imap://u:s3cret@imap.shop.example/INBOX", "in the clear"),
    ],
)
def test_a_url_that_cannot_work_says_what_to_write_and_shows_no_password(url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as fault:
        mailbox_from_url(url)
    assert "s3cret" not in str(fault.value)


def test_unread_mails_come_some_at_a_time_and_of_a_large_one_the_beginning() -> None:
    with imap_server() as server:
        for number in range(AT_ONCE + 3):
            server.put(f"Subject: {number}\r\n\r\n".encode() + b"x" * 1_000)
        with mailbox_from_url(server.url).opened() as box:
            first = box.unread(100)
            assert (len(first), {len(letter.body) for letter in first}) == (AT_ONCE, {100})
            box.mark_read(first)
            assert [letter.uid for letter in box.unread(100)] == ["51", "52", "53"]
            box.mark_read([])


@pytest.mark.parametrize("command", ["LOGIN", "SELECT", "UID SEARCH", "UID FETCH"])
def test_a_server_that_refuses_is_named_and_the_password_is_not(command: str) -> None:
    with imap_server() as server:
        server.put(b"Subject: x\r\n\r\n")
        server.refuses = {command}
        with pytest.raises(UnreachableError, match="AFTERCART_BOUNCE_MAILBOX") as fault:
            _read(server.url)
    assert PASSWORD not in str(fault.value)
    assert USER not in str(fault.value)


@pytest.mark.parametrize("scheme", ["imaps", "imap+starttls"])
def test_a_server_whose_certificate_is_not_trusted_is_not_told_the_password(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's own library does not look at certificates unless it is told to."""
    with imap_server() as server:
        server.is_secure = scheme == "imaps"
        url = server.url.replace("imap://", f"{scheme}://").replace("127.0.0.1", "localhost")
        with pytest.raises(UnreachableError, match="certificate"):
            _read(url)
        assert server.logins == 0
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        _read(url)
        with pytest.raises(UnreachableError, match="certificate"):
            _read(url.replace("localhost", "127.0.0.1"))
        assert server.logins == 1


def test_a_password_and_a_folder_may_have_letters_of_any_script() -> None:
    """In the protocol itself they are ASCII: every minute a task fell over them."""
    with imap_server() as server:
        server.password, server.folder = "gehört-mir", "R&APw-ckl&AOQ-ufer &- mehr"
        _read(server.url.replace("/INBOX", "/" + quote("Rückläufer & mehr")))
        assert server.logins == 1


def _read(url: str) -> None:
    with mailbox_from_url(url).opened() as box:
        box.unread(100)


def test_a_server_that_is_away_is_named() -> None:
    with imap_server() as server:
        url = server.url
    with pytest.raises(UnreachableError, match=r"cannot read 127\.0\.0\.1"):
        _read(url)
