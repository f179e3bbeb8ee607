"""`aftercart experiments size`, as it is typed."""

import json
from contextlib import closing
from datetime import timedelta
from math import ceil
from pathlib import Path

import pytest

from aftercart.db import migrate
from aftercart.db.session import Database
from aftercart.experiments.planning import people_needed
from tests.cli.conftest import Typed
from tests.rows import MONDAY, Rows

DAY = timedelta(days=1)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Thirty people in ninety days, of whom ten came back after five days; the others, after fifteen, do not count."""
    with closing(Database(f"sqlite:///{tmp_path / 'data' / 'aftercart.db'}")) as db:
        migrate.upgrade(db)
        rows = Rows(db)
        for number in range(30):
            who, at = rows.recipient(f"{number}@example.com"), MONDAY + (20.5 + 3 * number) * DAY
            rows.order(who, at)
            rows.order(who, at + (5 if number % 3 == 0 else 15) * DAY)
        rows.order(rows.recipient("first@example.com"), MONDAY)
        rows.order(rows.recipient("last@example.com"), MONDAY + 124 * DAY)
        rows.order(None, MONDAY + 50 * DAY)
    return tmp_path


@pytest.mark.usefixtures("shop")
def test_it_reckons_with_how_many_come_back_and_how_many_there_are(typed: Typed) -> None:
    told = json.loads(typed("experiments", "size", "--effect", "25%", "--json").stdout)
    assert told["rate"] == pytest.approx(1 / 3)
    assert told["people"] == pytest.approx(people_needed(1 / 3, 1 / 3 * 1.25, 0.5), abs=1)
    assert told["days"] == ceil(told["people"] / (30 / 90))
    assert told["orders_an_arm"] == ceil(told["people_an_arm"] * told["pace"]["orders"] / 30)
    text = typed("experiments", "size", "--effect", "25%", "--rate", "5%", "--arms", "3").stdout
    assert "To find 6.25% in place of 5.00% in 80% of cases, with 3 arms" in text
    assert f"{ceil(people_needed(0.05, 0.0625, 0.5, alpha=0.025) / 2):,}" in text


@pytest.mark.usefixtures("shop")
def test_an_effect_may_be_twice_as_many_and_more_where_there_are_so_many(typed: Typed) -> None:
    told = json.loads(typed("experiments", "size", "--effect", "150%", "--rate", "2%", "--json").stdout)
    assert told["wanted"] == pytest.approx(0.05)
    assert told["people"] == pytest.approx(people_needed(0.02, 0.05, 0.5), abs=1)
    for effect, said in (
        ("250%", "250% more than 33.3% is more than everybody"),
        ("0%", "0% is no effect"),
        ("inf", "inf is no"),
    ):
        refused = typed("experiments", "size", "--effect", effect)
        assert refused.exit_code == 2
        assert said in " ".join(refused.stderr.replace("│", "").split())


def test_who_came_back_and_sent_all_of_it_back_did_not_come_back(typed: Typed, tmp_path: Path) -> None:
    """As in the result of an experiment, where a refund takes its order off again."""
    with closing(Database(f"sqlite:///{tmp_path / 'data' / 'aftercart.db'}")) as db:
        migrate.upgrade(db)
        rows = Rows(db)
        for number in range(30):
            who = rows.recipient(f"{number}@example.com")
            rows.order(who, MONDAY + number * DAY)
            rows.order(who, MONDAY + (number + 5) * DAY, state="completed" if number % 3 == 0 else "refunded")
        rows.order(rows.recipient("last@example.com"), MONDAY + 44 * DAY)
    told = json.loads(typed("experiments", "size", "--effect", "25%", "--json").stdout)
    assert (told["pace"]["people"], told["rate"]) == (30, pytest.approx(1 / 3))


def test_a_young_shop_s_pace_is_that_of_its_own_days(typed: Typed, tmp_path: Path) -> None:
    with closing(Database(f"sqlite:///{tmp_path / 'data' / 'aftercart.db'}")) as db:
        migrate.upgrade(db)
        rows = Rows(db)
        for number in range(31):
            rows.order(rows.recipient(f"{number}@example.com"), MONDAY + number * DAY)
        rows.order(rows.recipient("last@example.com"), MONDAY + 44 * DAY)
    told = json.loads(typed("experiments", "size", "--effect", "25%", "--rate", "5%", "--json").stdout)
    assert told["pace"]["people"] == 30
    assert told["days"] == told["people"], "one a day"


def test_a_shop_without_orders_has_to_say_what_it_expects(typed: Typed) -> None:
    refused = typed("experiments", "size", "--effect", "25%")
    assert refused.exit_code == 2
    assert "nobody ordered again within 14 days" in " ".join(refused.stderr.replace("│", "").split())
    assert "no orders by which to say" in typed("experiments", "size", "--effect", "25%", "--rate", "5%").stdout
