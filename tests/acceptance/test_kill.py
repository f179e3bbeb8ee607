"""T01, T02: SIGKILL at any moment neither loses nor doubles a mail.

`KILLS=100` for a long run, `KILL_SEED=...` for the moments of an earlier one.
"""

import os
import random
import threading
from collections import Counter
from pathlib import Path
from time import monotonic, sleep

from aftercart.delivery.smtp.sender import CONNECTIONS
from tests.deployment import UP, Deployment, Process, deployed
from tests.mail_sink import MailSink, mail_sink

KILLS = int(os.environ.get("KILLS", "4"))
SEED = os.environ.get("KILL_SEED") or os.environ.get("CI") or str(random.randrange(10_000))
FEWEST_ORDERS = 100
THREADS = 4
MOST_CONNECTIONS = CONNECTIONS + THREADS - 1
"""Each may leave one mail in doubt when it dies. They are shared, but every batch has one in any case."""


def test_killed_at_random_moments_it_loses_and_doubles_no_mail(tmp_path: Path) -> None:
    print(f"KILL_SEED={SEED}")
    rng = random.Random(SEED)
    with mail_sink(answer_within_s=0.02) as sink:
        shop = deployed(tmp_path / "shop", sink.url, workers=str(THREADS))
        started = monotonic()
        with shop.up():
            starting_takes = monotonic() - started
            shop.stock_the_shop()
            orders = _Orders(shop)
            orders.start()
            sink.wait_for(1)
        in_doubt = _no_more_in_doubt_than_connections(shop, 0)  # leaving the block killed it
        for kill in range(KILLS):
            if kill % 2:
                _kill_while_it_starts(shop, rng.uniform(0, 1.5 * starting_takes))
            else:
                _kill_while_it_works(shop, rng.uniform(0, 2))
            in_doubt = _no_more_in_doubt_than_connections(shop, in_doubt)
        with shop.up() as process:
            posted = orders.finish()
            _wait_until_all_is_settled(shop, process, posted)
            assert process.stop() == 0
        _no_more_in_doubt_than_connections(shop, in_doubt)
    _each_order_came_to_its_end(shop, sink, posted)


def _kill_while_it_starts(shop: Deployment, after_s: float) -> None:
    """`after_s` may lie anywhere between its start and the first mails of the backlog."""
    with shop.running(UP) as [process]:
        sleep(after_s)
        process.kill()


def _kill_while_it_works(shop: Deployment, after_s: float) -> None:
    with shop.up() as process:
        sleep(after_s)
        process.kill()


class _Orders(threading.Thread):
    """A shop that sends a webhook for each order, again and again until it is taken."""

    def __init__(self, shop: Deployment) -> None:
        super().__init__(daemon=True)
        self._shop = shop
        self._enough = threading.Event()
        self._posted = 0

    def run(self) -> None:
        while self._posted < FEWEST_ORDERS or not self._enough.wait(0.03):
            while self._shop.post(self._shop.order(f"{self._posted}"), f"order-{self._posted}") != 200:
                sleep(0.05)
            self._posted += 1

    def finish(self) -> int:
        """Take no more orders; how many there were."""
        self._enough.set()
        self.join()
        return self._posted


def _no_more_in_doubt_than_connections(shop: Deployment, before: int) -> int:
    """Of one death. A start settles what the one before it left."""
    states = Counter(send["state"] for send in shop.sends())
    assert states["unknown"] + states["sending"] <= before + MOST_CONNECTIONS, states
    return states["unknown"] + states["sending"]


def _wait_until_all_is_settled(shop: Deployment, process: Process, orders: int) -> None:
    deadline = monotonic() + 120
    states: Counter[str] = Counter()
    while states.total() <= orders or states["scheduled"] or states["sending"]:
        assert monotonic() < deadline, f"{states}\n{process.log}"
        sleep(0.2)
        states = Counter(send["state"] for send in shop.sends())


def _each_order_came_to_its_end(shop: Deployment, sink: MailSink, orders: int) -> None:
    sends = shop.sends()
    by_state = {state: {s["email"] for s in sends if s["state"] == state} for state in ("sent", "unknown", "skipped")}
    buyers = {f"buyer{number}@example.com" for number in range(orders)}
    assert by_state["sent"] | by_state["unknown"] == buyers, Counter(s["state"] for s in sends)
    assert all(send["reason"] for send in sends)
    assert len(sends) == orders + 1
    arrived = set(sink.addresses)
    assert max(sink.message_ids.values()) == max(sink.addresses.values()) == 1
    assert by_state["sent"] <= arrived <= buyers
    never_arrived = buyers - arrived
    assert never_arrived <= by_state["unknown"]
    print(f"{orders} orders, {len(by_state['unknown'])} in doubt, {len(never_arrived)} of them never arrived")
