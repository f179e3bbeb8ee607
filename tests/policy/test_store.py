from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, event, insert

from aftercart.consent import store as consent_store
from aftercart.consent.standing import ConsentRules
from aftercart.consent.statement import ConsentState
from aftercart.db.session import Database
from aftercart.db.tables import consents, enrollments, orders, recipients, sends, suppressions
from aftercart.policy import store
from aftercart.policy.address_hash import AddressHashes
from aftercart.policy.competition import Rival
from aftercart.policy.frequency_cap import Counted
from aftercart.policy.suppression import Suppression, SuppressionReason, SuppressionScope

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ADA, BEN, CHIKA = 1, 2, 3
HASHES = AddressHashes(["k" * 40])
TOPIC = "recommendations"
"""Of a mail that names none."""


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """A transaction with the people in it, on each kind of database."""
    with database.write() as connection:
        people = [{"id": n, "email": f"{n}@example.com", "created_at": NOW} for n in (ADA, BEN, CHIKA)]
        connection.execute(insert(recipients), [{**_EMPTY_PERSON, **person} for person in people])
        yield connection


_EMPTY_PERSON = {"first_name": "", "locale": "", "time_zone": "", "country": ""}


def consent(connection: Connection, person: int, state: ConsentState, at: datetime) -> None:
    evidence = {"basis": "", "wording": "", "ip": "", "undated": False}
    row = {"recipient_id": person, "state": state, "source": "checkout", "at": at, "recorded_at": NOW, **evidence}
    connection.execute(insert(consents), row)


def send(connection: Connection, number: int, person: int, **changes: Any) -> None:
    order = {"id": number, "shop": "generic", "shop_order_id": str(number), "state": "completed", "currency": "EUR"}
    order |= {
        "total_minor": 100,
        "country": "",
        "region": "",
        "placed_at": NOW,
        "source_updated_at": NOW,
        "imported": False,
    }
    enrollment = {"id": number, "campaign": "accessories", "campaign_version": "v", "order_id": number}
    enrollment |= {"recipient_id": person, "state": "active", "created_at": NOW}
    planned = {"id": UUID(int=number), "enrollment_id": number, "campaign": "accessories", "step": "one"}
    planned |= {"config_version": "v", "order_id": number, "recipient_id": person, "state": "scheduled", "priority": 50}
    planned |= {"due_at": NOW, "valid_until": NOW, "wake_at": NOW, "attempt": 0, "tries": 0, "created_at": NOW}
    connection.execute(insert(orders), order)
    connection.execute(insert(enrollments), enrollment)
    connection.execute(insert(sends), planned | changes)


def test_the_newest_word_of_a_person_holds(connection: Connection) -> None:
    consent(connection, ADA, ConsentState.GRANTED, NOW)
    consent(connection, ADA, ConsentState.DENIED, NOW - HOUR)
    consent(connection, BEN, ConsentState.GRANTED, NOW - HOUR)
    consent(connection, BEN, ConsentState.DENIED, NOW - HOUR)
    assert consent_store.standings(connection, {ADA: ADA, BEN: BEN, CHIKA: CHIKA}, NOW, ConsentRules()) == {
        ADA: ConsentState.GRANTED,
        BEN: ConsentState.DENIED,  # of two words at one instant the no
    }


def test_all_suppressions_of_an_address_are_found(connection: Connection) -> None:
    rows = [("1@example.com", "brand", "unsubscribed"), ("1@example.com", "all", "hard_bounce")]
    for email, scope, reason in rows:
        connection.execute(
            insert(suppressions),
            {"email": email, "scope": scope, "topic": "", "reason": reason, "source": "test", "at": NOW},
        )
    found = store.suppressions_of(connection, ["1@example.com", "2@example.com"], HASHES)
    assert found == {
        "1@example.com": (
            Suppression(SuppressionScope.BRAND, SuppressionReason.UNSUBSCRIBED, NOW),
            Suppression(SuppressionScope.ALL, SuppressionReason.HARD_BOUNCE, NOW),
        )
    }


def test_only_mails_that_hold_a_slot_are_counted(connection: Connection) -> None:
    send(connection, 1, ADA, state="sent", counted_at=NOW - HOUR)
    send(connection, 2, ADA, state="failed", counted_at=None)
    send(connection, 3, ADA, state="unknown", counted_at=NOW - 2 * HOUR)
    send(connection, 4, ADA, state="sent", counted_at=NOW - 50 * HOUR)
    send(connection, 5, BEN, state="sent", counted_at=NOW - HOUR)
    assert store.counted_sends(connection, {ADA: ADA}, NOW - 24 * HOUR, NOW) == {
        ADA: (Counted(NOW - 2 * HOUR, "accessories", TOPIC), Counted(NOW - HOUR, "accessories", TOPIC))
    }


def test_a_claim_holds_its_slot_until_its_lease_runs_out(connection: Connection) -> None:
    send(connection, 1, ADA, counted_at=NOW - HOUR, lease_until=NOW + HOUR)
    send(connection, 2, BEN, counted_at=NOW - HOUR, lease_until=NOW)
    assert set(store.counted_sends(connection, {ADA: ADA, BEN: BEN}, NOW - 24 * HOUR, NOW)) == {ADA}


def test_rivals_are_the_mails_still_waiting(connection: Connection) -> None:
    later = {"valid_until": NOW + 72 * HOUR}
    send(connection, 1, ADA, due_at=NOW + HOUR, priority=80, **later)
    send(connection, 2, ADA, due_at=NOW + 30 * HOUR, **later)
    send(connection, 3, ADA, due_at=NOW, state="skipped", **later)
    send(connection, 4, ADA, due_at=NOW, counted_at=NOW, lease_until=NOW + HOUR, **later)
    send(connection, 5, ADA, due_at=NOW + HOUR, valid_until=NOW + HOUR)
    send(connection, 6, ADA, due_at=NOW - HOUR, valid_until=NOW)
    assert store.planned_sends(connection, {ADA: ADA}, NOW + 24 * HOUR, NOW) == {
        ADA: (Rival(UUID(int=1), NOW + HOUR, "accessories", TOPIC, 80),)
    }
    assert store.planned_sends(connection, {ADA: ADA}, NOW + 24 * HOUR, NOW, campaigns=["reviews"]) == {}


def test_a_thousand_people_take_few_queries(connection: Connection) -> None:
    statements: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda *call: statements.append(call[2]))
    consent_store.standings(connection, {n: n for n in range(1000)}, NOW, ConsentRules())
    store.persons_of(connection, range(1000))
    store.counted_sends(connection, {n: n for n in range(1000)}, NOW, NOW)
    store.suppressions_of(connection, [f"{n}@example.com" for n in range(250)], HASHES)
    assert len(statements) == 2 + 4 + 2 + 1  # persons: 250 at once


def test_people_are_locked_by_one_statement_in_the_order_of_their_ids(connection: Connection) -> None:
    """On SQLite the write transaction is the lock."""
    statements: list[tuple[str, object]] = []
    event.listen(connection, "before_cursor_execute", lambda *call: statements.append(call[2:4]))
    store.lock_recipients(connection, [CHIKA, ADA, CHIKA])
    if connection.dialect.name == "sqlite":
        assert statements == []
    else:
        [(statement, values)] = statements
        assert statement.endswith("ORDER BY recipients.id FOR NO KEY UPDATE")
        assert list(dict(values).values()) == [[ADA, CHIKA]] * 2  # type: ignore[call-overload]


def test_a_locked_person_makes_the_next_one_wait(database: Database) -> None:
    """Whoever counts slots next sees what the one before took."""
    with database.write() as connection:
        connection.execute(
            insert(recipients), {**_EMPTY_PERSON, "id": ADA, "email": "1@example.com", "created_at": NOW}
        )
    order: list[str] = []

    def second() -> None:
        with database.write() as connection:
            store.lock_recipients(connection, [ADA])
            order.append("second")

    with database.write() as connection:
        store.lock_recipients(connection, [ADA])
        other = Thread(target=second)
        other.start()
        other.join(timeout=0.2)
        order.append("first")
    other.join(timeout=30)
    assert order == ["first", "second"]
