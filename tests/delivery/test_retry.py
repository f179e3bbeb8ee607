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
