"""The closing table tells a finished run, and whether it adds up."""

from dataclasses import replace

from rich.console import Console

from aftercart.demo.table import Result, Stage, closing_table
from aftercart.money import Money

RUN = Result(
    shop="Aftercart Bikes",
    synthetic=True,
    products=119,
    past_orders=18_308,
    orders_in=321,
    not_enrolled={"no consent": 47},
    enrollments=262,
    sends=[Stage("skipped", "frequency_cap", 31), Stage("sent", "sent", 201)],
    mails_received=201,
    human_clicks=33,
    machine_clicks=40,
    unsubscribed=2,
    attributed_orders=7,
    attributed_revenue=Money(81_234, "EUR"),
    orders_accounted_for=321,
    seconds={"training": 7.25, "replay": 9.5},
)


def _printed(result: Result) -> str:
    console = Console(width=100, color_system=None)
    with console.capture() as capture:
        console.print(closing_table(result))
    return capture.get()


def test_a_sound_run_says_so() -> None:
    printed = _printed(RUN)
    assert RUN.adds_up
    assert "321 of 321 orders accounted for" in printed
    assert "✘" not in printed
    assert "€812.34" in printed
    assert "16.8 s" in printed
    assert "synthetic" in printed


def test_sends_stand_with_state_and_reason_the_largest_first() -> None:
    printed = _printed(RUN)
    assert printed.index("sent  ") < printed.index("skipped  frequency cap")


def test_a_reason_that_only_repeats_the_state_is_not_printed() -> None:
    assert "sent  sent" not in _printed(RUN)


def test_an_order_that_nobody_accounts_for_is_a_fault() -> None:
    lost = replace(RUN, orders_accounted_for=320)
    assert not lost.adds_up
    assert "✘ 320 of 321" in _printed(lost)


def test_any_other_fault_is_told_in_its_own_sentence() -> None:
    doubled = replace(RUN, faults=["1 mail arrived twice"])
    assert not doubled.adds_up
    assert "1 mail arrived twice" in _printed(doubled)


def test_an_empty_run_prints_too() -> None:
    empty = replace(RUN, orders_in=0, orders_accounted_for=0, enrollments=0, sends=[], mails_received=0, seconds={})
    assert "0 of 0 orders" in _printed(empty)


def test_small_shares_are_not_rounded_away() -> None:
    assert "<1%" in _printed(replace(RUN, sends=[Stage("sent", "", 900), Stage("unknown", "", 1)]))
