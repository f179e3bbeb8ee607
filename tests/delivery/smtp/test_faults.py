"""Every class of fault of a real SMTP server, at every point of the conversation, and what it makes of a mail."""

from typing import Any

import pytest

from aftercart.delivery.base import Outcome, Receipt
from aftercart.delivery.limits.breaker import Sign, sign_of
from aftercart.delivery.smtp.opening import Security, Server, Timeouts
from aftercart.delivery.smtp.sender import CONNECTIONS, SmtpSender
from tests.messages import a_message, always
from tests.smtp_server import OK, Does, ScriptedServer

SHORT = Timeouts(connect=30, command=3, final_dot=30)
"""Where a command is not answered: longer than a busy machine may need for its other ones."""
ACCEPTED, DEFERRED, REJECTED = Outcome.ACCEPTED, Outcome.DEFERRED, Outcome.REJECTED
WAYS = [("PIPELINING",), ()]


def receipts(
    port: int,
    count: int = 1,
    security: Security = Security.NONE,
    user: str = "",
    connections: int = CONNECTIONS,
    timeouts: Timeouts | None = None,
) -> list[Receipt]:
    server = Server("127.0.0.1", port, security, user, "geheim" if user else "")
    sender = SmtpSender(server, connections=connections, timeouts=timeouts)
    try:
        return list(sender.send_batch([a_message() for _ in range(count)], always))
    finally:
        sender.close()


@pytest.mark.parametrize("extensions", WAYS)
@pytest.mark.parametrize("point", ["rcpt", "body"])
@pytest.mark.parametrize(
    ("reply", "outcome", "hard", "sign"),
    [
        ("421 4.3.2 service shutting down", DEFERRED, False, Sign.FAULT),
        ("450 4.2.1 mailbox busy", DEFERRED, False, Sign.NOTHING),
        ("451 4.7.1 greylisted, try again", DEFERRED, False, Sign.NOTHING),
        ("451 4.3.0 local error in processing", DEFERRED, False, Sign.FAULT),
        ("452 4.2.2 mailbox full", DEFERRED, False, Sign.NOTHING),
        ("452 4.3.1 insufficient system storage", DEFERRED, False, Sign.FAULT),
        ("550 5.1.1 no such user", REJECTED, True, Sign.WORKS),
        ("550 5.7.1 listed at spamhaus", REJECTED, False, Sign.FAULT),
        ("552 5.2.2 over quota", REJECTED, False, Sign.WORKS),
        ("552 5.3.4 message too big", REJECTED, False, Sign.WORKS),
        ("554 5.6.0 content rejected", REJECTED, False, Sign.WORKS),
        ("554 5.7.1 relay access denied", REJECTED, False, Sign.FAULT),
    ],
)
def test_each_reply_has_its_meaning_for_mail_recipient_and_sender(
    extensions: tuple[str, ...], point: str, reply: str, outcome: Outcome, hard: bool, sign: Sign
) -> None:
    # A kept connection that a 421 ends before the body is tried anew once, so it is said twice.
    answers: dict[str, Any] = {point: reply}
    with ScriptedServer(extensions, **answers) as server:
        (receipt,) = receipts(server.port)
    assert (receipt.outcome, receipt.hard_bounce) == (outcome, hard)
    assert receipt.response == reply
    broke_over_it = point == "rcpt" and reply.startswith("421")
    assert sign_of(receipt) is (Sign.DOUBT if broke_over_it else sign)


@pytest.mark.parametrize("extensions", WAYS)
@pytest.mark.parametrize("garbage", ["what?", "2", "999 beyond", "HTTP/1.1 400 Bad Request"])
@pytest.mark.parametrize("point", ["connect", "ehlo", "mail", "rcpt", "data"])
def test_garbage_before_the_body_is_no_hand_over(extensions: tuple[str, ...], garbage: str, point: str) -> None:
    answers: dict[str, Any] = {point: garbage}
    with ScriptedServer(extensions, **answers) as server:
        (receipt,) = receipts(server.port)
        assert server.bodies == []
    assert (receipt.outcome, receipt.hard_bounce) == (DEFERRED, False)
    assert sign_of(receipt) is (Sign.DOUBT if point in ("rcpt", "data") else Sign.FAULT)


def test_a_kept_connection_whose_other_end_has_vanished_without_a_word_costs_no_mail() -> None:
    """Half open: it takes what is written and answers nothing. No body has left, so a new one is made."""
    with ScriptedServer(mail=[OK, Does.STAY_SILENT, OK]) as server:
        found = receipts(server.port, 3, connections=1, timeouts=SHORT)
        assert [receipt.outcome for receipt in found] == [ACCEPTED] * 3
        assert (len(server.bodies), server.connections) == (3, 2)


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
@pytest.mark.parametrize("after", ["220 go ahead", Does.HANG_UP, "454 4.7.0 TLS not available", "what?"])
def test_a_failing_tls_handshake_is_our_line_s_fault_and_nothing_leaves(security: Security, after: str | Does) -> None:
    with ScriptedServer(("STARTTLS", "PIPELINING"), starttls=after) as server:
        first, second = receipts(server.port, 2, security)
        assert (server.bodies, server.said("MAIL")) == ([], [])
        assert server.connections == 1, "it is not hammered"
    assert (first.outcome, first.fault_is_ours) == (second.outcome, second.fault_is_ours) == (DEFERRED, True)
    assert sign_of(first) is Sign.FAULT


@pytest.mark.parametrize(
    ("extensions", "auth"),
    [
        (("AUTH PLAIN LOGIN",), "535 5.7.8 bad credentials"),
        (("AUTH PLAIN LOGIN",), "454 4.7.0 temporary authentication failure"),
        (("AUTH PLAIN LOGIN",), "534 5.7.9 please log in with your browser"),
        (("AUTH GSSAPI",), OK),
        (("PIPELINING",), OK),
    ],
)
def test_a_login_that_fails_loses_nobody_and_opens_the_breaker(extensions: tuple[str, ...], auth: str) -> None:
    with ScriptedServer(extensions, auth=auth) as server:
        (receipt,) = receipts(server.port, user="ada")
        assert server.said("MAIL") == []
    assert (receipt.outcome, receipt.fault_is_ours, sign_of(receipt)) == (DEFERRED, True, Sign.FAULT)
    assert "geheim" not in receipt.response


def test_headers_outside_ascii_are_announced_as_eight_bits() -> None:
    """RFC 6531 §3.6, RFC 6152: where the server knows the word. Bodies are base64 and never need it."""
    daria = a_message(recipient="дарья@example.com")
    for extensions, said in ((("SMTPUTF8", "8BITMIME"), " BODY=8BITMIME SMTPUTF8"), (("SMTPUTF8",), " SMTPUTF8")):
        with ScriptedServer(extensions) as server:
            sender = SmtpSender(Server("127.0.0.1", server.port), connections=1)
            list(sender.send_batch([daria, a_message()], always))
            sender.close()
            assert server.said("MAIL")[0].endswith(f">{said}")
            assert "8BITMIME" not in server.said("MAIL")[1]
