"""TLS, STARTTLS and AUTH against a real SMTP server (aiosmtpd)."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import AuthResult, LoginPassword

from aftercart.delivery.base import Outcome, Receipt
from aftercart.delivery.smtp.opening import Security, Server
from aftercart.delivery.smtp.sender import SmtpSender
from tests.messages import a_message, always
from tests.ports import free_port

CERTIFICATE = Path(__file__).parents[1] / "localhost.pem"
"""Signed by itself, for the name `localhost`."""


def check_login(_server: Any, _session: Any, _envelope: Any, _mechanism: str, login: LoginPassword) -> AuthResult:
    return AuthResult(success=login == LoginPassword(b"ada", b"geheim"), handled=False)


@contextmanager
def real_server(**options: Any) -> Iterator[int]:
    port = free_port()
    controller = Controller(Sink(), hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def server_tls() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    return context


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(CERTIFICATE))


def send_one(server: Server, tls: ssl.SSLContext | None) -> Receipt:
    sender = SmtpSender(server, tls=tls)
    try:
        (receipt,) = sender.send_batch([a_message()], always)
        return receipt
    finally:
        sender.close()


def test_starttls_with_a_login() -> None:
    options = {
        "tls_context": server_tls(),
        "require_starttls": True,
        "auth_required": True,
        "authenticator": check_login,
    }
    with real_server(**options) as port:
        server = Server("localhost", port, Security.STARTTLS, "ada", "geheim")
        assert send_one(server, trusting()).outcome is Outcome.ACCEPTED


def test_a_wrong_password_defers_and_is_our_fault() -> None:
    options = {
        "tls_context": server_tls(),
        "require_starttls": True,
        "auth_required": True,
        "authenticator": check_login,
    }
    with real_server(**options) as port:
        receipt = send_one(Server("localhost", port, Security.STARTTLS, "ada", "falsch"), trusting())
    assert (receipt.outcome, receipt.code, receipt.fault_is_ours) == (Outcome.DEFERRED, 535, True)


def test_tls_from_the_start() -> None:
    with real_server(ssl_context=server_tls()) as port:
        assert send_one(Server("localhost", port, Security.TLS), trusting()).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_a_certificate_that_nobody_vouches_for_is_refused(security: Security) -> None:
    options = {"ssl_context": server_tls()} if security is Security.TLS else {"tls_context": server_tls()}
    with real_server(**options) as port:
        receipt = send_one(Server("localhost", port, security), None)
    assert (receipt.outcome, receipt.fault_is_ours) == (Outcome.DEFERRED, True)
    assert "certificate" in receipt.response.lower()


def test_a_certificate_for_another_name_is_refused() -> None:
    with real_server(ssl_context=server_tls()) as port:
        receipt = send_one(Server("127.0.0.1", port, Security.TLS), trusting())
    assert receipt.outcome is Outcome.DEFERRED
    assert "127.0.0.1" in receipt.response


def test_a_server_without_starttls_never_gets_the_mail_in_the_clear() -> None:
    with real_server() as port:
        receipt = send_one(Server("localhost", port, Security.STARTTLS), trusting())
    assert receipt.outcome is Outcome.DEFERRED
    assert "STARTTLS" in receipt.response
