"""Buyers and customers as they are told become rows, alike on SQLite and PostgreSQL."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from aftercart.consent.statement import Basis, ConsentState, ConsentStatement
from aftercart.db.session import Database
from aftercart.db.tables import address_moves, consents, customers, orders, recipients, suppressions
from aftercart.intake.changes import Buyer, CustomerSeen, OrderSeen
from tests.intake.store.told import NO, NOON, NOW, YES, only, order, rows, tell


def consent_rows(db: Database) -> list[tuple[str, datetime]]:
    return [(row["state"], row["at"]) for row in rows(db, consents)]


def seen(
    email: str | None = "ada@example.com", customer_id: str | None = "77", at: datetime | None = None, **details: Any
) -> CustomerSeen:
    return CustomerSeen(Buyer(customer_id, email, **details), at)


def test_details_follow_the_newest_that_are_not_empty(db: Database) -> None:
    tell(db, OrderSeen(order()))
    tell(db, seen(first_name="Ada L.", time_zone=""))
    person = only(db, recipients)
    assert (person["first_name"], person["time_zone"]) == ("Ada L.", "Europe/Paris")


HOUR = timedelta(hours=1)


@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "one by one"])
def test_a_late_older_record_moves_nobody_back(db: Database, at_once: bool) -> None:
    newer = seen("new@example.com", at=NOON + HOUR, first_name="Ada L.", consent=ConsentStatement(NO, "t", NOON + HOUR))
    older = seen(at=NOON, first_name="A.", country="FR", consent=ConsentStatement(YES, "t", NOON))
    tell(db, seen(at=NOON - HOUR, first_name="A."))
    for batch in ((newer, older),) if at_once else ((newer,), (older,)):
        tell(db, *batch)
    new = next(row for row in rows(db, recipients) if row["email"] == "new@example.com")
    assert only(db, customers)["recipient_id"] == new["id"]
    assert [row["at"] for row in rows(db, address_moves)] == [NOON + HOUR]
    assert sorted(consent_rows(db)) == [("denied", NOON + HOUR), ("granted", NOON)]


def test_an_older_record_of_the_same_address_only_fills_gaps(db: Database) -> None:
    tell(db, seen(at=NOON + HOUR, first_name="Ada L.", locale=""))
    tell(db, seen(at=NOON, first_name="A.", locale="fr-FR"))
    person = only(db, recipients)
    assert (person["first_name"], person["locale"]) == ("Ada L.", "fr-FR")


def test_an_order_that_is_told_once_more_says_of_its_buyer_what_was_when_it_was_placed(db: Database) -> None:
    tell(db, OrderSeen(order()))
    tell(db, seen(at=NOON + HOUR, first_name="Ada L."))
    tell(db, OrderSeen(order(24 * 60)))
    assert only(db, recipients)["first_name"] == "Ada L."


def test_a_record_without_a_date_is_as_of_when_it_comes(db: Database) -> None:
    tell(db, seen(at=NOON + HOUR))
    tell(db, seen("new@example.com"))
    assert [row["at"] for row in rows(db, address_moves)] == [NOW]
    tell(db, seen("newest@example.com", at=NOON + 2 * HOUR))
    assert len(rows(db, address_moves)) == 2


def test_a_shop_whose_clock_is_ahead_keeps_out_nothing_that_comes_later(db: Database) -> None:
    tell(db, seen(at=NOW + 1000 * HOUR, first_name="A."))
    tell(db, seen("new@example.com", at=NOW + HOUR, first_name="Ada L."), now=NOW + HOUR)
    assert [row["at"] for row in rows(db, address_moves)] == [NOW + HOUR]


def test_what_is_kept_of_a_customer_depends_on_what_was_told_not_on_when(db: Database) -> None:
    """Every order of three versions of a record."""
    told = [
        seen(f"ada{n}@example.com", at=NOON + n * HOUR, first_name=f"A{n}", locale="fr-FR" if n == 1 else "")
        for n in range(3)
    ]
    for number, versions in enumerate(permutations(told)):
        for version in versions:
            tell(db, replace(version, buyer=replace(version.buyer, customer_id=f"c{number}")))
    (newest,) = [row["id"] for row in rows(db, recipients) if row["email"] == "ada2@example.com"]
    assert {row["recipient_id"] for row in rows(db, customers)} == {newest}


def test_an_import_only_fills_gaps_about_people(db: Database) -> None:
    tell(db, seen(first_name="Ada"))
    tell(db, OrderSeen(order(buyer=Buyer("77", "ada@example.com", "Old name", country="FR"), imported=True)))
    person = only(db, recipients)
    assert (person["first_name"], person["country"]) == ("Ada", "FR")


def test_a_customer_who_moves_to_another_address_is_written_to_there(db: Database) -> None:
    tell(db, OrderSeen(order()))
    tell(db, seen("ada@new.example"))
    tell(db, OrderSeen(order(id_="1002", buyer=Buyer("77", None))))
    addresses = {row["id"]: row["email"] for row in rows(db, recipients)}
    assert [addresses[row["recipient_id"]] for row in rows(db, orders)] == ["ada@example.com", "ada@new.example"]


def test_an_address_given_with_one_order_does_not_move_the_customer(db: Database) -> None:
    tell(db, seen("ada@example.com"))
    tell(db, OrderSeen(order(buyer=Buyer("77", "office@example.com"))))
    addresses = {row["id"]: row["email"] for row in rows(db, recipients)}
    assert addresses[only(db, customers)["recipient_id"]] == "ada@example.com"
    assert addresses[only(db, orders)["recipient_id"]] == "office@example.com"


def test_earlier_orders_find_the_address_that_comes_later(db: Database) -> None:
    (id_,) = tell(db, OrderSeen(order(buyer=Buyer("77"))))
    assert only(db, orders)["recipient_id"] is None
    assert tell(db, seen()) == [id_]
    assert only(db, orders)["recipient_id"] == only(db, recipients)["id"]
    assert tell(db, seen()) == []


def test_an_address_that_comes_with_a_second_order_changes_the_first_one_too(db: Database) -> None:
    (first,) = tell(db, OrderSeen(order(buyer=Buyer("77"))))
    changed = tell(db, OrderSeen(order(id_="1002")))
    assert first in changed
    assert len(changed) == 2


@pytest.mark.parametrize("buyer", [None, Buyer()])
def test_an_order_of_nobody_is_still_an_order(db: Database, buyer: Buyer | None) -> None:
    tell(db, OrderSeen(order(buyer=buyer)))
    assert (only(db, orders)["customer_id"], only(db, orders)["recipient_id"]) == (None, None)
    assert rows(db, recipients) == []


def test_consent_is_recorded_once_for_each_time_it_was_given(db: Database) -> None:
    def says(state: ConsentState, day: int) -> CustomerSeen:
        return seen(consent=ConsentStatement(state, "shop", NOON + timedelta(days=day), Basis.EXPRESS))

    tell(db, says(YES, 0), says(YES, 1))
    tell(db, says(YES, 1))
    tell(db, seen())
    given = [("granted", NOON), ("granted", NOON + timedelta(days=1))]
    assert consent_rows(db) == given
    tell(db, says(NO, 2))
    tell(db, says(YES, 1))
    assert consent_rows(db) == [*given, ("denied", NOON + timedelta(days=2))]


def test_consent_that_arrives_late_is_recorded_under_its_time(db: Database) -> None:
    tell(db, seen(consent=ConsentStatement(NO, "shop", NOON)))
    tell(db, seen(consent=ConsentStatement(YES, "shop", NOON - timedelta(days=1))))
    newest = max(consent_rows(db), key=lambda row: row[1])
    assert newest == ("denied", NOON)
    assert len(consent_rows(db)) == 2


PROOF = {"basis": "", "wording": "", "ip": "", "undated": False}


def test_a_shops_yes_stands_beside_our_own_unanswered_question(db: Database) -> None:
    tell(db, seen())
    ada = only(db, recipients)["id"]
    asked = {"recipient_id": ada, "state": "pending", "source": "form", "at": NOON, "recorded_at": NOON, **PROOF}
    with db.write() as connection:
        connection.execute(consents.insert(), [asked])
    tell(db, seen(consent=ConsentStatement(YES, "shop", None)))
    assert consent_rows(db) == [("pending", NOON)]
    tell(db, seen(consent=ConsentStatement(YES, "shop", NOW)))
    assert consent_rows(db) == [("pending", NOON), ("granted", NOW)]


def test_no_shop_lifts_a_suppression(db: Database) -> None:
    left = {
        "email": "ada@example.com",
        "scope": "brand",
        "topic": "",
        "reason": "unsubscribed",
        "source": "link",
        "at": NOON,
    }
    with db.write() as connection:
        connection.execute(suppressions.insert(), [left])
    tell(db, seen(consent=ConsentStatement(YES, "shop", NOW)))
    kept = only(db, suppressions)
    assert {name: kept[name] for name in left} == left
