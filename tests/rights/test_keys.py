"""Numbers that a shop makes of an address are hashed when somebody is forgotten, and known again all the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import enrollments, events, order_reversals, orders, recipients
from aftercart.pipeline import rights
from aftercart.policy.address_hash import is_hash
from aftercart.testing import engine, run_until
from tests.cast import ADA, BIKE, CHIKA, DAY, HOUR, MONDAY, Shop, campaign, clock_of, order, outbox, refund, rows, tell
from tests.rights.everywhere import everywhere

NUMBER = f"{ADA['email']}-17"
DELIVERED = f"order-of-{ADA['email']}"
RECEIPT = (
    "campaign: receipt\nstatus: active\nclass: transactional\ntrigger: order.delivered\n"
    "steps: [{id: receipt, after: 1h, template: plain}]\n"
)


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    files = Shop(tmp_path).write(campaign(), RECEIPT).files
    with engine(tmp_path / "data", SteppedClock(MONDAY), database_url=database_url, **files) as app:
        yield app


def forgotten(app: App) -> None:
    """Ada ordered, by a shop that writes her address into its numbers, and was forgotten; Chika stays."""
    order(app, NUMBER, ADA, [BIKE, {**BIKE, "sku": "LOCK"}], webhook_id=DELIVERED, placed_at=MONDAY.isoformat())
    order(app, f"CHIKA%40example.com-{NUMBER.partition('@')[0]}", CHIKA)
    partly(app)
    rights.erase(app, str(ADA["email"]))


def partly(app: App) -> None:
    """A line is refunded, and the refund's number names her, too."""
    back: dict[str, Any] = {"order_id": NUMBER, "refund_id": f"of {ADA['email']}"}
    tell(app, "order.refunded", {**back, "lines": [{"sku": "LOCK", "quantity": 1}]}, webhook_id=f"back-{DELIVERED}")


def named(app: App) -> set[str]:
    return {place for place, text in everywhere(app) if "ada@example" in text.lower()}


def test_no_number_names_whoever_was_forgotten(app: App) -> None:
    forgotten(app)
    assert named(app) == set()
    hers, other = rows(app, orders)
    assert is_hash(hers["shop_order_id"])
    assert other["shop_order_id"].startswith("CHIKA")
    assert {row["shop_order_id"] for row in rows(app, order_reversals)} == {hers["shop_order_id"]}


def test_the_same_webhooks_again_are_known_and_bring_nobody_back(app: App) -> None:
    forgotten(app)
    before = [rows(app, table) for table in (events, orders, order_reversals, recipients)]
    order(app, NUMBER, ADA, [BIKE, {**BIKE, "sku": "LOCK"}], webhook_id=DELIVERED, placed_at=MONDAY.isoformat())
    partly(app)
    assert [rows(app, table) for table in (events, orders, order_reversals, recipients)] == before


@pytest.mark.parametrize("number", [NUMBER, "17"])
def test_a_later_version_of_their_order_counts_and_brings_nobody_back(app: App, number: str) -> None:
    """And nobody is written to about it, whatever is owed."""
    order(app, number, ADA)
    rights.erase(app, str(ADA["email"]))
    clock_of(app).step(HOUR)
    order(
        app, number, ADA, [{**BIKE, "quantity": 2, "title": "Bike of ada@example.com"}], webhook_id=f"anew-{DELIVERED}"
    )
    assert named(app) == set()
    (there,) = rows(app, orders)
    assert there["total_minor"] == 180_000
    assert [row["email"].partition(":")[0] for row in rows(app, recipients)] == ["erased"]
    tell(app, "order.delivered", {"order_id": number})
    run_until(app, MONDAY + 5 * DAY)
    assert outbox(app).messages == []
    assert {row["state"] for row in rows(app, enrollments)} == {"exited"}
    refund(app, number)
    assert [row["state"] for row in rows(app, orders)] == ["refunded"]
    assert named(app) == set()
