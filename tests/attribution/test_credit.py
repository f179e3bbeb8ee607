from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.attribution.credit import Click, Model, Purchase, Touch, earning
from aftercart.ids import new_id

CLICKED = datetime(2026, 3, 2, 10, tzinfo=UTC)
WINDOW = timedelta(days=5)
ADA, BEN = 1, 2
BIKE, LAMP = 100, 200


def click(id_: int = 1, at: datetime = CLICKED, person_id: int = ADA, triggered_by: int = BIKE) -> Click:
    return Click(id_, new_id(), person_id, triggered_by, at, WINDOW)


def purchase(placed_at: datetime, order_id: int = LAMP, person_id: int = ADA) -> Purchase:
    return Purchase(order_id, person_id, placed_at, 2000, "EUR")


@pytest.mark.parametrize(
    ("after", "earns"),
    [
        (timedelta(microseconds=-1), False),
        (timedelta(0), False),
        (timedelta(microseconds=1), True),
        (WINDOW, True),
        (WINDOW + timedelta(microseconds=1), False),
    ],
)
def test_the_window_is_open_at_the_click_and_closed_at_its_end(after: timedelta, earns: bool) -> None:
    here = click()
    assert earning(Touch.LAST, purchase(CLICKED + after), [here]) == (here if earns else None)


def test_the_last_click_before_the_order_earns_all() -> None:
    clicks = [click(1), click(2, CLICKED + timedelta(hours=1)), click(3, CLICKED + timedelta(hours=3))]
    earned = earning(Touch.LAST, purchase(CLICKED + timedelta(hours=2)), clicks)
    assert earned is not None
    assert earned.id == 2


def test_of_two_clicks_in_one_instant_the_later_written_one_earns() -> None:
    earned = earning(Touch.LAST, purchase(CLICKED + timedelta(hours=2)), [click(2), click(1)])
    assert earned is not None
    assert earned.id == 2


def test_the_order_that_the_mail_is_about_earns_nothing() -> None:
    assert (
        earning(Touch.LAST, purchase(CLICKED + timedelta(hours=1), order_id=BIKE), [click(triggered_by=BIKE)]) is None
    )


def test_when_another_person_buys_nobody_earns() -> None:
    assert earning(Touch.LAST, purchase(CLICKED + timedelta(hours=1), person_id=BEN), [click(person_id=ADA)]) is None


def test_each_click_brings_its_own_window() -> None:
    short = Click(9, new_id(), ADA, BIKE, CLICKED + timedelta(hours=1), timedelta(hours=1))
    long = click(1)
    earned = earning(Touch.LAST, purchase(CLICKED + timedelta(days=1)), [long, short])
    assert earned is long


MINUTES = st.integers(-20_000, 20_000).map(lambda minutes: CLICKED + timedelta(minutes=minutes))


@given(
    st.lists(st.builds(click, st.integers(1, 9), MINUTES, st.sampled_from([ADA, BEN]), st.sampled_from([BIKE, LAMP]))),
    MINUTES,
)
def test_whatever_the_order_in_which_clicks_are_known_the_credit_is_the_same(
    clicks: list[Click], placed_at: datetime
) -> None:
    bought = purchase(placed_at)
    one, other = earning(Touch.LAST, bought, clicks), earning(Touch.LAST, bought, clicks[::-1])
    assert (one and (one.at, one.id)) == (other and (other.at, other.id))


def test_the_first_click_earns_where_that_is_asked() -> None:
    clicks = [click(2, CLICKED + timedelta(hours=1)), click(1), click(3, CLICKED - WINDOW)]
    earned = earning(Touch.FIRST, purchase(CLICKED + timedelta(hours=2)), clicks)
    assert earned is not None
    assert earned.id == 1


@pytest.mark.parametrize(
    ("window", "name"),
    [
        (None, "first_click"),
        (timedelta(days=7), "first_click:7d"),
        (timedelta(hours=36), "first_click:36h"),
        (timedelta(minutes=90), "first_click:90m"),
    ],
)
def test_a_model_is_called_by_what_it_does(window: timedelta | None, name: str) -> None:
    assert Model(Touch.FIRST, window).name == name
