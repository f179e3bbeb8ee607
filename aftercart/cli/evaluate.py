"""`aftercart evaluate`: how good are the recommendations, beside well-known ways to make them?"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aftercart.cli.typed import to_be_written
from aftercart.quantity import counted

if TYPE_CHECKING:
    from aftercart.recommendation.judging.metrics import Interval
    from aftercart.recommendation.learning.contest import Contest, Outcome, Row

TITLES = (
    *(
        "",
        "NDCG@10",
        "HR@4",
        "HR@10",
        "recall",
        "MRR",
        "cold HR@10",
        "coverage",
        "same cat.",
        "near-dup.",
        "popularity",
    ),
    "Aftercart's gain in NDCG@10",
    "a mail's gain",
)


def evaluate(
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Start of all random choices.")] = 0,
    cases: Annotated[int, typer.Option(min=30, help="Questions of each task at most.")] = 4000,
    without: Annotated[
        list[str] | None, typer.Option(help="Leave a peer out: item_knn, ease ... May be given again.")
    ] = None,
    chart: Annotated[
        Path | None, typer.Option(callback=to_be_written, help="Write a chart to this file (SVG).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON object.")] = False,
) -> None:
    """Learn from all orders but the last 90 days, and ask about the first 30 of these."""
    from aftercart.recommendation.judging.peers import PEERS

    unknown = set(without or ()) - PEERS.keys()
    if unknown:
        raise typer.BadParameter(f"there is no peer {sorted(unknown)[0]}; there are {', '.join(PEERS)}")
    found = _contest([name for name in PEERS if name not in (without or ())], seed, cases)
    if chart:
        from aftercart.cli.evaluate_chart import drawn

        chart.write_text(drawn(found))
    if as_json:
        print(json.dumps(asdict(found), default=str))
        return
    _print(found)


def _contest(peers: list[str], seed: int, cases: int) -> "Contest":
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from aftercart.cli.open import open_database
    from aftercart.recommendation import store
    from aftercart.recommendation.learning.contest import contest

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with (
        open_database() as database,
        Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar,
    ):
        with database.read() as connection:
            past = store.load_interactions(connection)
        task = bar.add_task("Learning")
        return contest(
            past, peers=peers, seed=seed, most_cases=cases, progress=lambda what: bar.update(task, description=what)
        )


def _print(found: "Contest") -> None:
    from aftercart.cli.table import print_table

    print(
        f"Learned from {counted(found.orders, 'order')} of {counted(found.products, 'product')} until "
        f"{found.learned_until:%Y-%m-%d}; "
        f"asked about those until {found.asked_until:%Y-%m-%d}."
    )
    for outcome in found.outcomes:
        cold = (
            f", {outcome.cold_cases:,} of them about products in fewer than five orders" if outcome.cold_cases else ""
        )
        print(f"\n{outcome.task.in_words} ({counted(outcome.cases, 'question')}{cold})")
        print_table(TITLES, _lines(outcome))


def _lines(outcome: "Outcome") -> Iterator[tuple[str, ...]]:
    for row in outcome.rows:
        yield _line(row)
    bought = (f"{outcome.bought_same_category:.3f}", f"{outcome.bought_near_duplicates:.3f}")
    yield ("what was bought", *[""] * 7, *bought, "", "", "")


def _line(row: "Row") -> tuple[str, ...]:
    shares = (row.ndcg10, row.hr4, row.hr10, row.recall10, row.mrr100)
    rest = (row.coverage, row.same_category, row.near_duplicates, row.popularity)
    cold = "" if row.cold_hr10 is None else f"{row.cold_hr10:.3f}"
    gains = (_gain(row.gain), _gain(row.mail_gain))
    return (row.name, *(f"{value:.4f}" for value in shares), cold, *(f"{value:.3f}" for value in rest), *gains)


def _gain(gain: "Interval | None") -> str:
    return f"{gain.mean:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})" if gain else ""
