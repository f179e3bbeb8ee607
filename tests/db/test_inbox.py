from datetime import UTC, datetime
from typing import Any

from aftercart.db import inbox
from aftercart.db.session import Database

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def a_row(shop: str, key: str, **changes: Any) -> dict[str, Any]:
    row = {"shop": shop, "delivery_key": key, "topic": "t", "body": b"\x00\xff", "headers": {"a": "b"}}
    return {**row, "received_at": NOW, **changes}


def test_a_delivery_is_kept_once_for_each_shop(database: Database) -> None:
    with database.write() as connection:
        inbox.store(connection, [a_row("generic", "1"), a_row("generic", "1", topic="other"), a_row("shopify", "1")])
        inbox.store(connection, [a_row("generic", "1", topic="other")])
    with database.read() as connection:
        found = inbox.oldest(connection, 10)
    assert [(row["shop"], row["topic"]) for row in found] == [("generic", "t"), ("shopify", "t")]
    assert found[0]["body"] == b"\x00\xff"
    assert found[0]["headers"] == {"a": "b"}


def test_the_oldest_come_first_and_what_is_removed_is_gone(database: Database) -> None:
    with database.write() as connection:
        inbox.store(connection, [a_row("generic", str(number)) for number in range(5)])
    with database.write() as connection:
        first = inbox.oldest(connection, 2)
        inbox.remove(connection, [row["id"] for row in first])
        inbox.remove(connection, [])
        assert [row["delivery_key"] for row in first] == ["0", "1"]
        assert inbox.waiting(connection) == 3


def test_no_more_is_read_at_once_than_fits_but_always_something(database: Database) -> None:
    with database.write() as connection:
        inbox.store(connection, [a_row("generic", str(number), body=b"x" * 100) for number in range(4)])
    with database.read() as connection:
        counts = [len(inbox.oldest(connection, 3, max_bytes)) for max_bytes in (1, 199, 200, 299, 1000)]
    assert counts == [1, 1, 2, 2, 3]
