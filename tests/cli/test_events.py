import json
from pathlib import Path

import pytest

from aftercart.db.session import Database
from aftercart.db.tables import events
from tests.cli.conftest import Typed
from tests.commanded import aftercart
from tests.intake.payloads import body, generic_order
from tests.rows import MONDAY

pytestmark = pytest.mark.usefixtures("some_sends", "some_events")

ODD_TOPIC = "[red]order[/nonsense]"
BODY = b'{"type": "order.completed", "data": {"order_id": "\xff"}}'


@pytest.fixture
def some_events(tmp_path: Path) -> None:
    """One event was understood, one was not."""
    usual = {"shop": "generic", "headers": {}, "received_at": MONDAY, "body": BODY}
    kept = [
        {**usual, "delivery_key": "1", "topic": "order.completed", "state": "processed", "shop_order_id": "1001"},
        {**usual, "delivery_key": "2", "topic": ODD_TOPIC, "state": "failed", "error": "body: is no UTF-8"},
    ]
    db = Database(f"sqlite:///{tmp_path / 'data' / 'aftercart.db'}")
    with db.write() as connection:
        for row in kept:
            connection.execute(events.insert(), row)
    db.close()


def test_json_has_a_line_for_each_event_newest_first(typed: Typed) -> None:
    lines = [json.loads(line) for line in typed("events", "--json").stdout.splitlines()]
    assert [(line["event_id"], line["state"], line["order_id"], line["error"]) for line in lines] == [
        (2, "failed", None, "body: is no UTF-8"),
        (1, "processed", "1001", None),
    ]
    assert lines[0]["received_at"] == "2026-03-02T10:00:00+00:00"


@pytest.mark.parametrize(
    ("words", "ids"), [(("--state", "failed"), [2]), (("--limit", "1"), [2]), (("--shop", "x"), [])]
)
def test_the_list_can_be_narrowed(typed: Typed, words: tuple[str, ...], ids: list[int]) -> None:
    result = typed("events", "--json", *words)
    assert [json.loads(line)["event_id"] for line in result.stdout.splitlines()] == ids


def test_a_state_that_is_none_is_refused_as_an_empty_list_would_say_that_all_is_well(typed: Typed) -> None:
    result = typed("events", "--state", "faild")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "faild is no state of a webhook: did you mean failed?" in result.stderr


def test_on_screen_the_fault_is_named_and_what_the_shop_wrote_is_no_markup(typed: Typed) -> None:
    shown = typed("events").stdout
    assert "body: is no UTF-8" in shown
    assert ODD_TOPIC in shown
    assert "2 events in all: 1 failed, 1 processed" in shown


def test_the_body_of_one_comes_out_as_the_shop_sent_it(typed: Typed) -> None:
    assert typed("events", "2").stdout_bytes == BODY


def test_an_event_that_is_not_there_exits_1(typed: Typed) -> None:
    result = typed("events", "77")
    assert result.exit_code == 1
    assert "no event 77" in result.stderr


def test_failed_ones_are_read_once_more(tmp_path: Path) -> None:
    """What can be understood now becomes an order; what cannot stays, with its fault."""
    aftercart(tmp_path, "init", ".")
    mended = {"delivery_key": "3", "state": "failed", "error": "an old fault", "body": body(generic_order())}
    db = Database(f"sqlite:///{tmp_path / 'data' / 'aftercart.db'}")
    with db.write() as connection:
        usual = {"shop": "generic", "headers": {}, "received_at": MONDAY, "topic": "order.completed"}
        connection.execute(events.insert(), usual | mended)
    db.close()
    result = aftercart(tmp_path, "events", "--again", "--json")
    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines()[-1] == "Read 2 failed events again."
    states = {line["event_id"]: line["state"] for line in map(json.loads, result.stdout.splitlines())}
    assert states == {1: "processed", 2: "failed", 3: "processed"}
    assert json.loads(aftercart(tmp_path, "explain", "1001", "--json").stdout)["orders"]
