"""One conversation with an SMTP server (RFC 5321), with a last instant at which a message can be held back.

    MAIL, RCPT, DATA  →  354  →  go?  →  body and final dot  →  250

Until the body leaves nothing can have been delivered; between the body and the reply nobody knows (RFC 1047).
"""

import re
import smtplib
import socket
import ssl
from dataclasses import dataclass
from enum import StrEnum

from aftercart.delivery.address import wire_address
from aftercart.delivery.base import Go, Message, Outcome, Receipt
from aftercart.delivery.smtp_reply import SERVICE_CLOSING, Phase, Reply, as_response, refusal

CRLF = b"\r\n"
_BARE_LINE_END = re.compile(rb"\r\n|\r|\n")


class Security(StrEnum):
    """How a connection is protected."""

    NONE = "smtp"
    TLS = "smtps"
    STARTTLS = "smtp+starttls"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds of silence after which a connection is given up. Commands and the final dot: RFC 5321 §4.5.3.2.

    The dot has ten minutes because "a time-out would typically result in delivery of multiple copies".
    """

    connect: float = 30
    command: float = 300
    final_dot: float = 600


@dataclass(frozen=True, slots=True)
class Server:
    """Where to connect and how. `user` empty: no AUTH."""

    host: str
    port: int
    security: Security = Security.NONE
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        """Without the password, which must not reach a log."""
        return f"Server({self.security}://{self.host}:{self.port})"


class LostError(Exception):
    """The connection broke before the body left, or could not be made: nothing was delivered."""

    def __init__(self, reply: Reply | None, words: str) -> None:
        super().__init__(words)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message as the server gets it. `body` has CRLF line ends and is not dot-stuffed yet."""

    mail_from: str
    rcpt_to: str
    body: bytes

    @property
    def needs_smtputf8(self) -> bool:
        return not (self.mail_from.isascii() and self.rcpt_to.isascii() and self.head.isascii())

    @property
    def head(self) -> bytes:
        return self.body.partition(CRLF + CRLF)[0]


class SmtpConnection:
    """An open connection. Not for several threads at a time."""

    def __init__(self, server: Server, timeouts: Timeouts, tls: ssl.SSLContext) -> None:
        """Connect, protect and log in. Raises LostError."""
        self._timeouts = timeouts
        try:
            self._smtp = _connect(server, timeouts, tls)
        except smtplib.SMTPResponseException as err:
            reply = _reply(err.smtp_code, err.smtp_error)
            raise LostError(reply, str(reply)) from err
        except (OSError, UnicodeError) as err:  # every smtplib error is an OSError; a host may not be IDNA
            raise LostError(
                None, f"cannot connect to {server.host}:{server.port}: {str(err) or type(err).__name__}"
            ) from err

    @property
    def is_open(self) -> bool:
        return self._smtp.sock is not None

    def send(self, message: Message, envelope: Envelope, go: Go) -> Receipt:
        """Hand over one message. Raises LostError if the connection broke before the body left.

        Afterwards the connection is either ready for the next message or closed (`is_open`), also when `go` raises.
        """
        try:
            return self._send(message, envelope, go)
        except BaseException:
            self.drop()
            raise

    def _send(self, message: Message, envelope: Envelope, go: Go) -> Receipt:
        if envelope.needs_smtputf8 and not self._offers("smtputf8"):
            return _out_of_reach(message, envelope)
        refused = self._open(message, envelope)
        if refused:
            return refused
        if not go(message):
            self.drop()  # without the final dot the server must forget the message (RFC 5321 §4.1.1.4)
            return Receipt(message.send_id, Outcome.WITHHELD, "held back at the last instant")
        return self._hand_over(message, envelope)

    def _open(self, message: Message, envelope: Envelope) -> Receipt | None:
        """MAIL, RCPT and DATA up to the 354; the receipt of a refusal, or None when the body may follow."""
        commands = self._commands(envelope)
        self._time_out_after(self._timeouts.command)
        replies = self._at_once(commands) if self._offers("pipelining") else self._step_by_step(commands)
        refused = next(((phase, reply) for phase, reply in replies.items() if not _agrees(phase, reply)), None)
        if refused is None:
            return None
        self._clear(replies)
        phase, reply = refused
        return refusal(message.send_id, reply, phase)

    def _commands(self, envelope: Envelope) -> dict[Phase, bytes]:
        options = ""
        if self._offers("size"):
            options += f" SIZE={len(envelope.body)}"
        if envelope.needs_smtputf8:
            options += " SMTPUTF8"
        return {
            Phase.MAIL: f"MAIL FROM:<{envelope.mail_from}>{options}\r\n".encode(),
            Phase.RCPT: f"RCPT TO:<{envelope.rcpt_to}>\r\n".encode(),
            Phase.DATA: b"DATA\r\n",
        }

    def _at_once(self, commands: dict[Phase, bytes]) -> dict[Phase, Reply]:
        """Pipelined (RFC 2920): one round trip instead of three."""
        replies: dict[Phase, Reply] = {}
        self._put(b"".join(commands.values()))
        try:
            for phase in commands:
                replies[phase] = self._read()
        except LostError:
            if all(_agrees(phase, reply) for phase, reply in replies.items()):
                raise
            self.drop()  # it refused and hung up: the refusal is the answer
        return replies

    def _step_by_step(self, commands: dict[Phase, bytes]) -> dict[Phase, Reply]:
        replies: dict[Phase, Reply] = {}
        for phase, command in commands.items():
            self._put(command)
            replies[phase] = self._read()
            if not _agrees(phase, replies[phase]):
                break
        return replies

    def _clear(self, replies: dict[Phase, Reply]) -> None:
        """Make the connection ready for the next message after a refusal; close it where that fails."""
        if not self.is_open:
            return
        try:
            if Phase.DATA in replies and _agrees(Phase.DATA, replies[Phase.DATA]):
                # Pipelined: RCPT was refused and DATA taken all the same. An empty body ends it (RFC 2920 §3.1).
                self._put(b".\r\n")
                self._read()
            self._put(b"RSET\r\n")
            if not self._read().is_positive:
                self.drop()
        except LostError:
            self.drop()

    def _hand_over(self, message: Message, envelope: Envelope) -> Receipt:
        """The body and the final dot. Without a clear reply the outcome is unknown, whatever went wrong."""
        try:
            self._put(dot_stuffed(envelope.body) + b".\r\n")
            self._time_out_after(self._timeouts.final_dot)
            reply = self._read_any()
        except LostError as err:
            self.drop()
            return Receipt(message.send_id, Outcome.UNKNOWN, as_response(str(err)), fault_is_ours=True)
        if reply.code == SERVICE_CLOSING or not (reply.is_positive or reply.is_refusal):
            self.drop()
        if reply.is_positive:
            return Receipt(message.send_id, Outcome.ACCEPTED, str(reply), code=reply.code)
        if reply.is_refusal:
            return refusal(message.send_id, reply, Phase.BODY)
        return Receipt(message.send_id, Outcome.UNKNOWN, str(reply), code=reply.code, fault_is_ours=True)

    def quit(self) -> None:
        """Say good-bye without waiting for the answer, and close."""
        try:
            self._time_out_after(1)
            self._smtp.send(b"QUIT\r\n")
        except OSError:  # it was dead already
            pass
        finally:
            self.drop()

    def drop(self) -> None:
        """Close without a word."""
        self._smtp.close()

    def _offers(self, extension: str) -> bool:
        return self._smtp.has_extn(extension)

    def _time_out_after(self, seconds: float) -> None:
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(seconds)

    def _put(self, data: bytes) -> None:
        try:
            self._smtp.send(data)
        except OSError as err:
            raise LostError(None, f"connection lost: {err.__context__ or err}") from err

    def _read(self) -> Reply:
        """A reply to a command. Raises LostError for a server that closes (421) or talks no SMTP."""
        reply = self._read_any()
        if reply.code == SERVICE_CLOSING or not 200 <= reply.code < 600:
            raise LostError(reply, str(reply))
        return reply

    def _read_any(self) -> Reply:
        try:
            return _reply(*self._smtp.getreply())
        except OSError as err:
            raise LostError(None, f"connection lost: {err}") from err


def envelope_of(message: Message, body: bytes) -> Envelope:
    """The envelope of a rendered message. Raises ValueError if an address cannot stand in an SMTP command."""
    return Envelope(
        mail_from=wire_address(message.bounce_to or _bare(message.sender)),
        rcpt_to=wire_address(message.recipient),
        body=with_crlf(body),
    )


def with_crlf(body: bytes) -> bytes:
    """Every line end, also a bare CR or LF, as CRLF, and one at the end (RFC 5321 §2.3.8).

    A bare LF around a dot would let a body smuggle a second message past servers that take it for a line end.
    """
    if not body.count(b"\r") == body.count(b"\n") == body.count(CRLF):
        body = _BARE_LINE_END.sub(CRLF, body)
    return body if body.endswith(CRLF) else body + CRLF


def dot_stuffed(body: bytes) -> bytes:
    """A body with CRLF line ends, its leading dots doubled (RFC 5321 §4.5.2)."""
    stuffed = body.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def _connect(server: Server, timeouts: Timeouts, tls: ssl.SSLContext) -> smtplib.SMTP:
    if server.security is Security.TLS:
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=timeouts.connect, context=tls)
    else:
        smtp = smtplib.SMTP(server.host, server.port, timeout=timeouts.connect)
    try:
        _greet(smtp, server, tls)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _greet(smtp: smtplib.SMTP, server: Server, tls: ssl.SSLContext) -> None:
    # A command goes out in one write and its reply is awaited: Nagle's delay would only cost time.
    if smtp.sock is not None:
        smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    smtp.ehlo_or_helo_if_needed()
    if server.security is Security.STARTTLS:
        smtp.starttls(context=tls)
        smtp.ehlo_or_helo_if_needed()
    if server.user:
        smtp.login(server.user, server.password)


def _out_of_reach(message: Message, envelope: Envelope) -> Receipt:
    """Nothing was tried and the address may be fine. If only our own address needs it, that can be mended."""
    whose = "the shop's" if envelope.rcpt_to.isascii() else "the recipient's"
    words = f"{whose} address has letters outside ASCII before its @, which the mail server does not take"
    words = f"{words} (it does not offer SMTPUTF8, RFC 6531)"
    return Receipt(message.send_id, Outcome.REJECTED, words, fault_is_ours=envelope.rcpt_to.isascii())


def _reply(code: int, text: bytes | str) -> Reply:
    return Reply(code, text.decode("utf-8", "replace") if isinstance(text, bytes) else text)


def _agrees(phase: Phase, reply: Reply) -> bool:
    return reply.code == 354 if phase is Phase.DATA else reply.is_positive


def _bare(address: str) -> str:
    """The address within `Name <address>`."""
    return address.rpartition("<")[2].rstrip("> ") if "<" in address else address.strip()
