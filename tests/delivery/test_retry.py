"""When what could not be handed over is tried again."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from aftercart.delivery.retry import FIRST_PAUSE, LONGEST_PAUSE, retry_at

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
people = st.integers(0, 2**64)
spans = st.timedeltas(timedelta(0), timedelta(days=4))


def tries_of(person: int, valid_for: timedelta) -> list[datetime]:
    """The instants of all attempts of a mail that nobody ever takes."""
    tried = [NOW]
    while (again := retry_at(len(tried) - 1, person, tried[-1], NOW + valid_for)) is not None:
        tried.append(again)
    return tried


@given(people, spans)
def test_every_try_comes_later_than_the_last_and_before_the_mail_s_last_use(person: int, valid_for: timedelta) -> None:
    tried = tries_of(person, valid_for)
    assert all(earlier + FIRST_PAUSE <= later for earlier, later in pairwise(tried))
    assert all(instant <= NOW + valid_for for instant in tried)


@given(people, spans)
def test_no_two_tries_lie_further_apart_than_an_hour_and_a_tenth(person: int, valid_for: timedelta) -> None:
    tried = tries_of(person, valid_for)
    assert all(later - earlier <= 1.1 * LONGEST_PAUSE for earlier, later in pairwise(tried))


@given(people, spans)
def test_a_mail_is_tried_to_the_last_minutes(person: int, valid_for: timedelta) -> None:
    """A provider that recovers an hour before the end still gets it."""
    assert NOW + valid_for - tries_of(person, valid_for)[-1] <= FIRST_PAUSE


@given(people)
def test_the_pauses_double(person: int) -> None:
    tried = tries_of(person, timedelta(days=3))
    pauses = [later - earlier for earlier, later in pairwise(tried)][:6]
    assert FIRST_PAUSE <= pauses[0] <= 1.1 * FIRST_PAUSE
    assert all(1.8 * earlier <= later <= 2.2 * earlier for earlier, later in pairwise(pauses))


def test_a_backlog_does_not_come_back_at_once() -> None:
    back = sorted(retry_at(6, person, NOW, NOW + timedelta(days=3)) or NOW for person in range(1_000))
    assert back[-1] - back[0] > timedelta(minutes=5)


def test_people_come_back_in_another_order_each_time() -> None:
    """Who breaks a connection must not stand before the same people at each try."""

    def order(tries: int) -> list[int]:
        later = NOW + timedelta(days=3)
        return sorted(range(100), key=lambda person: retry_at(tries, person, NOW, later) or NOW)

    orders = [order(tries) for tries in range(6, 10)]
    places = [[found.index(person) for found in orders] for person in range(100)]
    assert sum(max(each) - min(each) > 10 for each in places) > 90


def test_a_provider_that_asks_for_a_pause_gets_it_up_to_an_hour_and_to_the_last_moment() -> None:
    later = NOW + timedelta(days=3)
    assert retry_at(0, 7, NOW, later, timedelta(minutes=20)) == NOW + timedelta(minutes=20)
    assert retry_at(0, 7, NOW, later, timedelta(hours=5)) == NOW + LONGEST_PAUSE
    assert retry_at(0, 7, NOW, NOW + timedelta(minutes=10), timedelta(minutes=20)) == NOW + timedelta(
        minutes=9, seconds=55
    )
