"""Signed mails, looked at by dkimpy's verifier."""

import subprocess
from pathlib import Path

import dkim
import pytest

from aftercart.delivery.base import Message
from aftercart.delivery.dkim_signature import signed
from aftercart.delivery.headers import marketing_headers
from aftercart.delivery.mime import to_bytes
from aftercart.delivery.smtp.opening import Server
from aftercart.delivery.smtp.sender import SmtpSender
from aftercart.errors import ConfigError
from tests.messages import a_message, always
from tests.smtp_server import ScriptedServer

HEADERS = marketing_headers(f"https://mail.example.com/u/{'x' * 90}", "leave@example.com", "l.example.com", "a:b:c")


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("dkim") / "dkim.pem", "rsa", "rsa_keygen_bits:2048")


def make_key(file: Path, algorithm: str, option: str, *more: str) -> Path:
    command = ["openssl", "genpkey", "-algorithm", algorithm, "-pkeyopt", option, "-out", str(file), *more]
    subprocess.run(command, check=True, capture_output=True)
    return file


def verifies(mail: bytes, key: Path, name: str = "mail2026._domainkey.example.com.") -> bool:
    """Whether the signature holds, with the public key where DNS would have it."""
    public = ["openssl", "pkey", "-in", str(key), "-pubout", "-outform", "PEM"]
    lines = subprocess.run(public, check=True, capture_output=True, text=True).stdout.splitlines()
    record = f"v=DKIM1; k=rsa; p={''.join(lines[1:-1])}"
    asked = []

    def dns(asked_for: bytes, timeout: int = 5) -> bytes:  # noqa: ARG001  # as dkimpy calls it
        asked.append(asked_for.decode())
        return record.encode()

    held: bool = dkim.verify(mail, dnsfunc=dns)
    assert asked == [name]
    return held


def signed_headers(mail: bytes) -> list[str]:
    head = mail.partition(b"\r\n\r\n")[0].decode().replace("\r\n ", "")
    signature = next(line for line in head.split("\r\n") if line.startswith("DKIM-Signature:"))
    tags = dict(tag.strip().split("=", 1) for tag in signature.partition(":")[2].split(";") if "=" in tag)
    return [name.strip().lower() for name in tags["h"].split(":")]


def test_the_signature_holds_and_covers_what_one_click_unsubscribing_needs(key: Path) -> None:
    """RFC 8058 §4: both headers must be covered, or mailbox providers show no button."""
    mail = signed(to_bytes, str(key), "mail2026")(a_message(headers=HEADERS))
    assert verifies(mail, key)
    assert {"from", "subject", "list-unsubscribe", "list-unsubscribe-post"} <= set(signed_headers(mail))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click", b"List-Unsubscribe-Post: List-Unsubscribe=No-Click"),
        (b"List-Unsubscribe: <https://mail.example.com", b"List-Unsubscribe: <https://evil.example.com"),
        (b"Subject: ", b"Subject: Re: "),
        (b"From: ", b"From: Somebody Else <x@evil.example>\r\nFrom: "),
        (b"Date: ", b"Reply-To: x@evil.example\r\nDate: "),
        (b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: 8bit"),
    ],
)
def test_what_is_changed_or_added_on_the_way_breaks_it(key: Path, before: bytes, after: bytes) -> None:
    mail = signed(to_bytes, str(key), "mail2026")(a_message(headers=HEADERS))
    assert before in mail
    assert not verifies(mail.replace(before, after, 1), key)


@pytest.mark.parametrize(
    "message",
    [
        a_message(headers={**HEADERS, "Reply-To": "Ünser Dienst <service@example.com>"}),
        a_message(subject="Für dein Fahrrad · 自転車" * 8, text=".\n..\n.hidden\n" + "x" * 3_000),
        a_message(text="", html=""),
    ],
    ids=["reply-to", "long and foreign", "empty"],
)
def test_every_mail_can_be_signed(key: Path, message: Message) -> None:
    assert verifies(signed(to_bytes, str(key), "mail2026")(message), key)


def test_the_domain_is_that_of_the_sender_in_ascii(key: Path) -> None:
    mail = signed(to_bytes, str(key), "s1")(a_message(sender="Bücher <hello@Bücher.example>"))
    assert verifies(mail, key, "s1._domainkey.xn--bcher-kva.example.")


def test_it_holds_behind_a_real_conversation(key: Path) -> None:
    """Dot-stuffing and line ends leave it whole."""
    with ScriptedServer() as server:
        sender = SmtpSender(Server("127.0.0.1", server.port), encode=signed(to_bytes, str(key), "mail2026"))
        list(sender.send_batch([a_message(headers=HEADERS)], always))
        sender.close()
    arrived = server.bodies[0].removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
    assert verifies(arrived, key)


def test_a_key_with_windows_line_ends_is_as_good(key: Path, tmp_path: Path) -> None:
    other = tmp_path / "dkim.pem"
    other.write_bytes(key.read_bytes().replace(b"\n", b"\r\n"))
    assert verifies(signed(to_bytes, str(other), "mail2026")(a_message()), key)


def test_without_a_key_nothing_is_signed() -> None:
    assert signed(to_bytes, "", "") is to_bytes


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file"),
        (b"", "holds no private key in PEM"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "openssl genrsa"),
        (
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "take its password off",
        ),
        (b"-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----\n", "no RSA key that can be read"),
    ],
)
def test_an_odd_key_is_refused_at_the_start(tmp_path: Path, content: bytes | None, says: str) -> None:
    file = tmp_path / "dkim.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=says) as caught:
        signed(to_bytes, str(file), "mail2026")
    assert str(caught.value).startswith("AFTERCART_DKIM_KEY_FILE: ")


def test_a_short_key_and_one_of_another_kind_are_refused_at_the_start(tmp_path: Path) -> None:
    short = make_key(tmp_path / "short.pem", "rsa", "rsa_keygen_bits:768")
    with pytest.raises(ConfigError, match="768 bits"):
        signed(to_bytes, str(short), "mail2026")
    curve = make_key(tmp_path / "curve.pem", "ec", "ec_paramgen_curve:P-256")
    with pytest.raises(ConfigError, match="no RSA key"):
        signed(to_bytes, str(curve), "mail2026")


@pytest.mark.parametrize(
    ("key_file", "selector", "says"),
    [("dkim.pem", "", "DKIM_SELECTOR is not set"), ("", "mail", "DKIM_KEY_FILE is not set"), ("k", "a b", "mail2026")],
)
def test_half_a_configuration_is_refused_at_the_start(key_file: str, selector: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        signed(to_bytes, key_file, selector)
