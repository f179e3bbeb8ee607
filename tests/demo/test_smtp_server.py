"""The demo's SMTP server, spoken to by smtplib and, where smtplib is too polite, by hand."""

import smtplib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.message import EmailMessage

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aftercart.demo.smtp_server import Envelope, SmtpServer

MAIL = b"Subject: hello\r\n\r\nbody\r\n"


class Post:
    """Keeps envelopes in memory; `full` makes it refuse, as a full disk does."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.full = False

    def __call__(self, envelope: Envelope) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.envelopes.append(envelope)


@pytest.fixture(scope="module")
def _running() -> Iterator[tuple[SmtpServer, Post]]:
    post = Post()
    with SmtpServer(post, max_size=20_000) as server:
        yield server, post


@pytest.fixture
def server(_running: tuple[SmtpServer, Post]) -> SmtpServer:
    return _running[0]


@pytest.fixture
def post(_running: tuple[SmtpServer, Post]) -> Post:
    _running[1].envelopes.clear()
    _running[1].full = False
    return _running[1]


@contextmanager
def _client(server: SmtpServer) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP(server.host, server.port, timeout=30) as client:
        yield client


class Wire:
    """A connection that sends exactly the bytes it is told to."""

    def __init__(self, server: SmtpServer) -> None:
        self._socket = socket.create_connection((server.host, server.port), timeout=30)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> "Wire":
        assert self.reply() == 220
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, content: bytes) -> None:
        self._socket.sendall(content)

    def reply(self) -> int:
        """The code of the next reply; 0 when the server hung up."""
        line = self._file.readline()
        while line[3:4] == b"-":
            line = self._file.readline()
        return int(line[:3] or 0)

    def replies(self, count: int) -> list[int]:
        return [self.reply() for _ in range(count)]


def test_a_mail_arrives_byte_for_byte_with_its_envelope(server: SmtpServer, post: Post) -> None:
    with _client(server) as client:
        client.sendmail("shop@example.com", ["ada@example.com", "ben@example.com"], MAIL)
    assert post.envelopes == [Envelope("shop@example.com", ("ada@example.com", "ben@example.com"), MAIL)]


def test_lines_that_begin_with_dots_survive(server: SmtpServer, post: Post) -> None:
    """T39: missing dot-stuffing lost dots."""
    content = b".first\r\n..second\r\n\r\n.\r\n...\r\nlast .\r\n"
    with _client(server) as client:
        client.sendmail("a@example.com", ["b@example.com"], content)
    assert post.envelopes[0].content == content


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(alphabet=".a \t", max_size=4), max_size=8), st.integers(1, 9))
def test_any_lines_arrive_as_they_were_however_the_bytes_are_cut(
    server: SmtpServer, post: Post, lines: list[str], step: int
) -> None:
    """T39, with the end of the mail split over packets at every place."""
    content = "".join(f"{line}\r\n" for line in lines).encode()
    stuffed = b"".join((b"." if line.startswith(b".") else b"") + line for line in content.splitlines(keepends=True))
    with Wire(server) as wire:
        wire.send(b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n")
        assert wire.replies(4) == [250, 250, 250, 354]
        ending = stuffed + b".\r\n"
        for start in range(0, len(ending), step):
            wire.send(ending[start : start + step])
        assert wire.reply() == 250
    assert post.envelopes[-1].content == content


def test_a_bare_line_feed_does_not_end_a_mail(server: SmtpServer, post: Post) -> None:
    """What smuggles a second mail into the first at servers that take LF.LF for the end."""
    with Wire(server) as wire:
        wire.send(b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n")
        wire.replies(4)
        wire.send(b"one\n.\nMAIL FROM:<evil@example.com>\n.\r\nstill\r\n.\r\n")
        assert wire.reply() == 250
    assert [envelope.sender for envelope in post.envelopes] == ["a@example.com"]


def test_two_mails_go_over_one_connection_in_a_pipeline(server: SmtpServer, post: Post) -> None:
    envelope = b"MAIL FROM:<a@example.com> SIZE=30 BODY=8BITMIME\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"
    with Wire(server) as wire:
        wire.send(b"EHLO x\r\n" + envelope)
        assert wire.replies(4) == [250, 250, 250, 354]
        wire.send(b"one\r\n.\r\n" + envelope)
        assert wire.replies(4) == [250, 250, 250, 354]
        wire.send(b"two\r\n.\r\nQUIT\r\nNOOP\r\n")
        assert wire.replies(3) == [250, 221, 0]
    assert [envelope.content for envelope in post.envelopes] == [b"one\r\n", b"two\r\n"]


def test_many_clients_at_once_lose_nothing(server: SmtpServer, post: Post) -> None:
    def send(number: int) -> None:
        with _client(server) as client:
            for part in range(5):
                client.sendmail("a@example.com", ["b@example.com"], f"{number}.{part}\r\n".encode())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(8)))
    assert {e.content for e in post.envelopes} == {f"{n}.{p}\r\n".encode() for n in range(8) for p in range(5)}


def test_it_offers_what_a_sender_likes_to_use(server: SmtpServer, post: Post) -> None:
    with _client(server) as client:
        client.ehlo()
        assert {"pipelining", "8bitmime", "smtputf8"} <= set(client.esmtp_features)
        assert client.esmtp_features["size"] == "20000"
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "shop@example.com", "zoë@example.com", "Grüße"
        mail.set_content("ü")
        client.send_message(mail)
    assert post.envelopes[0].recipients == ("zoë@example.com",)


def test_a_mail_that_declares_to_be_too_large_is_refused_before_its_body(server: SmtpServer, post: Post) -> None:
    with _client(server) as client, pytest.raises(smtplib.SMTPSenderRefused) as refusal:
        client.sendmail("a@example.com", ["b@example.com"], b"x" * 30_000)
    assert refusal.value.smtp_code == 552
    assert not post.envelopes


def test_a_mail_that_is_too_large_all_the_same_is_refused_and_the_next_one_taken(
    server: SmtpServer, post: Post
) -> None:
    with Wire(server) as wire:
        wire.send(b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n")
        wire.replies(4)
        wire.send(b"y" * 1_000_000 + b"\r\n.\r\n")
        assert wire.reply() == 552
        wire.send(b"MAIL FROM:<>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n")
        assert wire.replies(3) == [250, 250, 354]
        wire.send(b".\r\n")
        assert wire.reply() == 250
    assert post.envelopes == [Envelope("", ("b@example.com",), b"")]


def test_what_cannot_be_kept_is_not_acknowledged(server: SmtpServer, post: Post) -> None:
    post.full = True
    with _client(server) as client, pytest.raises(smtplib.SMTPDataError) as refusal:
        client.sendmail("a@example.com", ["b@example.com"], MAIL)
    assert refusal.value.smtp_code == 451


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (b"MAIL FROM:<a@example.com>", 503),
        (b"RCPT TO:<b@example.com>", 503),
        (b"DATA", 503),
        (b"STARTTLS", 502),
        (b"NOOP", 250),
        (b"VRFY ada", 252),
        (b"HELO x", 250),
        (b"", 502),
        (b"\xff\xfe", 502),
    ],
)
def test_commands_out_of_turn_are_told_so(server: SmtpServer, command: bytes, code: int) -> None:
    with Wire(server) as wire:
        wire.send(command + b"\r\n")
        assert wire.reply() == code


@pytest.mark.parametrize("command", [b"MAIL TO:<a@example.com>", b"MAIL FROM:a@example.com", b"MAIL"])
def test_a_malformed_sender_is_refused(server: SmtpServer, command: bytes) -> None:
    with Wire(server) as wire:
        wire.send(b"EHLO x\r\n" + command + b"\r\n")
        assert wire.replies(2) == [250, 501]


def test_rset_forgets_the_mail_begun(server: SmtpServer) -> None:
    with Wire(server) as wire:
        wire.send(b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<>\r\nRCPT TO:<b@example.com>\r\nRSET\r\nDATA\r\n")
        assert wire.replies(6) == [250, 250, 501, 250, 250, 503]


def test_a_line_without_end_is_cut_off(server: SmtpServer) -> None:
    with Wire(server) as wire:
        wire.send(b"EHLO " + b"x" * 10_000)
        assert wire.replies(2) == [500, 0]


def test_closing_hangs_up_and_frees_the_port() -> None:
    server = SmtpServer(Post())
    server.start()
    with Wire(server) as wire:
        server.close()
        assert wire.reply() == 421
    again = SmtpServer(Post(), port=server.port)
    again.start()
    again.close()


def test_a_taken_port_is_an_error_at_the_start(server: SmtpServer) -> None:
    with pytest.raises(OSError, match="in use"):
        SmtpServer(Post(), port=server.port).start()
