"""What can go wrong, one function each: orders come in, something breaks, time passes, and the verdict is given."""

import resource
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep

from celery import Celery
from sqlalchemy import select

from aftercart.db.tables import sends
from aftercart.ledger.states import OPEN
from aftercart.queue.port import QUEUE_OF
from tests.chaos.lab import LONGEST_S, Lab, slow_server
from tests.chaos.mail_server import Does, Fault
from tests.chaos.rig import STRIDE, Rig
from tests.chaos.servers import RabbitMQ, Redis, until
from tests.chaos.shop import address_of, is_poison, is_poisonous_mailbox, orders_come_in, pause, resume
from tests.chaos.verdict import Verdict

HOUR = timedelta(hours=1)
ASKED_AGAIN_AFTER = timedelta(minutes=16)
"""A mail that was held by a pause asks again within a quarter of an hour."""
CERTIFICATE = Path(__file__).parents[1] / "delivery" / "localhost.pem"

Scenario = Callable[[Lab], Verdict]


# ---------------------------------------------------------------- processes die


def kills_of_one_process(lab: Lab) -> Verdict:
    """`aftercart up` on SQLite is killed again and again, at its start and at work."""
    name = "kill -9: up, SQLite"
    with slow_server(lab.rng(name)) as server, lab.embedded(name, server) as rig:
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), lab.much(120)) as feed:
            for _ in range(lab.much(40)):
                _wait_for_a_bad_moment(rig)
                rig.kill("up")
                rig.processes.keep_up()
        return _ended(name, rig, feed.posted)


def _wait_for_a_bad_moment(rig: Rig) -> None:
    """At random; every other time while mails are being handed over, if there are any soon."""
    if rig.rng.random() < 0.5:
        sleep(rig.rng.uniform(0, 0.8))
        return
    deadline = monotonic() + 2
    while not rig.server.bodies and monotonic() < deadline:
        sleep(0.001)
    sleep(rig.rng.uniform(0, LONGEST_S))


def kills_of_a_fleet(lab: Lab) -> Verdict:
    """Workers, their children, schedulers and web are killed; each is started again a moment later."""
    return _kills_of_a_fleet(lab, "kill -9: fleet, Redis", Redis, lab.much(130))


def kills_of_a_fleet_on_rabbitmq(lab: Lab) -> Verdict:
    """The same on another broker."""
    return _kills_of_a_fleet(lab, "kill -9: fleet, RabbitMQ", RabbitMQ, lab.much(30))


def _kills_of_a_fleet(lab: Lab, name: str, kind: type[Redis | RabbitMQ], kills: int) -> Verdict:
    with slow_server(lab.rng(name)) as server, lab.fleet(name, server, kind=kind) as (rig, _):
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), 3 * kills) as feed:
            for _ in range(kills):
                _wait_for_a_bad_moment(rig)
                rig.kill(rig.rng.choice([name for name in rig.processes.names if rig.processes.runs(name)]))
                if rig.rng.random() < 0.7:
                    rig.processes.keep_up()
            rig.processes.keep_up()
        return _ended(name, rig, feed.posted)


# ---------------------------------------------------------------- what they stand on goes away


def broker_in_trouble(lab: Lab) -> Verdict:
    """Redis is flushed, frozen, killed and started empty."""
    name = "broker: Redis"
    with slow_server(lab.rng(name)) as server, lab.fleet(name, server) as (rig, broker):
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), lab.much(150)) as feed:
            for turn in range(lab.much(9)):
                sleep(rig.rng.uniform(0.2, 1))
                if turn % 3:
                    broker.kill()
                    sleep(rig.rng.uniform(0, 2))
                    broker.start()
                else:
                    broker.forget()
        return _ended(name, rig, feed.posted)


def rabbitmq_in_trouble(lab: Lab) -> Verdict:
    """RabbitMQ is emptied, killed and started again."""
    name = "broker: RabbitMQ"
    with slow_server(lab.rng(name)) as server, lab.fleet(name, server, kind=RabbitMQ) as (rig, broker):
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), lab.much(150)) as feed:
            for turn in range(lab.much(4)):
                sleep(rig.rng.uniform(0.5, 2))
                if turn % 2:
                    broker.kill()
                    broker.start()
                else:
                    broker.forget()
        return _ended(name, rig, feed.posted)


def database_crashes(lab: Lab) -> Verdict:
    """PostgreSQL is stopped as by a power cut, and recovers."""
    name = "database: PostgreSQL crashes"
    with slow_server(lab.rng(name)) as server, lab.fleet(name, server) as (rig, _):
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), lab.much(200)) as feed:
            for _ in range(lab.much(6)):
                sleep(rig.rng.uniform(0.5, 2))
                with rig.trouble():
                    lab.postgres.crash()
                    sleep(rig.rng.uniform(0, 1))
                    lab.postgres.start()
        return _ended(name, rig, feed.posted)


def disk_full(lab: Lab) -> Verdict:
    """No file of the process may grow any more, as on a full disk; then there is room again. Needs no root."""
    name = "disk full: SQLite"
    with slow_server(lab.rng(name)) as server, lab.embedded(name, server) as rig:
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), lab.much(150)) as feed:
            for _ in range(lab.much(6)):
                sleep(rig.rng.uniform(0.3, 1))
                _a_full_disk(rig)
        return _ended(name, rig, feed.posted)


def _files_may_grow_to(rig: Rig, size: int) -> None:
    """Beyond this, writing fails (EFBIG)."""
    pid = rig.processes.pid("up")
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


# ---------------------------------------------------------------- the mail server misbehaves


REPLIES = [
    Fault("rcpt", "421 4.3.2 closing", 2),
    Fault("body", "421 4.3.2 closing", 2),
    Fault("rcpt", "450 4.2.1 mailbox busy", 3),
    Fault("rcpt", "451 4.7.1 greylisted", 3),
    Fault("body", "451 4.3.0 try again", 3),
    Fault("mail", "452 4.3.1 no room", 0),
    Fault("rcpt", "452 4.2.2 mailbox full", 2),
    Fault("data", "451 4.3.0 not now", 2),
    Fault("rcpt", "550 5.1.1 no such user", 2),
    Fault("rcpt", "550 5.7.1 not you", 2),
    Fault("body", "552 5.3.4 too large", 2),
    Fault("body", "554 5.6.0 no", 2),
    Fault("rcpt", Does.HANG_UP, 2),
    Fault("rcpt", Does.RESET, 2),
    Fault("rcpt", Does.GARBAGE, 2),
    Fault("data", Does.GARBAGE, 2),
    Fault("rcpt", Does.TRICKLE, 2),
    Fault("body", Does.TRICKLE, 2),
    Fault("body", Does.HANG_UP, 2, leaves_in_doubt=True),
    Fault("body", Does.RESET, 2, leaves_in_doubt=True),
    Fault("body", Does.GARBAGE, 2, leaves_in_doubt=True),
]
"""Every class of answer that is none of the usual ones. Each order is two mails, so twice is once for each."""


def every_reply(lab: Lab) -> Verdict:
    """Each class of fault, many times over, among mails that go well."""
    name = "SMTP: every class of answer"
    with slow_server(lab.rng(name)) as server, lab.embedded(name, server) as rig:
        _spread(rig, REPLIES, every=3, upto=lab.much(240))
        server.faults[""] = Fault("connect", "421 4.3.2 too many connections", 3)
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), lab.much(240)) as feed:
            pass
        return _ended(name, rig, feed.posted)


def silence(lab: Lab) -> Verdict:
    """The server falls silent before and after the dot, for longer than anybody waits, then hangs up."""
    name = "SMTP: silence, half-open"
    faults = [Fault("rcpt", Does.STAY_SILENT, 1), Fault("body", Does.STAY_SILENT, 1, leaves_in_doubt=True)]
    with slow_server(lab.rng(name)) as server, lab.fleet(name, server) as (rig, _):
        _spread(rig, faults, every=40, upto=lab.much(120))
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), lab.much(120)) as feed:
            pass
        until(lambda: server.held, "the server has fallen silent")
        sleep(1)
        server.let_go()
        with _silence_ends(rig):
            return _ended(name, rig, feed.posted)


def late_answers(lab: Lab) -> Verdict:
    """T04: the server answers when the lease has run out long ago; nobody else has taken the mail meanwhile."""
    name = "SMTP: answers after the lease"
    faults = [Fault("rcpt", Does.ANSWER_WHEN_LET_GO, 1), Fault("body", Does.ANSWER_WHEN_LET_GO, 1)]
    with slow_server(lab.rng(name)) as server, lab.fleet(name, server) as (rig, _):
        _spread(rig, faults, every=20, upto=lab.much(80))
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), lab.much(80)) as feed:
            pass
        until(lambda: server.held, "the server has fallen silent")
        for _ in range(3):
            rig.clock.step(timedelta(minutes=12))
            sleep(1.5)
        with _silence_ends(rig):
            return _ended(name, rig, feed.posted)


@contextmanager
def _silence_ends(rig: Rig) -> Iterator[None]:
    """Whoever falls silent from now on is let go soon."""
    ended = threading.Event()

    def let_go() -> None:
        while not ended.wait(0.3):
            rig.server.let_go()

    letting_go = threading.Thread(target=let_go)
    letting_go.start()
    try:
        yield
    finally:
        ended.set()
        letting_go.join()


def tls_fails(lab: Lab) -> Verdict:
    """STARTTLS is refused, broken off and not understood; then it works."""
    name = "SMTP: TLS fails"
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    trust = {"SSL_CERT_FILE": str(CERTIFICATE)}
    with slow_server(lab.rng(name), tls=context) as server, lab.embedded(name, server, **trust) as rig:
        rig.start()
        posted: list[int] = []
        for does in (Does.BREAK_TLS, "454 4.7.0 not now", Does.GARBAGE):
            server.faults[""] = Fault("starttls", does, 2)
            server.forget_what_was_done("")
            with orders_come_in(rig.door, lab.rng(name), lab.much(20), start=len(posted)) as feed:
                pass
            posted += feed.posted
            rig.settle()
        return _ended(name, rig, posted)


def _spread(rig: Rig, faults: list[Fault], every: int, upto: int) -> None:
    """Every so many orders the next fault, but not to those that are poison."""
    healthy = (number for number in range(upto) if not is_poison(number) and not is_poisonous_mailbox(number))
    for turn, number in enumerate(number for number in healthy if number % every == 0):
        rig.misbehave(number, faults[turn % len(faults)])


# ---------------------------------------------------------------- time, webhooks, people


def clock_steps(lab: Lab) -> Verdict:
    """The clocks of all processes jump an hour, forth and back; workers are killed in between."""
    name = "clock: an hour both ways"
    with slow_server(lab.rng(name)) as server, lab.fleet(name, server) as (rig, _):
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), lab.much(150)) as feed:
            for turn in range(lab.much(10)):
                sleep(rig.rng.uniform(0.2, 1))
                _a_step_of_the_clock(rig)
                if turn % 3 == 0:
                    rig.kill(rig.rng.choice(["deliver-0", "deliver-1"]))
                    rig.processes.keep_up()
        return _ended(name, rig, feed.posted)


def webhooks_in_any_order(lab: Lab) -> Verdict:
    """T43, T44: every webhook three times, at once and shuffled; some orders are canceled before they are placed."""
    name = "webhooks: doubled, shuffled"
    with slow_server(lab.rng(name)) as server, lab.fleet(name, server) as (rig, _):
        rig.start()
        numbers = range(lab.much(150))
        canceled = {number for number in numbers if number % 5 == 0}
        rig.hopeless |= {address_of(str(number)) for number in canceled}
        calls = [("order.completed", rig.door.order(number), f"order-{number}") for number in numbers]
        calls += [("order.canceled", {"order_id": str(number)}, f"canceled-{number}") for number in canceled]
        calls *= 3
        rig.rng.shuffle(calls)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda call: rig.door.insist(*call), calls))
        return _ended(name, rig, list(numbers), planned=len(numbers) - len(canceled))


def pause_and_resume(lab: Lab) -> Verdict:
    """T02: a marketer who cannot decide, while a due set goes out slowly."""
    name = "pause and resume"
    later = {"after": "10m", "valid_for": "3d"}
    with slow_server(lab.rng(name), longest_s=0.3) as server, lab.embedded(name, server, campaigns=later) as rig:
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), lab.much(200), pause_s=0) as feed:
            pass
        rig.wait_until_planned(len(feed.posted))
        for _ in range(lab.much(50)):
            rig.clock.step(ASKED_AGAIN_AFTER)
            sleep(rig.rng.uniform(0, 0.5))
            pause(rig.shop)
            sleep(rig.rng.uniform(0, 0.2))
            resume(rig.shop)
        return _ended(name, rig, feed.posted)


def eight_workers(lab: Lab) -> Verdict:
    """T03: eight workers, one due set, and every message about it three times."""
    name = "eight workers, one due set"
    with slow_server(lab.rng(name), longest_s=0.0) as server, lab.fleet(name, server, delivering=8) as (rig, broker):
        workers = [name for name in rig.processes.names if name.startswith("deliver")]
        rig.processes.keep_up(*(set(rig.processes.names) - set(workers)))
        until(rig.door.is_ready, "the web process answers")
        with orders_come_in(rig.door, lab.rng(name), lab.much(400), pause_s=0) as feed:
            pass
        rig.wait_until_planned(len(feed.posted))
        _nudge_again(rig, broker.url, times=2)
        rig.processes.keep_up()
        return _ended(name, rig, feed.posted)


def _nudge_again(rig: Rig, broker_url: str, times: int) -> None:
    """Messages about all due sends, shuffled, so that the same send stands in several of them."""
    with rig.db.read() as connection:
        due = [
            str(send_id) for send_id in connection.execute(select(sends.c.id).where(sends.c.state.in_(OPEN))).scalars()
        ]
    with Celery(broker=broker_url, set_as_current=False) as anybody:
        for _ in range(times):
            rig.rng.shuffle(due)
            for start in range(0, len(due), 100):
                anybody.send_task("deliver", args=[due[start : start + 100]], queue=QUEUE_OF["deliver"])


FEW = 36
"""Orders of the short form."""


def a_bit_of_everything(lab: Lab) -> Verdict:
    """The short form: one process, killed while its disk, its clock and its mail server misbehave."""
    name = "a bit of everything"
    with slow_server(lab.rng(name)) as server, lab.embedded(name, server) as rig:
        _spread(rig, rig.rng.sample(REPLIES, len(REPLIES)), every=2, upto=FEW)
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), FEW) as feed:
            for happens in rig.rng.sample([_a_kill, _a_kill, _a_kill, _a_full_disk, _a_step_of_the_clock], k=5):
                sleep(rig.rng.uniform(0, 0.5))
                happens(rig)
        for number in feed.posted[::3]:
            rig.door.insist("order.completed", rig.door.order(number), f"order-{number}")
        return _ended(name, rig, feed.posted, stride=timedelta(seconds=40))


def _a_kill(rig: Rig) -> None:
    _wait_for_a_bad_moment(rig)
    rig.kill("up")
    rig.processes.keep_up()


def _a_full_disk(rig: Rig) -> None:
    until(rig.door.is_ready, "the web process answers")  # one that starts on a full disk ends at once, and says so
    with rig.trouble():
        _files_may_grow_to(rig, 0)
        sleep(rig.rng.uniform(0.2, 1))
        _files_may_grow_to(rig, resource.RLIM_INFINITY)


def _a_step_of_the_clock(rig: Rig) -> None:
    with rig.trouble():  # what waits for its answer while an hour passes has run out of its lease
        rig.clock.step(rig.rng.choice([HOUR, -HOUR]))
        sleep(0.1)


# ---------------------------------------------------------------- the end of each


def _ended(name: str, rig: Rig, posted: list[int], planned: int | None = None, stride: timedelta = STRIDE) -> Verdict:
    rig.processes.keep_up()
    rig.wait_until_planned(len(posted) if planned is None else planned)
    rig.settle(stride)
    rig.processes.stop()
    return rig.judge(name, posted)


ALL: tuple[Scenario, ...] = (
    every_reply,
    silence,
    late_answers,
    tls_fails,
    kills_of_one_process,
    kills_of_a_fleet,
    broker_in_trouble,
    database_crashes,
    disk_full,
    clock_steps,
    webhooks_in_any_order,
    pause_and_resume,
    eight_workers,
)
WITH_RABBITMQ: tuple[Scenario, ...] = (kills_of_a_fleet_on_rabbitmq, rabbitmq_in_trouble)
