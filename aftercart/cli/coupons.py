"""`aftercart coupons`: how many codes are left in each pool."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from aftercart.cli.table import print_table
from aftercart.quantity import counted

if TYPE_CHECKING:
    from aftercart.reports.supply import Supply


def coupons(as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False) -> None:
    """List the pools of coupon codes; exit code 1 where one is empty that a campaign hands out."""
    from aftercart.campaigns.loader import inspect_campaigns
    from aftercart.cli.open import reading
    from aftercart.clock import utc_now
    from aftercart.reports.supply import supplies
    from aftercart.settings import read_settings

    settings = read_settings()
    files = inspect_campaigns(settings.campaigns_dir, settings.templates_dir).campaign_files
    with reading() as connection:
        found = supplies(connection, [file.value for file in files], utc_now())
    if as_json:
        for one in found:
            print(json.dumps({**asdict(one.pool), "wanted": one.wanted, "used_by": one.used_by}))
    elif found:
        print_table(("pool", "left", "wanted (30 days)", "given", "ended ungiven", "campaigns"), map(_cells, found))
        for one in found:
            if one.is_empty or one.is_short:
                print(f"\n{_advice(one)}")
    else:
        print("There are no codes; `aftercart import coupons FILE --pool NAME` brings some.")
    if any(one.is_empty for one in found):
        raise typer.Exit(1)


def _cells(one: "Supply") -> tuple[str, ...]:
    pool = one.pool
    numbers = (pool.left, one.wanted, pool.given, pool.ended)
    return pool.name, *(f"{number:,}" for number in numbers), ", ".join(one.used_by) or "none"


def _advice(one: "Supply") -> str:
    bring = f"`aftercart import coupons FILE --pool {one.pool.name}` brings codes."
    if one.is_empty:
        return (
            f"The pool {one.pool.name} is empty: its mails wait, end or go without, as their `if_empty` says. {bring}"
        )
    left, wanted = counted(one.pool.left, "code"), counted(one.wanted, "mail")
    return f"The pool {one.pool.name} will not last: {left} for {wanted}. {bring}"
