import json
import re
from contextlib import closing
from pathlib import Path

import pytest

from aftercart.db.session import Database
from aftercart.db.tables import events
from tests.cli.conftest import HOSTILE_ORDER, Typed
from tests.rows import MONDAY

pytestmark = pytest.mark.usefixtures("some_sends")


@pytest.mark.parametrize("name", ["1001", "ada@example.com", " ADA@Example.com "])
def test_an_order_or_a_person_is_explained_in_words(typed: Typed, name: str) -> None:
    result = typed("explain", name)
    assert result.exit_code == 0
    assert "Order 1001 of generic, completed, ada@example.com" in result.stdout
    assert "2026-03-02 10:00:00" in result.stdout


def test_a_send_is_explained_by_its_id(typed: Typed) -> None:
    listed = [json.loads(line) for line in typed("sends", "--json").stdout.splitlines()]
    (of_ben,) = (send["send_id"] for send in listed if send["reason"] == "no_consent")
    result = typed("explain", of_ben)
    assert result.exit_code == 0
    assert "ben@example.com" in result.stdout
    assert "ada@example.com" not in result.stdout


def test_json_is_one_object(typed: Typed) -> None:
    explained = json.loads(typed("explain", "1001", "--json").stdout)
    assert explained["orders"][0]["order_id"] == "1001"
    assert explained["orders"][0]["moments"][0]["kind"] == "order"


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_name_that_nothing_goes_by_exits_1(typed: Typed, words: tuple[str, ...]) -> None:
    result = typed("explain", "[no such] order", *words)
    assert result.exit_code == 1
    assert words or "Nothing is known by the name '[no such] order'" in result.stdout


def test_what_a_shop_wrote_is_shown_as_it_is(typed: Typed) -> None:
    result = typed("explain", HOSTILE_ORDER)
    assert result.exit_code == 0, result.exception
    assert f"Order {HOSTILE_ORDER} of generic" in result.stdout


def test_the_kinds_of_moments_are_told_as_in_the_inbox(typed: Typed) -> None:
    lines = typed("explain", "ada@example.com").stdout.splitlines()
    kinds = {found[1] for line in lines if (found := re.match(r"  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  (\S+)", line))}
    assert kinds
    assert all(kind[0].isupper() for kind in kinds)


def test_webhooks_without_an_order_stand_below_a_heading(typed: Typed, tmp_path: Path) -> None:
    lost = {"shop": "generic", "delivery_key": "1", "topic": "order.completed", "body": b"{}", "headers": {}}
    with closing(Database(f"sqlite:///{tmp_path / 'data' / 'aftercart.db'}")) as db, db.write() as connection:
        failed = {"state": "failed", "error": "data.placed_at: is missing", "shop_order_id": "lost 1"}
        connection.execute(events.insert(), {**lost, **failed, "received_at": MONDAY})
    told = typed("explain", "lost 1").stdout.splitlines()
    assert told[1].startswith("Order lost 1, which is not known")
    assert "data.placed_at: is missing" in told[-1]
