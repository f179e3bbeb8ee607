"""Clocks that are set, webhooks in any order, people who cannot decide, and too many workers."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import sleep

from celery import Celery
from sqlalchemy import select

from aftercart.db.tables import sends
from aftercart.ledger.states import OPEN
from aftercart.queue.port import QUEUE_OF
from tests.chaos.lab import Lab, slow_server
from tests.chaos.mail_server import MailServer
from tests.chaos.rig import Rig
from tests.chaos.servers import until
from tests.chaos.shop import address_of, orders_come_in, pause, resume
from tests.chaos.troubles import HOUR, a_step_of_the_clock, wait_for_a_bad_moment
from tests.chaos.verdict import Verdict

ASKED_AGAIN_AFTER = timedelta(minutes=16)
"""A mail that was held by a pause asks again within a quarter of an hour."""


def clock_steps(lab: Lab) -> Verdict:
    """The clocks of all processes jump an hour, forth and back; workers are killed in between."""
    name = "clock: an hour both ways"
    with slow_server(lab.rng(name)) as server, lab.fleet(name, server) as (rig, _):
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), lab.much(150)) as feed:
            for turn in range(lab.much(10)):
                wait_for_a_bad_moment(rig)
                a_step_of_the_clock(rig)
                if turn % 3 == 0:
                    wait_for_a_bad_moment(rig)
                    rig.kill(rig.rng.choice(["deliver-0", "deliver-1"]))
                    rig.processes.keep_up()
        return rig.ended(name, feed.posted)


def clock_steps_with_limits(lab: Lab) -> Verdict:
    """The same where the sender has limits, whose seconds and days are told by that clock: mails go on after each step
    and do not wait for the clock to be where it was."""
    name = "clock: an hour both ways, limits"
    limits = {"valid_for": "9d", "limits": ["20 per second", "300 per day"]}
    with slow_server(lab.rng(name)) as server, lab.fleet(name, server, campaigns=limits) as (rig, _):
        rig.start()
        with orders_come_in(rig.door, lab.rng(name), lab.much(200), pause_s=0.05) as feed:
            for turn in range(lab.much(10)):
                wait_for_a_bad_moment(rig)
                a_step_of_the_clock(rig)
                if turn == 0:
                    _mails_go_on(server)
                if turn % 3 == 0:
                    rig.kill(rig.rng.choice(["deliver-0", "deliver-1"]))
                    rig.processes.keep_up()
        rig.wait_until_planned(len(feed.posted))
        while rig.has_due_ones_at_rest():  # a day's quota is used up
            rig.clock.step(HOUR)
        return rig.ended(name, feed.posted)


def _mails_go_on(server: MailServer) -> None:
    before = len(server.taken)
    until(lambda: len(server.taken) > before, "mails go on after the step")


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
        return rig.ended(name, list(numbers), planned=len(numbers) - len(canceled))


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
        return rig.ended(name, feed.posted)


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
        return rig.ended(name, feed.posted)


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
