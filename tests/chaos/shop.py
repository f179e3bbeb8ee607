"""The shop: its files, and its webhooks, which it posts again and again until they are taken."""

import json
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import sleep
from typing import Any

import httpx

from aftercart.intake.signing import sign_generic
from aftercart.testing import GENERIC_SECRET
from tests.cast import BODY, Shop

CAMPAIGNS = ("accessories", "thanks")
"""Both mail every order, so each order is two sends."""
YAML = """\
campaign: {name}
status: active
trigger: order.completed
steps:
  - {{id: complements, after: {after}, valid_for: {valid_for}, template: plain}}
"""
POISON_EVERY = 25
"""Every so many orders one whose mails can never be rendered, and one whose mailbox breaks every connection."""
BREAKS_FOR_POISON = BODY.replace("Shop</a>", "Shop</a> {{ 1 // (order.lines[0].quantity - 1) }}")
_NONE_KEPT = httpx.Limits(max_keepalive_connections=0)


def shop_files(folder: Path, after: str = "1s", valid_for: str = "12h", limits: Sequence[str] = ()) -> Shop:
    """Two campaigns that mail at any hour, and a template on which some orders break. `limits`: of the sender."""
    texts = [YAML.format(name=name, after=after, valid_for=valid_for) for name in CAMPAIGNS]
    brand = f"senders: [{{limits: [{', '.join(limits)}]}}]\n" if limits else ""
    return Shop(folder).write(*texts, brand=brand).template("plain", BREAKS_FOR_POISON)


def pause(shop: Shop) -> None:
    """The marketer pauses both campaigns."""
    _rewrite(shop, "status: active", "status: paused")


def resume(shop: Shop) -> None:
    """The marketer lets them go on."""
    _rewrite(shop, "status: paused", "status: active")


def _rewrite(shop: Shop, old: str, new: str) -> None:
    for number in range(len(CAMPAIGNS)):
        file = shop.folder / "campaigns" / f"{number}.yaml"
        edited = file.with_suffix(".new")
        edited.write_text(file.read_text().replace(old, new))
        edited.replace(file)


def address_of(order_id: str) -> str:
    return f"buyer{order_id}@example.com"


def is_poison(number: int) -> bool:
    """Whether its mails cannot be rendered."""
    return number % POISON_EVERY == POISON_EVERY // 2


def is_poisonous_mailbox(number: int) -> bool:
    return number % POISON_EVERY == POISON_EVERY // 2 + 1


class Door:
    """Posts signed webhooks to the generic door."""

    def __init__(self, port: int, clock: Callable[[], datetime]) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._clock = clock
        self._client = httpx.Client(timeout=10, limits=_NONE_KEPT)

    def is_ready(self) -> bool:
        try:
            return self._client.get(f"{self._url}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def post(self, type_: str, data: Mapping[str, Any], webhook_id: str) -> int:
        """The status of the answer; 0 if there was none."""
        now = self._clock()
        content = json.dumps(
            {"type": type_, "timestamp": data.get("placed_at", now.isoformat()), "data": data}
        ).encode()
        headers = sign_generic(GENERIC_SECRET, webhook_id, content, now)
        try:
            return self._client.post(f"{self._url}/webhooks/generic", content=content, headers=headers).status_code
        except httpx.TransportError:
            return 0

    def insist(self, type_: str, data: Mapping[str, Any], webhook_id: str) -> None:
        """Post it until it is taken. 401: the clock has been stepped since it was signed."""
        while (status := self.post(type_, data, webhook_id)) != 200:
            assert status in (0, 401, 503), f"{type_} {webhook_id}: {status}"
            sleep(0.05)

    def order(self, number: int) -> dict[str, Any]:
        """An order of now, of a person of its own."""
        order_id = str(number)
        return {
            "order_id": order_id,
            "placed_at": self._clock().isoformat(),
            "currency": "EUR",
            "customer": {"id": order_id, "email": address_of(order_id), "first_name": "Ada", "accepts_marketing": True},
            "lines": [
                {"sku": "BIKE", "title": "Road bike", "quantity": 1 if is_poison(number) else 3, "unit_price": "900.00"}
            ],
        }

    def close(self) -> None:
        self._client.close()


class Feed(threading.Thread):
    """Orders that come in while all the rest happens."""

    def __init__(self, door: Door, rng: random.Random, fewest: int, pause_s: float, start: int) -> None:
        super().__init__(daemon=True)
        self._door, self._rng, self._fewest, self._pause_s = door, rng, fewest, pause_s
        self._next = start
        self._enough = threading.Event()
        self.posted: list[int] = []
        self.fault: BaseException | None = None

    def run(self) -> None:
        try:
            while len(self.posted) < self._fewest or not self._enough.is_set():
                self._door.insist("order.completed", self._door.order(self._next), f"order-{self._next}")
                self.posted.append(self._next)
                self._next += 1
                sleep(self._rng.uniform(0, 2 * self._pause_s))
        except BaseException as err:  # noqa: BLE001  # told to the thread that waits
            self.fault = err

    def finish(self) -> None:
        """No more orders than the fewest."""
        self._enough.set()
        self.join()
        if self.fault:
            raise self.fault


@contextmanager
def orders_come_in(
    door: Door, rng: random.Random, fewest: int, pause_s: float = 0.01, start: int = 0
) -> Iterator[Feed]:
    """While the block lasts, and until there are enough of them."""
    feed = Feed(door, rng, fewest, pause_s, start)
    feed.start()
    yield feed
    feed.finish()
