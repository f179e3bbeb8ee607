"""The SMTP sender against a server that answers as it is told (the faults of real servers, one by one)."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import sleep
from typing import Any
from uuid import UUID

import pytest

from aftercart.delivery.base import Message, Outcome
from aftercart.delivery.mime import to_bytes
from aftercart.delivery.smtp.opening import Server, Timeouts
from aftercart.delivery.smtp.sender import SmtpSender
from tests.messages import a_message, always
from tests.ports import closed_port
from tests.smtp_server import OK, Does, ScriptedServer

ACCEPTED, DEFERRED, REJECTED = Outcome.ACCEPTED, Outcome.DEFERRED, Outcome.REJECTED
SHORT = Timeouts(connect=0.3, command=0.3, final_dot=0.3)
"""Only where no answer is waited for: a busy machine is not told from a silent one."""
SHORT_AFTER_THE_DOT = Timeouts(connect=30, command=30, final_dot=0.3)


@contextmanager
def sender_to(server: ScriptedServer, **options: Any) -> Iterator[SmtpSender]:
    sender = SmtpSender(Server("127.0.0.1", server.port), **{"connections": 1, **options})
    try:
        yield sender
    finally:
        sender.close()


def outcomes(sender: SmtpSender, count: int) -> list[Outcome]:
    return [receipt.outcome for receipt in sender.send_batch([a_message() for _ in range(count)], always)]


# ---------------------------------------------------------------- the normal way


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
def test_one_connection_carries_the_batch_and_the_next_one(extensions: tuple[str, ...]) -> None:
    with ScriptedServer(extensions) as server, sender_to(server) as sender:
        assert outcomes(sender, 3) == [ACCEPTED] * 3
        assert outcomes(sender, 2) == [ACCEPTED] * 2
        assert server.connections == 1
        assert len(server.bodies) == 5


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
def test_go_is_asked_after_the_server_agreed_and_before_the_body_leaves(extensions: tuple[str, ...]) -> None:
    seen: list[tuple[str, str, int]] = []
    with ScriptedServer(extensions) as server, sender_to(server) as sender:

        def go(*messages: Message) -> set[UUID]:
            seen.extend((message.recipient, server.commands[-1], len(server.bodies)) for message in messages)
            return always(*messages)

        messages = [a_message(), a_message(recipient="chika@example.com")]
        assert [r.send_id for r in sender.send_batch(messages, go)] == [m.send_id for m in messages]
    assert seen == [("ada@example.com", "DATA", 0), ("chika@example.com", "DATA", 1)]


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
def test_a_message_held_back_at_the_last_instant_never_ends_and_the_next_one_leaves(
    extensions: tuple[str, ...],
) -> None:
    """T21: an unsubscribe between claim and hand-over is honored."""
    ben = a_message(recipient="ben@example.com")
    with ScriptedServer(extensions) as server, sender_to(server) as sender:
        receipts = list(sender.send_batch([ben, a_message()], lambda *them: always(*them) - {ben.send_id}))
        assert [r.outcome for r in receipts] == [Outcome.WITHHELD, ACCEPTED]
        assert len(server.bodies) == 1


def test_the_provider_s_words_and_code_are_kept() -> None:
    with ScriptedServer(body="250 2.0.0 Ok: queued as 4XyZ") as server, sender_to(server) as sender:
        (receipt,) = sender.send_batch([a_message()], always)
    assert (receipt.response, receipt.code) == ("250 2.0.0 Ok: queued as 4XyZ", 250)


def test_the_size_is_announced_where_the_server_asks_for_it() -> None:
    with ScriptedServer(("SIZE 1000",), mail="552 5.3.4 too big") as server, sender_to(server) as sender:
        (receipt,) = sender.send_batch([a_message()], always)
        assert "SIZE=" in server.said("MAIL")[0]
    assert receipt.outcome is REJECTED


def test_each_batch_has_a_connection_at_least_and_close_closes_them_all() -> None:
    together = threading.Barrier(3)
    with ScriptedServer() as server, sender_to(server) as sender, ThreadPoolExecutor(3) as pool:

        def go(*messages: Message) -> set[UUID]:
            if messages:
                together.wait()
            return always(*messages)

        batches = pool.map(lambda _: [r.outcome for r in sender.send_batch([a_message()], go)], range(3))
        assert list(batches) == [[ACCEPTED]] * 3
        assert server.connections == 3
        sender.close()
        assert outcomes(sender, 1) == [ACCEPTED], "it can be used again"


def test_an_idle_connection_that_is_too_old_is_renewed() -> None:
    with ScriptedServer() as server, sender_to(server, renew_after_s=0.0) as sender:
        outcomes(sender, 1)
        outcomes(sender, 1)
        assert server.connections == 2
        assert server.said("NOOP") == []


# ---------------------------------------------------------------- several connections


def test_a_batch_spreads_over_several_connections_and_the_next_one_finds_them() -> None:
    with ScriptedServer(body=Does.ANSWER_LATE) as server, sender_to(server, connections=4) as sender:
        assert outcomes(sender, 12) == [ACCEPTED] * 12
        assert server.most_late_answers > 1, "they waited side by side"
        assert 1 < server.connections <= 4
        outcomes(sender, 4)
        assert server.connections <= 4


def test_messages_that_become_ready_together_are_asked_about_together() -> None:
    asked = []
    with ScriptedServer() as server, sender_to(server, connections=4) as sender:

        def go(*messages: Message) -> set[UUID]:
            asked.append(len(messages))
            sleep(0.1)  # a busy database; meanwhile the server answers on the other connections
            return always(*messages)

        messages = [a_message() for _ in range(16)]
        assert {r.send_id for r in sender.send_batch(messages, go)} == {m.send_id for m in messages}
    assert sum(asked) == 16
    assert max(asked) > 1


def test_at_most_one_message_of_a_connection_is_in_doubt() -> None:
    """The next one is announced while the last is judged, but its body waits for the verdict."""
    with (
        ScriptedServer(body=Does.STAY_SILENT) as server,
        sender_to(server, connections=3, timeouts=SHORT_AFTER_THE_DOT) as sender,
    ):
        found = outcomes(sender, 20)
        server.wait_for_bodies(found.count(Outcome.UNKNOWN))
        assert len(server.bodies) == found.count(Outcome.UNKNOWN) <= server.connections
    assert found.count(DEFERRED) == 20 - found.count(Outcome.UNKNOWN)


def test_a_server_that_lets_no_more_connections_in_serves_the_batch_over_one() -> None:
    with (
        ScriptedServer(connect=[OK, "421 4.7.0 too many connections"], body=Does.ANSWER_LATE) as server,
        sender_to(server, connections=8) as sender,
    ):
        assert outcomes(sender, 6) == [ACCEPTED] * 6
        assert server.connections == 2


def test_what_is_known_is_told_while_a_slow_answer_is_awaited() -> None:
    """So that it can be recorded: nobody knows what happens meanwhile."""
    asked_with: list[int] = []
    with ScriptedServer(rcpt=[OK, Does.WAIT_FOR_LEAVE]) as server, sender_to(server) as sender:

        def go(*messages: Message) -> set[UUID]:
            asked_with.append(len(messages))
            if not messages:
                server.leave.set()
            return always(*messages)

        list(sender.send_batch([a_message(), a_message()], go))
    assert asked_with == [1, 0, 1]


def test_what_is_known_is_told_with_the_next_question_or_once_without_one() -> None:
    asked_with: list[int] = []
    with ScriptedServer(body=[OK, Does.ANSWER_LATE]) as server, sender_to(server) as sender:

        def go(*messages: Message) -> set[UUID]:
            asked_with.append(len(messages))
            return always(*messages)

        list(sender.send_batch([a_message(), a_message()], go))
    assert asked_with in ([1, 1], [1, 1, 0], [1, 0, 1])


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ({"mail": ["450 4.7.1 slow down", OK]}, DEFERRED),
        ({"mail": ["550 5.7.1 not you", OK]}, REJECTED),
        ({"rcpt": ["452 4.2.2 full", OK]}, DEFERRED),
        ({"rcpt": ["550 5.1.1 nobody", OK]}, REJECTED),
        ({"data": ["451 4.3.0 later", OK]}, DEFERRED),
        ({"data": ["554 5.7.0 no", OK]}, REJECTED),
        ({"body": ["452 4.3.1 no space", OK]}, DEFERRED),
        ({"body": ["554 5.6.0 bad content", OK]}, REJECTED),
    ],
)
def test_a_refusal_anywhere_touches_only_its_own_message(
    extensions: tuple[str, ...], answers: dict[str, Any], outcome: Outcome
) -> None:
    """T06, T07: the others leave, over the same connection."""
    with ScriptedServer(extensions, **answers) as server, sender_to(server) as sender:
        assert outcomes(sender, 3) == [outcome, ACCEPTED, ACCEPTED]
        assert server.connections == 1
        assert len(server.said("RSET")) == (0 if "body" in answers else 1)


def test_a_connection_that_cannot_be_reset_is_replaced() -> None:
    with ScriptedServer(rcpt=["550 5.1.1 nobody", OK], rset="500 what?") as server, sender_to(server) as sender:
        assert outcomes(sender, 2) == [REJECTED, ACCEPTED]
        assert server.connections == 2


def test_a_recipient_refused_while_data_is_taken_gets_nothing_and_the_next_mail_is_unharmed() -> None:
    """Pipelining: RCPT is refused, yet 354 given (RFC 2920 §3.1)."""
    refuse_ben = lambda said: "550 5.1.1 nobody" if "ben@" in said else OK  # noqa: E731
    went: list[str] = []

    def go(*messages: Message) -> set[UUID]:
        went.extend(message.recipient for message in messages)
        return always(*messages)

    with ScriptedServer(rcpt=refuse_ben) as server, sender_to(server) as sender:
        batch = [a_message(recipient="ben@example.com"), a_message()]
        receipts = list(sender.send_batch(batch, go))
        assert [r.outcome for r in receipts] == [REJECTED, ACCEPTED]
        assert server.bodies[0] == b".\r\n"
    assert went == ["ada@example.com"], "go is not asked for a mail that will not leave"


def test_a_refusal_before_hanging_up_is_still_the_answer() -> None:
    with ScriptedServer(rcpt="550 5.1.1 nobody", data="421 bye") as server, sender_to(server) as sender:
        (receipt,) = sender.send_batch([a_message()], always)
    assert receipt.outcome is REJECTED
    assert receipt.hard_bounce


def test_a_message_that_cannot_be_made_into_a_mail_is_rejected_and_the_rest_leaves() -> None:
    """T06, T07: poison at the head of the batch."""
    with ScriptedServer() as server, sender_to(server, encode=fails_for_dev) as sender:
        batch = [a_message(recipient="dev@example.com"), a_message(), a_message(recipient="no address"), a_message()]
        found = {receipt.send_id: receipt for receipt in sender.send_batch(batch, always)}
    receipts = [found[message.send_id] for message in batch]
    assert [r.outcome for r in receipts] == [REJECTED, ACCEPTED, REJECTED, ACCEPTED]
    assert "lone surrogate" in receipts[0].response
    assert receipts[0].fault_is_ours, "nobody has refused it"


def fails_for_dev(message: Message) -> bytes:
    if message.recipient.startswith("dev"):
        raise ValueError("a lone surrogate")
    return to_bytes(message)


def test_a_mailbox_in_cyrillic_goes_to_a_server_that_takes_it() -> None:
    """RFC 6531, 6532: announced, and in UTF-8 in the header too."""
    daria = a_message(recipient="дарья@пример.example")
    with ScriptedServer(("SMTPUTF8", "8BITMIME")) as server, sender_to(server) as sender:
        assert [r.outcome for r in sender.send_batch([daria, a_message()], always)] == [ACCEPTED] * 2
        assert [said.endswith(" SMTPUTF8") for said in server.said("MAIL")] == [True, False]
        assert server.said("RCPT")[0] == "RCPT TO:<дарья@xn--e1afmkfd.example>"
        assert "\r\nTo: дарья@xn--e1afmkfd.example\r\n" in server.bodies[0].decode()


def test_a_mailbox_in_cyrillic_is_out_of_reach_of_other_servers_and_they_say_so() -> None:
    daria = a_message(recipient="дарья@example.com")
    with ScriptedServer() as server, sender_to(server) as sender:
        refused, taken = sender.send_batch([daria, a_message()], always)
        assert server.said("RCPT") == ["RCPT TO:<ada@example.com>"]
    assert (refused.outcome, refused.hard_bounce, refused.fault_is_ours) == (REJECTED, False, False)
    assert refused.response.startswith("the recipient's address has letters outside ASCII before its @")
    assert taken.outcome is ACCEPTED


def test_a_shop_whose_own_mailbox_is_out_of_reach_can_mend_it() -> None:
    message = a_message(sender="Bücher <käufer@example.com>")
    with ScriptedServer() as server, sender_to(server) as sender:
        (receipt,) = sender.send_batch([message], always)
    assert (receipt.outcome, receipt.fault_is_ours) == (REJECTED, True)
    assert receipt.response.startswith("the shop's address")


def test_a_domain_of_any_script_needs_nothing_of_the_server() -> None:
    message = a_message(recipient="ada@münchen.example", sender="Bücher <hello@bücher.example>")
    with ScriptedServer(()) as server, sender_to(server) as sender:
        assert [r.outcome for r in sender.send_batch([message], always)] == [ACCEPTED]
        assert server.said("MAIL") == ["MAIL FROM:<hello@xn--bcher-kva.example>"]
        assert server.said("RCPT") == ["RCPT TO:<ada@xn--mnchen-3ya.example>"]
        assert server.bodies[0].isascii()


# ---------------------------------------------------------------- broken connections


@pytest.mark.parametrize("point", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
def test_a_kept_connection_that_died_is_replaced_without_a_trace(extensions: tuple[str, ...], point: str) -> None:
    answers: dict[str, Any] = {point: [OK, Does.HANG_UP, OK]}
    with ScriptedServer(extensions, **answers) as server, sender_to(server) as sender:
        assert outcomes(sender, 3) == [ACCEPTED] * 3
        assert server.connections == 2


def test_a_server_that_has_enough_of_a_connection_gets_a_new_one() -> None:
    """421 after so many mails per connection is the custom of several providers."""
    with ScriptedServer(mail=[OK, OK, "421 4.7.0 too many", OK]) as server, sender_to(server) as sender:
        assert outcomes(sender, 4) == [ACCEPTED] * 4
        assert server.connections == 2


def test_recipients_who_break_the_connection_are_deferred_and_the_others_leave() -> None:
    """T06, T07."""
    hang_up_on_ben = lambda said: Does.HANG_UP if "ben@" in said else OK  # noqa: E731
    batch = [a_message(), a_message(recipient="ben@example.com")] * 3
    with ScriptedServer(rcpt=hang_up_on_ben) as server, sender_to(server) as sender:
        receipts = list(sender.send_batch(batch, always))
    assert [r.outcome for r in receipts] == [ACCEPTED, DEFERRED] * 3
    assert receipts[1].fault_is_ours


def test_mailboxes_that_break_the_connection_hold_up_nobody_behind_them() -> None:
    """T06, T07. Whether it is not the server after all is for the breaker to see (`test_router.py`)."""
    hang_up_on_most = lambda said: OK if "ada@" in said else Does.HANG_UP  # noqa: E731
    batch = [*(a_message(recipient=f"ben{number}@example.com") for number in range(9)), a_message()]
    with ScriptedServer(rcpt=hang_up_on_most) as server, sender_to(server) as sender:
        found = {receipt.send_id: receipt for receipt in sender.send_batch(batch, always)}
    assert [found[message.send_id].outcome for message in batch] == [DEFERRED] * 9 + [ACCEPTED]
    assert [found[message.send_id].broke_over_it for message in batch] == [True] * 9 + [False]


@pytest.mark.parametrize(
    ("answers", "is_over_it"),
    [
        pytest.param({"connect": "421 busy"}, False, id="before it was greeted"),
        pytest.param({"mail": "421 busy"}, False, id="it had enough when it heard of us"),
        pytest.param({"mail": "hello?"}, False, id="it answered us with garbage"),
        pytest.param({"mail": Does.HANG_UP}, True, id="pipelined, it hung up without an answer"),
        pytest.param({"rcpt": "421 closing"}, True, id="it had enough when it heard of the recipient"),
        pytest.param({"rcpt": "hello?"}, True, id="it answered the recipient with garbage"),
        pytest.param({"data": Does.HANG_UP}, True, id="it hung up before the body"),
    ],
)
def test_a_break_after_the_recipient_was_named_may_be_about_him(answers: dict[str, Any], is_over_it: bool) -> None:
    with ScriptedServer(**answers) as server, sender_to(server) as sender:
        (receipt,) = sender.send_batch([a_message()], always)
    assert (receipt.outcome, receipt.broke_over_it, receipt.fault_is_ours) == (DEFERRED, is_over_it, True)


def test_a_server_that_always_hangs_up_is_not_hammered() -> None:
    batch = [a_message(recipient=f"ada{number}@example.com") for number in range(50)]
    with ScriptedServer((), mail=Does.HANG_UP) as server, sender_to(server) as sender:
        assert [r.outcome for r in sender.send_batch(batch, always)] == [DEFERRED] * 50
        assert server.connections == 2


def test_nobody_listening_defers_the_batch() -> None:
    with closed_port() as port:
        sender = SmtpSender(Server("127.0.0.1", port), connections=1)
        receipts = list(sender.send_batch([a_message(), a_message()], always))
    assert [(r.outcome, r.fault_is_ours) for r in receipts] == [(DEFERRED, True)] * 2
    assert f"127.0.0.1:{port}" in receipts[0].response


@pytest.mark.parametrize(
    ("answer", "code"), [("421 too busy", 421), ("554 no mail from your network", 554), ("hello?", None)]
)
def test_a_server_that_does_not_let_us_in_defers_the_batch_after_one_attempt(answer: str, code: int | None) -> None:
    with ScriptedServer(connect=answer) as server, sender_to(server) as sender:
        receipts = list(sender.send_batch([a_message() for _ in range(9)], always))
        assert server.connections == 1
    assert {(r.outcome, r.code, r.fault_is_ours) for r in receipts} == {(DEFERRED, code, True)}


@pytest.mark.parametrize("point", ["connect", "ehlo", "mail", "rcpt", "data"])
def test_silence_before_the_body_is_deferred(point: str) -> None:
    answers: dict[str, Any] = {point: Does.STAY_SILENT}
    with ScriptedServer(**answers) as server, sender_to(server, timeouts=SHORT) as sender:
        assert outcomes(sender, 1) == [DEFERRED]
        assert server.bodies == []


# ---------------------------------------------------------------- the gap between the body and the answer


@pytest.mark.parametrize("answer", [Does.HANG_UP, "what?", "2"])
def test_no_clear_answer_after_the_final_dot_is_unknown_and_never_tried_again(answer: str | Does) -> None:
    """RFC 1047: it may have been delivered."""
    with ScriptedServer(body=[answer, OK]) as server, sender_to(server) as sender:
        assert outcomes(sender, 2) == [Outcome.UNKNOWN, ACCEPTED]
        assert len(server.bodies) == 2


def test_nor_is_a_mail_tried_again_after_silence_and_the_next_one_leaves() -> None:
    with (
        ScriptedServer(body=[Does.STAY_SILENT, OK]) as server,
        sender_to(server, timeouts=SHORT_AFTER_THE_DOT) as sender,
    ):
        first, second = outcomes(sender, 2)
        server.wait_for_bodies(2)
        assert len(server.said("RCPT")) == 2
    assert first is Outcome.UNKNOWN
    assert second in (ACCEPTED, Outcome.UNKNOWN), "a busy machine is not told from a silent one"


def test_a_server_that_swallows_bodies_gets_two_and_no_more() -> None:
    with ScriptedServer(body=Does.HANG_UP) as server, sender_to(server) as sender:
        assert outcomes(sender, 9) == [Outcome.UNKNOWN] * 2 + [DEFERRED] * 7
        assert len(server.bodies) == 2


def test_421_after_the_final_dot_is_an_answer() -> None:
    with ScriptedServer(body=["421 4.3.2 going down", OK]) as server, sender_to(server) as sender:
        assert outcomes(sender, 2) == [DEFERRED, ACCEPTED]


def test_a_go_that_fails_breaks_off_before_the_body_and_reaches_the_caller() -> None:
    def go(*_messages: Message) -> set[UUID]:
        raise RuntimeError("the database is away")

    with ScriptedServer() as server, sender_to(server) as sender:
        with pytest.raises(RuntimeError, match="database"):
            list(sender.send_batch([a_message()], go))
        assert outcomes(sender, 1) == [ACCEPTED]
        assert len(server.bodies) == 1


def test_a_caller_who_stops_in_the_middle_leaves_a_clean_connection() -> None:
    with ScriptedServer() as server, sender_to(server) as sender:
        for _receipt in sender.send_batch([a_message(), a_message()], always):
            break
        assert outcomes(sender, 1) == [ACCEPTED]
        assert len(server.bodies) == 2
