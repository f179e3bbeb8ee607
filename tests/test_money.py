from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.money import Money, decimals, formatted, to_minor


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("1000.44", "EUR", 100_044),
        ("1200", "JPY", 1200),
        ("1200.00", "JPY", 1200),
        ("1.234", "KWD", 1234),
        (5, "KWD", 5000),
        (" 9.99 ", "USD", 999),
        ("-3.50", "EUR", -350),
        ("1e2", "EUR", 10_000),
        (Decimal("0.01"), "EUR", 1),
    ],
)
def test_an_amount_in_minor_units(amount: str | int | Decimal, currency: str, minor: int) -> None:
    assert to_minor(amount, currency) == minor


@pytest.mark.parametrize(
    ("amount", "minor"), [("0.005", 0), ("0.015", 2), ("0.025", 2), ("0.0250001", 3), ("-0.015", -2)]
)
def test_halves_go_to_the_even_neighbor(amount: str, minor: int) -> None:
    assert to_minor(amount, "EUR") == minor


@pytest.mark.parametrize("amount", ["", "abc", "1,50", "NaN", "Infinity", "-inf", "1.2.3", "1e999999", "€5"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="is not an amount of money"):
        to_minor(amount, "EUR")


@given(st.integers(-(10**15), 10**15), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_minor_units_survive_the_way_there_and_back(minor: int, currency: str) -> None:
    assert to_minor(Decimal(minor).scaleb(-decimals(currency)), currency) == minor


@pytest.mark.parametrize(
    ("money", "locale", "text"),
    [
        (Money(100_044, "EUR"), "fr_FR", "1\u202f000,44\xa0€"),
        (Money(100_044, "EUR"), "en_US", "€1,000.44"),
        (Money(1200, "JPY"), "ja_JP", "￥1,200"),
        (Money(1234, "KWD"), "en_US", "KWD\xa01.234"),
        (Money(-129_900, "SEK"), "en_GB", "-SEK\xa01,299.00"),
        (Money(300, "BRL"), "ja_JP", "R$3.00"),
        (Money(-350, "USD"), "en_US", "-$3.50"),
    ],
)
def test_a_reader_sees_it_as_they_write_it(money: Money, locale: str, text: str) -> None:
    assert formatted(money.minor, money.currency, locale) == text
