from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart.campaigns.delay import Delay

PARIS = ZoneInfo("Europe/Paris")
BEFORE_THE_CHANGE = datetime(2026, 3, 27, 10, tzinfo=PARIS)  # clocks go forward on the 29th


def test_days_keep_the_time_on_the_wall() -> None:
    """The offset of the day on which the mail is due counts, not that of the order."""
    assert Delay.parse("3d").after(BEFORE_THE_CHANGE, PARIS) == datetime(2026, 3, 30, 10, tzinfo=PARIS)


def test_hours_are_exact() -> None:
    assert Delay.parse("72h").after(BEFORE_THE_CHANGE, PARIS) == datetime(2026, 3, 30, 11, tzinfo=PARIS)


def test_days_that_end_in_a_gap_end_with_the_gap() -> None:
    night = datetime(2026, 3, 26, 2, 30, tzinfo=PARIS)
    assert Delay.parse("3d").after(night, PARIS) == datetime(2026, 3, 29, 3, tzinfo=PARIS)


def test_no_days_at_all_change_nothing_even_in_a_fold() -> None:
    second_time = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)  # 02:30 in Paris for the second time
    assert Delay.parse("0d").after(second_time, PARIS) == second_time


@pytest.mark.parametrize(
    ("text", "delay"),
    [
        ("2w", Delay(14)),
        ("90m", Delay(exact=timedelta(minutes=90))),
        ("5s", Delay(exact=timedelta(seconds=5))),
        ("0s", Delay()),
    ],
)
def test_a_time_span_is_read_from_its_words(text: str, delay: Delay) -> None:
    assert Delay.parse(text) == delay


@pytest.mark.parametrize("text", ["3", "3 days", "-1d", "1d12h", "3.5d", "", "99999d", "9999999999d"])
def test_what_is_no_time_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        Delay.parse(text)


@settings(deadline=None)
@given(st.from_regex(r"\A\d{1,2}[smhdw]\Z"))
def test_a_time_span_reads_back_what_it_prints(text: str) -> None:
    assert Delay.parse(str(Delay.parse(text))) == Delay.parse(text)
