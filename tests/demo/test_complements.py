"""The demo proves from the stored picks that its mails offer complements."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import insert, update

from aftercart.db.tables import picks, products, sends
from aftercart.demo.complements import unfit_picks
from tests.rows import MONDAY, Rows, a_database

CATEGORIES = {
    "ROAD": "Road Bikes", "TRAIL": "Mountain Bikes", "HELMET": "Helmets", "CAGE": "Cages",
    "CAGE2": "Cages", "GLOVES": "Gloves", "GLOVES2": "Gloves", "POLISH": "Polish", "WAX": "Wax",
}  # fmt: skip
ONE_OR_THE_OTHER = [(sku, "HELMET") for sku in ("ROAD", "TRAIL", "POLISH", "WAX")]
PAST = 100 * ONE_OR_THE_OTHER + 20 * [("CAGE", "CAGE2"), ("GLOVES",), ("GLOVES2",)]


class Mails:
    """Mails about an order, put into a database with a past."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._buyer = rows.recipient()
        with rows.db.write() as connection:
            blank = dict.fromkeys(("brand", "family", "color", "description", "image_url", "url"), "")
            facts = {"price_minor": 1000, "currency": "EUR", "published": True, "updated_at": MONDAY}
            for sku, category in CATEGORIES.items():
                kind = {"category": category, "department": "Bikes" if "Bikes" in category else "Accessories"}
                connection.execute(insert(products), {**blank, **facts, **kind, "sku": sku, "title": f"The {sku}"})
        for number, skus in enumerate(PAST):
            self.order(skus, MONDAY - timedelta(days=30, minutes=number))

    def order(self, skus: tuple[str, ...], at: datetime = MONDAY) -> int:
        """An order with these products; its id."""
        order_id = self._rows.order(self._buyer, at)
        for line_no, sku in enumerate(skus):
            self._rows.line(order_id, sku, 1, 1000, line_no)
        return order_id

    def offer(self, bought: tuple[str, ...], sku: str, because: str, source: str = "lightfm", by: str = "v1") -> UUID:
        """A mail about an order with these products, with one pick."""
        send_id = self._rows.send(self.order(bought), self._buyer)
        pick = {"send_id": send_id, "slot": 1, "sku": sku, "title": sku, "because": because, "source": source}
        with self._rows.db.write() as connection:
            connection.execute(insert(picks), {**pick, "score": 1.0, "evidence": {}})
            connection.execute(update(sends).where(sends.c.id == send_id).values(model_version=by))
        return send_id

    def faults(self) -> list[str]:
        """What the books say about them."""
        with self._rows.db.read() as connection:
            return list(unfit_picks(connection, MONDAY))


@pytest.fixture
def mails(tmp_path: Path) -> Iterator[Mails]:
    rows = Rows(a_database(tmp_path))
    yield Mails(rows)
    rows.db.close()


def test_complements_are_no_fault(mails: Mails) -> None:
    mails.offer(("ROAD",), "HELMET", because="ROAD")
    mails.offer(("TRAIL", "GLOVES"), "CAGE", because="GLOVES")
    mails.offer(("ROAD",), "GLOVES", because="", source="best_sellers")
    assert mails.faults() == []


def test_another_of_the_same_kind_is_a_fault_unless_people_buy_both(mails: Mails) -> None:
    mails.offer(("CAGE",), "CAGE2", because="CAGE")
    assert mails.faults() == []
    wrong = mails.offer(("GLOVES", "CAGE"), "GLOVES2", because="GLOVES")
    [fault] = mails.faults()
    assert fault.startswith("1 picks are of the category of something bought, though people do not buy both")
    assert fault.endswith(f"such as GLOVES2 in send {wrong}")


def test_what_past_orders_keep_apart_is_a_fault_unless_it_goes_with_something_else_of_the_order(mails: Mails) -> None:
    mails.offer(("POLISH", "HELMET"), "WAX", because="HELMET")
    assert mails.faults() == []
    mails.offer(("POLISH",), "WAX", because="POLISH")
    mails.offer(("POLISH",), "WAX", because="", source="best_sellers")
    [fault] = mails.faults()
    assert fault.startswith("2 picks are of a category that people do not buy together with any of what was bought")


def test_a_bike_for_somebody_who_bought_a_bike_is_a_fault_though_it_goes_with_the_helmet_beside_it(
    mails: Mails,
) -> None:
    mails.offer(("HELMET",), "TRAIL", because="HELMET")
    assert mails.faults() == []
    wrong = mails.offer(("ROAD", "HELMET"), "TRAIL", because="HELMET")
    assert mails.faults() == [f"1 picks are bikes for somebody who bought a bike, such as TRAIL in send {wrong}"]


def test_a_pick_that_names_nothing_of_its_order_is_a_fault(mails: Mails) -> None:
    mails.offer(("ROAD",), "HELMET", because="TRAIL", source="bought_together")
    mails.offer(("ROAD",), "HELMET", because="")
    [fault] = mails.faults()
    assert fault.startswith("2 picks name no product of their order as the reason, such as HELMET")


def test_what_only_the_replayed_week_shows_excuses_no_trained_model(mails: Mails) -> None:
    """Forty buyers of both kinds of gloves, all of them in the week: only who counts as it goes may know."""
    for _ in range(40):
        mails.order(("GLOVES", "GLOVES2"))
    mails.offer(("GLOVES",), "GLOVES2", because="GLOVES", by="fallback")
    assert mails.faults() == []
    mails.offer(("GLOVES",), "GLOVES2", because="GLOVES", by="20260302T000000Z-1")
    assert len(mails.faults()) == 1
