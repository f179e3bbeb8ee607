"""Several senders behind one port: real SMTP servers, and what all workers share in a real database."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from aftercart.clock import SteppedClock
from aftercart.db.session import Database
from aftercart.delivery.base import Held, Message, Outcome, Receipt
from aftercart.delivery.limits.breaker import FAULTS_TO_OPEN, FIRST_REST
from aftercart.delivery.limits.quota import UNLIMITED, Limit, Limits, Mailboxes, Per
from aftercart.delivery.limits.traffic import View
from aftercart.delivery.router import Router
from aftercart.delivery.senders import senders_from_urls
from aftercart.delivery.smtp.sender import CONNECTIONS
from aftercart.delivery.store import SharedTraffic
from tests.messages import a_message, always
from tests.smtp_server import OK, Does, ScriptedServer

ACCEPTED, DEFERRED, HELD = Outcome.ACCEPTED, Outcome.DEFERRED, Outcome.HELD
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FIRST, SECOND = "smtp:127.0.0.1", "smtp:127.0.0.1#2"
BUSY = "421 4.3.2 too busy"
AWAY = {"connect": BUSY}


@contextmanager
def router(
    database: Database,
    servers: Sequence[ScriptedServer],
    limits: Mapping[str, Limits] | None = None,
    clock: Callable[[], datetime] | None = None,
) -> Iterator[Router]:
    """A worker that hands mail to these servers in turn. A `SteppedClock` waits by moving on."""
    clock = clock or SteppedClock(NOON)
    senders = senders_from_urls(" ".join(f"smtp://127.0.0.1:{server.port}" for server in servers))
    traffic = SharedTraffic(database, clock, [s.name for s in senders], lambda n: (limits or {}).get(n, UNLIMITED))

    def wait(seconds: float) -> None:
        if isinstance(clock, SteppedClock):
            clock.step(timedelta(seconds=seconds))

    made = Router(senders, traffic, clock, wait)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def sqlite(newest_sqlite: Path, tmp_path: Path) -> Iterator[Database]:
    """For what has to do with senders alone; what is shared is tested on each kind of database."""
    shutil.copy(newest_sqlite, tmp_path / "aftercart.db")
    with closing(Database(f"sqlite:///{tmp_path / 'aftercart.db'}")) as opened:
        yield opened


def send(router: Router, *messages: Message) -> list[Receipt]:
    return list(router.send_batch(messages, always))


def some(count: int, domain: str = "example.com") -> list[Message]:
    return [a_message(recipient=f"p{number}@{domain}") for number in range(count)]


def faults_of(database: Database) -> int:
    """How many faults of a sender in a row all workers know."""
    with database.read() as connection:
        return int(connection.exec_driver_sql("SELECT coalesce(max(faults), 0) FROM senders").scalar_one())


def outcomes(receipts: Sequence[Receipt]) -> list[Outcome]:
    return [receipt.outcome for receipt in receipts]


# ---------------------------------------------------------------- fail-over


def test_while_the_first_works_it_gets_everything(sqlite: Database) -> None:
    with ScriptedServer() as one, ScriptedServer() as two, router(sqlite, [one, two]) as sender:
        receipts = send(sender, *some(5))
        assert (len(one.bodies), two.connections) == (5, 0)
    assert {(receipt.outcome, receipt.via) for receipt in receipts} == {(ACCEPTED, FIRST)}


def test_when_the_first_is_away_the_second_takes_the_whole_batch(sqlite: Database) -> None:
    with ScriptedServer(**AWAY) as one, ScriptedServer() as two, router(sqlite, [one, two]) as sender:
        seen: list[str] = []

        def go(*messages: Message) -> set[UUID]:
            seen.extend(message.via for message in messages)
            return always(*messages)

        receipts = list(sender.send_batch(some(5), go))
        assert (one.connections, len(two.bodies)) == (1, 5)
    assert {(receipt.outcome, receipt.via) for receipt in receipts} == {(ACCEPTED, SECOND)}
    assert seen == [SECOND] * 5, "the pipeline learns who takes it before the body leaves"


def test_a_mail_that_the_first_may_have_taken_is_never_offered_to_the_second(sqlite: Database) -> None:
    """The connection breaks after the body: nobody knows. What had not begun goes to the second."""
    batch = some(9)
    with ScriptedServer(body=Does.HANG_UP) as one, ScriptedServer() as two, router(sqlite, [one, two]) as sender:
        receipts = send(sender, *batch)
        at_one, at_two = ({m.send_id for m in batch if m.message_id in str(s.bodies)} for s in (one, two))
    assert at_one
    assert at_one.isdisjoint(at_two)
    assert at_one | at_two == {message.send_id for message in batch}
    fates = {receipt.send_id: (receipt.outcome, receipt.via) for receipt in receipts}
    assert {fates[send_id] for send_id in at_one} == {(Outcome.UNKNOWN, FIRST)}
    assert {fates[send_id] for send_id in at_two} == {(ACCEPTED, SECOND)}


def test_a_mail_whose_hand_over_had_begun_is_not_offered_to_the_second_even_if_it_was_refused(
    sqlite: Database,
) -> None:
    """Its attempt is on record with the first; the next attempt may go to the second."""
    refuses = ["421 4.3.2 going down", OK]
    with ScriptedServer(body=refuses) as one, ScriptedServer() as two, router(sqlite, [one, two]) as sender:
        receipts = send(sender, *some(3))
        assert (len(one.bodies), len(two.bodies)) == (3, 0)
    assert [(r.outcome, r.via) for r in receipts] == [(DEFERRED, FIRST), (ACCEPTED, FIRST), (ACCEPTED, FIRST)]


def test_a_sender_that_refuses_us_for_one_recipient_is_passed_over_for_that_mail_alone(sqlite: Database) -> None:
    not_ben = lambda said: "550 5.7.1 relaying denied" if "ben@" in said else OK  # noqa: E731
    batch = [*some(2), a_message(recipient="ben@example.com"), *some(2)]
    with ScriptedServer(rcpt=not_ben) as one, ScriptedServer() as two, router(sqlite, [one, two]) as sender:
        receipts = send(sender, *batch)
        assert outcomes(receipts) == [ACCEPTED] * 5
        assert two.said("RCPT") == ["RCPT TO:<ben@example.com>"]


def test_who_does_not_exist_at_the_first_is_not_tried_at_the_second(sqlite: Database) -> None:
    with ScriptedServer(rcpt="550 5.1.1 nobody") as one, ScriptedServer() as two:
        with router(sqlite, [one, two]) as sender:
            (receipt,) = send(sender, a_message())
        assert two.connections == 0
    assert (receipt.outcome, receipt.hard_bounce) == (Outcome.REJECTED, True)


def test_when_no_sender_can_be_reached_one_attempt_is_made_and_the_rest_is_held(sqlite: Database) -> None:
    with ScriptedServer(**AWAY) as one, ScriptedServer(**AWAY) as two, router(sqlite, [one, two]) as sender:
        receipts = send(sender, *some(20))
        assert (one.connections, two.connections) == (1, 1)
    assert outcomes(receipts) == [DEFERRED] + [HELD] * 19
    assert {receipt.held for receipt in receipts[1:]} == {Held.DOWN}
    assert min(receipt.held_until or NOON for receipt in receipts[1:]) > NOON


# ---------------------------------------------------------------- the breaker


def test_a_sender_that_is_out_of_order_is_left_alone_and_then_probed_with_one_mail(database: Database) -> None:
    clock, away = SteppedClock(NOON), True
    with (
        ScriptedServer(connect=lambda _: BUSY if away else OK) as server,
        router(database, [server], clock=clock) as sender,
    ):
        with capture_logs() as logs:
            for _ in range(FAULTS_TO_OPEN):
                send(sender, *some(3))
        assert [line["event"] for line in logs if line["log_level"] == "error"] == ["sender_down"]
        assert "aftercart senders" in str(logs)
        tried = server.connections
        assert outcomes(send(sender, *some(50))) == [HELD] * 50
        assert server.connections == tried, "it is left alone"
        clock.step(FIRST_REST)
        assert outcomes(send(sender, *some(10))) == [DEFERRED] + [HELD] * 9
        assert server.connections == tried + 1, "one mail probes"
        assert outcomes(send(sender, *some(10))) == [HELD] * 10
        away = False
        clock.step(2 * FIRST_REST)
        with capture_logs() as logs:
            assert outcomes(send(sender, *some(10))) == [ACCEPTED] * 10
        assert [line["event"] for line in logs] == ["sender_works_again"]


def test_a_server_that_hangs_up_on_everybody_opens_it_after_a_few_of_them(database: Database) -> None:
    with ScriptedServer(rcpt=Does.HANG_UP) as server, router(database, [server]) as sender:
        receipts = send(sender, *some(50))
        assert server.connections <= FAULTS_TO_OPEN + CONNECTIONS
    tried = outcomes(receipts).count(DEFERRED)
    assert FAULTS_TO_OPEN <= tried <= FAULTS_TO_OPEN + CONNECTIONS
    assert outcomes(receipts).count(HELD) == 50 - tried


def test_retries_over_which_it_breaks_wait_by_themselves_and_say_nothing_about_it(sqlite: Database) -> None:
    batch = [a_message(recipient=f"p{number}@example.com", tries=1) for number in range(30)]
    with ScriptedServer(rcpt=Does.HANG_UP) as server, router(sqlite, [server]) as sender:
        receipts = send(sender, *batch)
    tried = outcomes(receipts).count(DEFERRED)
    assert tried <= FAULTS_TO_OPEN + CONNECTIONS, "and the server is not hammered"
    assert outcomes(receipts).count(HELD) == 30 - tried
    assert faults_of(sqlite) == 0


def test_all_mails_to_one_mailbox_over_which_it_breaks_say_as_much_as_one(sqlite: Database) -> None:
    batch = [a_message(recipient="ben@example.com") for _ in range(9)]
    with ScriptedServer(rcpt=Does.HANG_UP) as server, router(sqlite, [server]) as sender:
        assert outcomes(send(sender, *batch)) == [DEFERRED] * 9
    assert faults_of(sqlite) == 1


def test_while_it_is_tried_mails_over_which_it_breaks_do_not_keep_the_others_waiting(database: Database) -> None:
    clock, ill = SteppedClock(NOON), True
    stumbles = lambda said: Does.HANG_UP if ill or "ben" in said else OK  # noqa: E731
    with ScriptedServer(rcpt=stumbles) as server, router(database, [server], clock=clock) as sender:
        send(sender, *some(20))
        assert outcomes(send(sender, *some(3))) == [HELD] * 3
        clock.step(FIRST_REST)
        ill = False
        bens = [a_message(recipient=f"ben{number}@example.com") for number in range(3)]
        assert outcomes(send(sender, *bens, *some(3))) == [DEFERRED] * 3 + [ACCEPTED] * 3


def test_a_mail_over_which_the_first_breaks_goes_through_the_second(sqlite: Database) -> None:
    not_ben = lambda said: Does.HANG_UP if "ben@" in said else OK  # noqa: E731
    batch = [*some(2), a_message(recipient="ben@example.com"), *some(2)]
    with ScriptedServer(rcpt=not_ben) as one, ScriptedServer() as two, router(sqlite, [one, two]) as sender:
        receipts = send(sender, *batch)
        assert outcomes(receipts) == [ACCEPTED] * 5
        assert (len(one.bodies), len(two.bodies)) == (4, 1)


def test_a_mail_over_which_the_first_breaks_backs_off_even_if_the_second_is_not_to_be_had(sqlite: Database) -> None:
    """Held without an attempt, it would be offered as if for the first time, again and again."""
    full = {SECOND: limited("1 per day")}
    with ScriptedServer(rcpt=Does.HANG_UP) as one, ScriptedServer() as two, router(sqlite, [one, two], full) as sender:
        receipts = send(sender, *some(3))
    assert sorted(outcomes(receipts)) == [ACCEPTED, DEFERRED, DEFERRED]
    assert {(r.outcome, r.via) for r in receipts} == {(ACCEPTED, SECOND), (DEFERRED, FIRST)}


def test_refused_and_greylisted_recipients_leave_it_closed(sqlite: Database) -> None:
    refuses = ["550 5.1.1 nobody"] * 10 + ["450 4.2.0 greylisted"] * 10 + [OK]
    with ScriptedServer(rcpt=refuses) as server, router(sqlite, [server]) as sender:
        receipts = send(sender, *some(21))
    assert outcomes(receipts) == [Outcome.REJECTED] * 10 + [DEFERRED] * 10 + [ACCEPTED]


def test_what_one_worker_finds_out_all_know(database: Database) -> None:
    clock = SteppedClock(NOON)
    with ScriptedServer(**AWAY) as server, router(database, [server], clock=clock) as one:
        for _ in range(FAULTS_TO_OPEN):
            send(one, a_message())
        tried = server.connections
        with router(database, [server], clock=clock) as two:
            assert outcomes(send(two, *some(5))) == [HELD] * 5
            clock.step(FIRST_REST)
            assert one.traffic.probe(FIRST)
            assert not two.traffic.probe(FIRST), "one of them probes"
        assert server.connections == tried


# ---------------------------------------------------------------- limits


def limited(*limits: str, mailboxes: Mailboxes | None = None) -> Limits:
    about = dict.fromkeys(mailboxes.domains, mailboxes) if mailboxes else {}
    return Limits(tuple(map(Limit.parse, limits)), mailboxes=about)


def test_once_the_day_of_the_first_is_used_up_the_second_goes_on(database: Database) -> None:
    with ScriptedServer() as one, ScriptedServer() as two:
        with router(database, [one, two], {FIRST: limited("3 per day"), SECOND: limited("4 per day")}) as sender:
            receipts = send(sender, *some(10))
        assert (len(one.bodies), len(two.bodies)) == (3, 4)
    assert outcomes(receipts) == [ACCEPTED] * 7 + [HELD] * 3
    assert {receipt.held for receipt in receipts[7:]} == {Held.THROTTLED}
    assert "4 per day" in receipts[-1].response or "3 per day" in receipts[-1].response


def test_a_pace_is_waited_for_and_is_no_reason_to_take_another_sender(sqlite: Database) -> None:
    clock = SteppedClock(NOON)
    with ScriptedServer() as one, ScriptedServer() as two:
        with router(sqlite, [one, two], {FIRST: limited("5 per second")}, clock) as sender:
            assert outcomes(send(sender, *some(25))) == [ACCEPTED] * 25
        assert (len(one.bodies), two.connections) == (25, 0)
    assert timedelta(seconds=4) <= clock() - NOON <= timedelta(seconds=5.5)


def test_counts_outlive_the_process_and_are_shared(database: Database) -> None:
    limits = {FIRST: limited("3 per hour")}
    with ScriptedServer() as server:
        with router(database, [server], limits) as one:
            send(one, *some(2))
        with router(database, [server], limits) as two, router(database, [server], limits) as three:
            assert outcomes([*send(two, *some(1)), *send(three, *some(2))]) == [ACCEPTED, HELD, HELD]


def test_mail_to_one_domain_waits_by_itself_and_in_line(database: Database) -> None:
    gmail = Mailboxes(("gmail.com", "googlemail.com"), (Limit(4, Per.SECOND),))
    batch = [*some(10, "gmail.com"), *some(2, "GoogleMail.com"), *some(5)]
    with ScriptedServer() as server, router(database, [server], {FIRST: limited(mailboxes=gmail)}) as sender:
        receipts = {receipt.send_id: receipt for receipt in send(sender, *batch)}
        in_order = [receipts[message.send_id] for message in batch]
    taken = [receipt.outcome for receipt in in_order[:12]].count(ACCEPTED)
    assert 6 <= taken <= 9, "four a second for some two seconds"
    assert outcomes(in_order) == [ACCEPTED] * taken + [HELD] * (12 - taken) + [ACCEPTED] * 5
    assert [said.rpartition("@")[2] for said in server.said("RCPT")[1:6]] == ["example.com>"] * 5, (
        "nobody waits for them"
    )
    turns = [receipt.held_until or NOON for receipt in in_order[taken:12]]
    assert turns == sorted(set(turns)), "they do not all come back at once"


def test_a_mail_that_is_held_back_at_the_last_instant_stays_so(sqlite: Database) -> None:
    with ScriptedServer() as server, router(sqlite, [server]) as sender:
        (receipt,) = sender.send_batch([a_message()], lambda *_: ())
    assert receipt.outcome is Outcome.WITHHELD


def test_what_is_unlimited_and_works_writes_nothing(sqlite: Database) -> None:
    with ScriptedServer() as server, router(sqlite, [server]) as sender:
        send(sender, *some(3))
    with sqlite.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM senders").scalar() == 0
        assert connection.exec_driver_sql("SELECT count(*) FROM sender_usage").scalar() == 0


@pytest.mark.parametrize("count", [1, 3])
def test_a_caller_that_stops_early_leaves_everything_usable(sqlite: Database, count: int) -> None:
    with ScriptedServer() as server, router(sqlite, [server]) as sender:
        for _receipt in sender.send_batch(some(3), always):
            break
        assert outcomes(send(sender, *some(count))) == [ACCEPTED] * count


# ---------------------------------------------------------------- the database is away


class Away(SharedTraffic):
    """From the given mail on, what all workers share cannot be read."""

    left = 3

    def _look(self, sender: str) -> Any:
        if self.left <= 0:
            raise OperationalError("SELECT", {}, Exception("the database is away"))
        return super()._look(sender)

    def view(self, sender: str, domain: str) -> View:
        self.left -= 1
        return super().view(sender, domain)


def test_mails_under_way_get_their_receipts_though_the_database_is_away(sqlite: Database) -> None:
    """They have left, and their answers are true whether anybody can be told of them or not."""
    with ScriptedServer() as server:
        (sender,) = senders_from_urls(f"smtp://127.0.0.1:{server.port}")
        with closing(
            Router([sender], Away(sqlite, SteppedClock(NOON), [FIRST], lambda _: UNLIMITED), SteppedClock(NOON))
        ) as made:
            told: list[Receipt] = []
            with pytest.raises(OperationalError):
                told.extend(made.send_batch(some(5), always))
            assert len(server.bodies) == 2
    assert outcomes(told) == [ACCEPTED] * 2
