from datetime import date
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart.exchange.rates import Rate, table
from aftercart.money import Money

NEW_YEAR, MARCH = date(2026, 1, 1), date(2026, 3, 1)
RATES = table(
    "EUR",
    [
        Rate("SEK", MARCH, Decimal("0.1")),
        Rate("SEK", NEW_YEAR, Decimal("0.09")),
        Rate("JPY", NEW_YEAR, Decimal("0.0062")),
        Rate("KWD", NEW_YEAR, Decimal("3")),
    ],
)


@pytest.mark.parametrize(
    ("minor", "currency", "on", "euros"),
    [
        (10_000, "SEK", NEW_YEAR, 900),
        (10_000, "SEK", date(2026, 2, 28), 900),
        (10_000, "SEK", MARCH, 1_000),
        (10_000, "SEK", date(2030, 1, 1), 1_000),
        (1_000, "JPY", MARCH, 620),  # yen have no cents
        (1_000, "KWD", MARCH, 300),  # dinars have a thousand fils
        (-10_000, "SEK", MARCH, -1_000),
        (777, "EUR", date(1999, 1, 1), 777),
    ],
)
def test_an_amount_is_worth_what_it_was_worth_on_its_day(minor: int, currency: str, on: date, euros: int) -> None:
    assert RATES.converted(minor, currency, on) == Money(euros, "EUR")


@pytest.mark.parametrize(("currency", "on"), [("SEK", date(2025, 12, 31)), ("USD", MARCH)])
def test_what_the_table_does_not_know_stays_what_it_is(currency: str, on: date) -> None:
    assert RATES.converted(10_000, currency, on) == Money(10_000, currency)


RATE = st.builds(
    Rate,
    st.sampled_from(["SEK", "USD", "JPY"]),
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    st.decimals("0.0001", "1000", places=4),
)


@settings(max_examples=25)
@given(st.lists(RATE, max_size=20, unique_by=lambda rate: (rate.currency, rate.since)), st.randoms())
def test_the_same_rates_are_the_same_version_in_whatever_order_they_come(rates: list[Rate], random: Random) -> None:
    mixed = list(rates)
    random.shuffle(mixed)
    assert table("EUR", mixed) == table("EUR", rates)
    assert table("USD", mixed).version != table("EUR", rates).version
