"""The closing table tells a finished run, and whether it adds up."""

import re
from dataclasses import replace

from rich.console import Console

from aftercart.demo.account import CampaignBooks
from aftercart.demo.table import Result, Stage, closing_table
from aftercart.money import Money

RUN = Result(
    shop="Aftercart Bikes",
    synthetic=True,
    products=119,
    past_orders=18_308,
    orders_in=321,
    bought_after_click=6,
    not_enrolled={"no consent": 47},
    enrollments=262,
    sends=[Stage("skipped", "frequency_cap", 31), Stage("sent", "sent", 201)],
    mails_received=201,
    campaigns=[
        CampaignBooks("bikes", 40, 31, {"Accessories": 90, "Clothing": 34}),
        CampaignBooks("accessories", 222, 170, {"": 680}),
    ],
    human_clicks=33,
    machine_clicks=40,
    unsubscribed=2,
    attributed_orders=7,
    attributed_bought=6,
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


def test_of_mails_that_expired_the_table_tells_what_kept_them() -> None:
    expired = Stage("skipped", "expired", 12, {"frequency_cap": 9, "order_not_completed": 2})
    printed = _printed(replace(RUN, sends=[*RUN.sends, expired]))
    assert re.search(
        r"skipped +expired +12 .*\n.* kept: frequency cap +9 .*\n.* kept: order not completed +2 ", printed
    )


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
    none = {"orders_in": 0, "bought_after_click": 0, "orders_accounted_for": 0, "enrollments": 0, "mails_received": 0}
    empty = replace(RUN, **none, sends=[], campaigns=[], seconds={})  # type: ignore[arg-type]
    assert "0 of 0 orders" in _printed(empty)


def test_small_shares_are_not_rounded_away() -> None:
    assert "<1%" in _printed(replace(RUN, sends=[Stage("sent", "", 900), Stage("unknown", "", 1)]))


def _rows(result: Result) -> list[str]:
    """The lines of the table without their frame, spaces drawn together."""
    return [" ".join(line.strip("│ ").split()) for line in _printed(result).splitlines()]


def test_orders_in_and_credit_add_up_for_whoever_reads() -> None:
    rows = _rows(RUN)
    assert rows.index("orders of the week 315 replayed") + 1 == rows.index(
        "bought after a click 6 by readers of the mails"
    )
    assert "orders in 321 through signed webhooks" in rows
    assert "attributed orders 7 €812.34 after a click" in rows
    assert "bought after a click 6 all of them" in rows
    assert "orders of the week 1 whose buyers had clicked before" in rows


def test_purchases_without_credit_are_told_apart() -> None:
    rows = _rows(replace(RUN, attributed_bought=4))
    assert "bought after a click 4 2 more earned no credit" in rows
    assert "orders of the week 3 whose buyers had clicked before" in rows


def test_each_campaign_stands_with_its_mails_and_what_they_offer() -> None:
    rows = _rows(RUN)
    at = rows.index("bikes 31 mails from 40 enrollments")
    assert rows.index("accessories 170 mails from 222 enrollments") < at, "the largest first"
    assert rows[at + 1].startswith("offer: Accessories 90 ━")
    assert rows[at + 2].startswith("offer: Clothing 34 ━")
    assert any(row.startswith("offer: products 680 ━") for row in rows)
