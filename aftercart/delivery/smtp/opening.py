"""Connecting to an SMTP server: greeting, encryption, login. This part waits for the server, step by step."""

import smtplib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from aftercart.delivery.smtp.reply import Reply


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
    """The connection broke or could not be made. `reply`: what the server said last, if that was the cause."""

    def __init__(self, reply: Reply | None, words: str) -> None:
        super().__init__(words)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Opened:
    """A socket on which the server waits for a message, and the extensions that it offers, in lower case."""

    socket: socket.socket
    offers: Mapping[str, str]


def open_connection(server: Server, timeouts: Timeouts, tls: ssl.SSLContext) -> Opened:
    """Connect, protect and log in. Raises LostError."""
    try:
        smtp = _connected(server, timeouts, tls)
    except smtplib.SMTPResponseException as err:
        reply = Reply.of(err.smtp_code, err.smtp_error)
        raise LostError(reply, str(reply)) from err
    except (OSError, UnicodeError) as err:  # every smtplib error is an OSError; a host may not be IDNA
        raise LostError(
            None, f"cannot connect to {server.host}:{server.port}: {str(err) or type(err).__name__}"
        ) from err
    return _detached(smtp)


def _connected(server: Server, timeouts: Timeouts, tls: ssl.SSLContext) -> smtplib.SMTP:
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
    smtp.ehlo_or_helo_if_needed()
    if server.security is Security.STARTTLS:
        smtp.starttls(context=tls)
        smtp.ehlo_or_helo_if_needed()
    if server.user:
        smtp.login(server.user, server.password)


def _detached(smtp: smtplib.SMTP) -> Opened:
    """The socket by itself; smtplib waits for every reply, and we have better things to do."""
    connection = smtp.sock
    if connection is None:
        raise LostError(None, "connection lost while greeting")
    connection.setblocking(False)
    # Commands go out in one write and their replies are awaited: Nagle's delay would only cost time.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if smtp.file is not None:
        smtp.file.close()
    smtp.sock = smtp.file = None
    return Opened(connection, smtp.esmtp_features)
