from pathlib import Path

import pytest

from aftercart.delivery.console import ConsoleSender
from aftercart.delivery.file import FileSender
from aftercart.delivery.senders import sender_from_url
from aftercart.delivery.smtp.sender import SmtpSender
from aftercart.errors import ConfigError
from tests.messages import a_message, always
from tests.smtp_server import Does, ScriptedServer


@pytest.mark.parametrize(
    ("url", "kind", "name"),
    [
        ("console:", ConsoleSender, "console"),
        ("console://", ConsoleSender, "console"),
        ("file:outbox", FileSender, "file"),
        ("file:/var/outbox", FileSender, "file"),
        ("file:///var/outbox", FileSender, "file"),
        ("smtp://127.0.0.1:2525", SmtpSender, "smtp:127.0.0.1"),
        ("smtp://[::1]:2525", SmtpSender, "smtp:::1"),
        ("smtp://mail.example.com", SmtpSender, "smtp:mail.example.com"),
        ("smtp://ada:geheim@localhost", SmtpSender, "smtp:localhost"),
        ("SMTPS://ada:ge%2Fheim@Mail.example.com", SmtpSender, "smtp:mail.example.com"),
        ("smtp+starttls://ada%40shop:geheim@mail.example.com:587/", SmtpSender, "smtp:mail.example.com"),
    ],
)
def test_every_form_of_url_has_its_sender(url: str, kind: type, name: str) -> None:
    sender = sender_from_url(url)
    assert type(sender) is kind
    assert sender.name == name


def test_as_many_connections_are_made_as_the_url_allows() -> None:
    """One, where a server lets no second one in."""
    with ScriptedServer(body=Does.ANSWER_LATE) as server:
        sender = sender_from_url(f"smtp://127.0.0.1:{server.port}?connections=1")
        assert len(list(sender.send_batch([a_message() for _ in range(4)], always))) == 4
        sender.close()
        assert server.connections == 1


def test_a_folder_is_taken_as_it_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "100% mail #1"
    list(sender_from_url(f"file:{folder}").send_batch([a_message()], always))
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "scheme"),
        ("mail.example.com", "scheme"),
        ("sendmail:", "known are smtp://"),
        ("pigeon://loft", "known are smtp://"),
        ("console:loud", "console"),
        ("file:", "folder"),
        ("file://outbox", "folder"),
        ("smtp://", "host is missing"),
        ("smtp:///outbox", "host is missing"),
        ("smtps://ada:geheim@", "host is missing"),
        ("smtps://ada:geheim@mail.example.com:smtp", "port"),
        ("smtps://ada:geheim@mail.example.com:99999", "port"),
        ("smtps://ada:geheim@mail.example.com:0", "port 0"),
        ("smtps://ada:geh/geheim@mail.example.com", "port"),
        ("smtps://ada:1/geheim@mail.example.com", "may follow the port"),
        ("smtps://ada:geheim@mail.example.com?geheim=1", "may follow the port"),
        ("smtp://mail.example.com?connections=0", "connections=N"),
        ("smtp://mail.example.com?connections=many", "connections=N"),
        ("smtps://ada@mail.example.com", "both a user and a password"),
        ("smtps://ada:geheim@[::1", "brackets"),
        ("smtp://ada:geheim@mail.example.com", "in the clear"),
    ],
)
def test_an_odd_url_is_explained_and_the_password_stays_hidden(url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        sender_from_url(url)
    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is None, "urllib's own words quote the password"
