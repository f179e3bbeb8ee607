"""How often an address may ask."""

from hypothesis import given
from hypothesis import strategies as st

from aftercart.web.suggestions.pace import MOST_ADDRESSES, Pace


class Stopwatch:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.floats(0, 30), max_size=80), st.integers(1, 20))
def test_no_minute_holds_more_than_twice_what_is_allowed(gaps: list[float], per_minute: int) -> None:
    """A minute's worth saved up, and what flows in meanwhile."""
    watch = Stopwatch()
    pace, taken = Pace(per_minute, watch), []
    for gap in gaps:
        watch.now += gap
        if not pace.wait("192.0.2.1"):
            taken.append(watch.now)
    for start in taken:
        assert sum(start <= at < start + 60 for at in taken) <= 2 * per_minute


@given(st.integers(1, 20))
def test_who_waits_as_long_as_told_may_ask(per_minute: int) -> None:
    watch = Stopwatch()
    pace = Pace(per_minute, watch)
    while not (seconds := pace.wait("192.0.2.1")):
        pass
    watch.now += seconds
    assert pace.wait("192.0.2.1") == 0


def test_a_household_is_one_address_of_ipv6_whatever_it_makes_of_it() -> None:
    pace = Pace(1, Stopwatch())
    assert pace.wait("2001:db8::1") == 0
    assert pace.wait("2001:db8::ffff") > 0
    assert pace.wait("2001:db8:0:1::1") == 0
    assert pace.wait("::ffff:192.0.2.1") == 0
    assert pace.wait("::ffff:192.0.2.2") == 0
    assert pace.wait("") == 0


def test_addresses_without_end_take_no_memory_without_end() -> None:
    pace = Pace(1, Stopwatch())
    for number in range(MOST_ADDRESSES + 5):
        pace.wait(f"name{number}")
    assert pace.wait("name0") == 0, "the one that was silent longest is forgotten"
    assert pace.wait(f"name{MOST_ADDRESSES}") > 0
