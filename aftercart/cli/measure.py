"""`aftercart bench`: how fast, beside the floor."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from aftercart.bench.timing import Result


def bench(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ingest|claim|tidy|gate|recommend|render|send|backtest]...", help="What to measure; else all."
        ),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds that count; figures are their medians.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Measure speed on this machine, each figure beside its floor (the bare work that must be done) or a peer."""
    import logging

    from aftercart.bench.run import MEASUREMENTS, measure
    from aftercart.logs import configure

    unknown = sorted(set(names or ()) - set(MEASUREMENTS))
    if unknown:
        raise typer.BadParameter(f"{unknown[0]} is no measurement; there are {', '.join(MEASUREMENTS)}")
    configure(own=logging.ERROR)
    results = measure(names or (), rounds)
    if as_json:
        for result in results:
            print(json.dumps(result.plain()))
    else:
        _print_table(results)


def _print_table(results: "Iterable[Result]") -> None:
    print(f"{'':<16}{'ours':>18}{'beside':>18}{'ratio':>8}   beside is")
    for result in results:
        ours = f"{result.per_second:,.0f} {result.unit}/s"
        note = f" ({result.note})" if result.note else ""
        floor = f"{result.floor_per_second:,.0f} /s"
        print(f"{result.name:<16}{ours:>18}{floor:>18}{result.ratio:>8.2f}   {result.floor}{note}", flush=True)
