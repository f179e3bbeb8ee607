"""`aftercart experiments size`: how many people an experiment needs, and how long that takes in this shop."""

import json
from math import ceil, inf
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aftercart.cli.table import print_table
from aftercart.quantity import counted

if TYPE_CHECKING:
    from aftercart.reports.pace import Pace


def _share(typed: str | float) -> float:
    """A share as it is typed, 10% or 0.1, or as it stands if it is not."""
    value = _number(typed)
    if not 0 < value < 1:
        raise typer.BadParameter(f"{typed} does not lie between 0% and 100%")
    return value


def _more(typed: str | float) -> float:
    """By how much more, as it is typed: 100% is twice as many."""
    value = _number(typed)
    if not 0 < value < inf:
        raise typer.BadParameter(
            f"{typed} is no effect worth finding; write 10% for a tenth more, 100% for twice as many"
        )
    return value


def _number(typed: str | float) -> float:
    written = str(typed)
    try:
        return float(written.removesuffix("%")) / (100 if written.endswith("%") else 1)
    except ValueError as err:
        raise typer.BadParameter(f"{written!r} is no share; write 10%") from err


def size(
    effect: Annotated[
        float,
        typer.Option(parser=_more, metavar="SHARE", help="The smallest effect worth finding: 10% is a tenth more."),
    ],
    rate: Annotated[
        float | None,
        typer.Option(
            parser=_share,
            metavar="SHARE",
            help="How many order again by themselves; without it, as many as did in this shop.",
        ),
    ] = None,
    power: Annotated[
        float, typer.Option(parser=_share, metavar="SHARE", help="How often an effect that is there shall be found.")
    ] = 0.8,
    window: Annotated[
        int, typer.Option(min=1, metavar="DAYS", help="How long a person's orders count, as in the experiment.")
    ] = 14,
    arms: Annotated[int, typer.Option(min=2, max=10, help="The mail as it stands and its variants.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Say how many people an experiment needs to find an effect, and how many days that takes in this shop."""
    from datetime import timedelta

    from aftercart.cli.open import reading
    from aftercart.clock import utc_now
    from aftercart.experiments.comparison import ALPHA
    from aftercart.experiments.planning import people_needed
    from aftercart.reports.pace import pace

    with reading() as connection:
        own = pace(connection, timedelta(days=window), utc_now())
    base = rate or own.rate
    if not base:
        raise typer.BadParameter(
            f"nobody ordered again within {counted(window, 'day')} by now: say what you expect", param_hint="--rate"
        )
    if base * (1 + effect) >= 1:
        raise typer.BadParameter(f"{effect:.0%} more than {base:.1%} is more than everybody", param_hint="--effect")
    both = people_needed(base, base * (1 + effect), 0.5, alpha=ALPHA / (arms - 1), power=power)
    found: dict[str, Any] = {
        "rate": base,
        "rate_from": "given" if rate else "orders",
        "wanted": base * (1 + effect),
        "power": power,
        "arms": arms,
        **_in_this_shop(own, ceil(both / 2), arms),
        "window_days": window,
        "pace": {"from": own.start, "to": own.end, "people": own.people, "orders": own.orders},
    }
    if as_json:
        print(json.dumps(found, default=str))
        return
    _print(found)


def _in_this_shop(own: "Pace", people: int, arms: int) -> dict[str, Any]:
    """How many people and orders each arm needs, and how many days the shop takes to bring them."""
    return {
        "people_an_arm": people,
        "people": people * arms,
        "orders_an_arm": ceil(people * own.orders / own.people) if own.people else None,
        "days": ceil(people * arms / own.people_a_day) if own.people else None,
    }


def _print(found: dict[str, Any]) -> None:
    pace, window = found["pace"], found["window_days"]
    if found["rate_from"] == "orders":
        print(
            f"Of {counted(pace['people'], 'person', 'people')} who ordered from {pace['from']:%Y-%m-%d} to "
            f"{pace['to']:%Y-%m-%d}, {found['rate']:.1%} ordered again within {counted(window, 'day')}."
        )
    print(
        f"To find {found['wanted']:.2%} in place of {found['rate']:.2%} in {found['power']:.0%} of cases, "
        f"with {found['arms']} arms:"
    )
    orders, days = found["orders_an_arm"], found["days"]
    rows = [
        ("people an arm", f"{found['people_an_arm']:,}"),
        ("people in all", f"{found['people']:,}"),
        *([("orders an arm, about", f"{orders:,}"), ("days at your pace, about", f"{days:,}")] if days else []),
    ]
    print_table(("", ""), rows)
    if not days:
        print("There are no orders by which to say how long that takes.")
    elif days > (pace["to"] - pace["from"]).days:
        print("Longer than the days that were looked at: people who come back count once, so rather more than that.")
    print(
        f"Write `people: {found['people']}` into the experiment; its result is known {counted(window, 'day')} "
        "after the last."
    )
