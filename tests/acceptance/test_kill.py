"""T01, T02: SIGKILL at any moment neither loses nor doubles a mail."""

import os
import random
import threading
from collections import Counter
from pathlib import Path
from time import monotonic, sleep

from tests.deployment import Deployment, Process, deployed
from tests.mail_sink import MailSink, mail_sink

KILLS = 5
ORDERS = 150
THREADS = 4
"""Worker threads, so connections: each may leave one mail in doubt when it dies."""


def test_killed_at_random_moments_it_loses_and_doubles_no_mail(tmp_path: Path) -> None:
    seed = int(os.environ.get("KILL_SEED", random.randrange(10_000)))
    print(f"KILL_SEED={seed}")
    rng = random.Random(seed)
    with mail_sink(answer_within_s=0.02) as sink:
        shop = deployed(tmp_path / "shop", sink.url, workers=str(THREADS))
        orders = _Orders(shop)
        for killed in range(KILLS + 1):
            with shop.up() as process:
                if not killed:
                    shop.stock_the_shop()
                    orders.start()
                if killed < KILLS:
                    sleep(rng.uniform(0.0, 2.0))
                    process.kill()
                    continue
                orders.join()
                _wait_until_all_is_settled(shop, process)
                assert process.stop() == 0
    _check(shop, sink)


class _Orders(threading.Thread):
    """A shop that sends a webhook for each order, again and again until it is taken."""

    def __init__(self, shop: Deployment) -> None:
        super().__init__(daemon=True)
        self._shop = shop

    def run(self) -> None:
        for number in range(ORDERS):
            while self._shop.post(self._shop.order(f"{number}"), f"order-{number}") != 200:
                sleep(0.05)
            sleep(0.03)


def _wait_until_all_is_settled(shop: Deployment, process: Process) -> None:
    deadline = monotonic() + 60
    states: Counter[str] = Counter()
    while states.total() <= ORDERS or states["scheduled"] or states["sending"]:
        assert monotonic() < deadline, f"{states}\n{process.log}"
        sleep(0.2)
        states = Counter(send["state"] for send in shop.sends())


def _check(shop: Deployment, sink: MailSink) -> None:
    sends = shop.sends()
    by_state = {state: {s["email"] for s in sends if s["state"] == state} for state in ("sent", "unknown", "skipped")}
    buyers = {f"buyer{number}@example.com" for number in range(ORDERS)}
    assert by_state["sent"] | by_state["unknown"] == buyers, Counter(s["state"] for s in sends)
    assert all(send["reason"] for send in sends)
    assert len(sends) == ORDERS + 1
    assert max(sink.message_ids.values()) == max(sink.addresses.values()) == 1
    assert by_state["sent"] <= set(sink.addresses)
    assert len(by_state["unknown"]) <= THREADS * KILLS
