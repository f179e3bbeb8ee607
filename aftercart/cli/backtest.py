"""`aftercart backtest`: what would a campaign have done?"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from aftercart.cli.typed import seconds, to_be_written
from aftercart.quantity import counted, named

if TYPE_CHECKING:
    from aftercart.backtest.bought import Guess
    from aftercart.backtest.report import Report, Stop
    from aftercart.backtest.run import ProgressOfEach, Stand

DAY = ["%Y-%m-%d"]
LINE_EVERY_S = 30.0
"""How often a run tells a log how far it is."""


def backtest(
    path: Annotated[Path, typer.Argument(help="A campaign file, or a folder of them; drafts too.", exists=True)],
    since: Annotated[datetime, typer.Option("--from", formats=DAY, help="The first day of orders to replay, in UTC.")],
    until: Annotated[datetime, typer.Option("--to", formats=DAY, help="The day before which it ends.")],
    compare: Annotated[
        Path | None, typer.Option(help="Another one, to be tried on the same orders.", exists=True)
    ] = None,
    suppose_consent: Annotated[
        bool,
        typer.Option(
            "--suppose-consent", help="As if all had agreed to mail but those who said no, and had an address."
        ),
    ] = False,
    train_every: Annotated[int, typer.Option(min=1, help="Days after which a new model is trained.")] = 28,
    train_budget: Annotated[
        float | None, typer.Option(min=1, callback=seconds, help="Seconds that each training may take.")
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(callback=to_be_written, help="Write a page with charts and sample mails to this file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for each of them.")] = False,
) -> None:
    """Replay stored orders through the engine, on a copy, with the clock of then. No mail leaves."""
    import logging

    from aftercart.backtest.run import Wanted
    from aftercart.backtest.run import backtest as run
    from aftercart.campaigns.loader import load_on_trial
    from aftercart.cli.open import open_database
    from aftercart.logs import configure
    from aftercart.machine import settle_in
    from aftercart.settings import read_settings

    configure(own=logging.ERROR)
    settle_in()
    if until <= since:
        raise typer.BadParameter("it lies not after --from", param_hint="--to")
    settings = read_settings()
    paths = [path, *([compare] if compare else [])]
    trials = [load_on_trial(each, settings.campaigns_dir, settings.templates_dir) for each in paths]
    wanted = Wanted(
        since.replace(tzinfo=UTC), until.replace(tzinfo=UTC), timedelta(days=train_every), train_budget, suppose_consent
    )
    with open_database() as database, _telling(paths) as progress:
        reports = run(settings, database, trials, wanted, progress)
    if page:
        from aftercart.backtest.page import page as drawn

        page.write_text(drawn(reports), encoding="utf-8")
    if as_json:
        for report in reports:
            print(json.dumps(report.as_json(), default=str, ensure_ascii=False))
        return
    for report, tried in zip(reports, paths, strict=True):
        _print(report, tried if compare else None)
    if compare:
        _print_beside(paths, reports)
    if page:
        print(f"\nOpen {page} in a browser.")


@contextmanager
def _telling(paths: "Sequence[Path]") -> Iterator["ProgressOfEach"]:
    """Whoever waits sees that it goes on: by a bar on a terminal, else (a log, a pipe) by a line now and then."""
    names = [f"{path}: " if len(paths) > 1 else "" for path in paths]
    if sys.stderr.isatty():
        with _bar(names) as progress:
            yield progress
    else:
        yield _lines(names)


def _lines(names: "Sequence[str]") -> "ProgressOfEach":
    """One when a training begins, which takes long, and one every half minute."""
    told_at = monotonic()

    def progress(which: int, stand: "Stand") -> None:
        nonlocal told_at
        if not stand.trains and monotonic() - told_at < LINE_EVERY_S:
            return
        told_at = monotonic()
        learns = "; learning from what was known by then" if stand.trains else ""
        so_far = f"{stand.done:,} of {counted(stand.of, 'order')}"
        print(f"aftercart: {names[which]}{stand.at:%Y-%m-%d}: {so_far}{learns}", file=sys.stderr, flush=True)

    return progress


@contextmanager
def _bar(names: "Sequence[str]") -> Iterator["ProgressOfEach"]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("copying", total=None)

        def progress(which: int, stand: "Stand") -> None:
            learns = ", learning" if stand.trains else ""
            told = f"{names[which]}{stand.at:%Y-%m-%d}{learns}"
            bar.update(task, completed=stand.done, total=stand.of, description=told)

        yield progress


def _print(report: "Report", tried: Path | None) -> None:
    """`tried`: which file or folder that was, where there are two of them."""
    names = ", ".join(report.campaigns) + (f" ({tried})" if tried else "")
    print(f"\n{names}: {report.start:%Y-%m-%d} up to {report.end:%Y-%m-%d}\n")
    nameless = f" ({report.without_address:,} without an address)" if report.without_address else ""
    print(f"{report.orders:>9,}  {named(report.orders, 'order')}{nameless}")
    print(f"{report.planned:>9,}  {named(report.planned, 'mail')} planned")
    print(
        f"{report.mails:>9,}  {named(report.mails, 'mail')} sent, to "
        f"{counted(report.people, 'person', 'people')}; {_most(report)}"
    )
    for title, stops in (
        ("Not sent", report.stopped),
        ("Had to wait", report.held_back),
        ("Not entered", report.refused),
    ):
        _print_stops(title, stops)
    share = report.products_shown / report.products if report.products else 0
    print(
        f"\nShown: {report.products_shown:,} of {counted(report.products, 'product')} ({share:.0%}) in "
        f"{counted(report.places, 'place')}, {report.repeats:,} of them to somebody who had been shown it before."
    )
    print("\nBought afterwards, without any mail, what the mail would have shown (95 % interval):")
    for guess in report.guesses:
        print(f"  {_in_words(guess)}")
    print(
        f"\n{report.seconds:,.0f} s, {report.orders / max(report.seconds, 1e-9):,.1f} orders a second; "
        f"{counted(len(report.trained), 'training')}."
    )
    if not report.mails and not report.orders - report.without_address:
        print("No order has an address: --suppose-consent tries it as if all had one, and had agreed.")
    elif any(stop.reason == "no_consent" and stop.count > report.planned / 2 for stop in report.stopped):
        print("Most people are not known to have agreed to mail: --suppose-consent tries it as if they had.")


def _print_beside(paths: "Sequence[Path]", reports: "Sequence[Report]") -> None:
    from aftercart.cli.table import print_table

    print("\nSide by side")
    counts = {"orders": "orders", "planned": "mails planned", "mails": "mails sent", "people": "people mailed"}
    shown = {"products_shown": "products shown", "repeats": "shown to somebody again"}
    rows = [(words, *(f"{getattr(r, name):,}" for r in reports)) for name, words in (counts | shown).items()]
    rows.insert(4, ("most for one person", *(f"{max(r.by_number, default=0)}" for r in reports)))
    for ours in zip(*([g for g in r.guesses if g.by == "aftercart"] for r in reports), strict=True):
        shares = (f"{guess.share.value:.1%}" if guess.mails else "–" for guess in ours)
        rows.append((f"bought within {ours[0].days} days", *shares))
    print_table(("", *map(str, paths)), rows)


def _most(report: "Report") -> str:
    return f"at most {max(report.by_number, default=0)} each"


def _print_stops(title: str, stops: "Sequence[Stop]") -> None:
    from aftercart.policy.reason import Reason

    if stops:
        print(f"\n{title}:")
    for stop in stops:
        print(f"{stop.count:>9,}  {stop.reason}: {Reason(stop.reason).sentence}")


def _in_words(guess: "Guess") -> str:
    name = {"aftercart": "Aftercart", "bought_together": "bought together", "best_sellers": "best sellers"}[guess.by]
    about = f"{guess.days:>2} days  {name:<16}"
    if not guess.mails:
        return f"{about} no mail of which so many days are known"
    share, mails = guess.share, counted(guess.mails, "mail")
    found = f"{about} {share.value:6.1%} of {mails} ({share.low:.1%} to {share.high:.1%})"
    if guess.ahead is None:
        return found
    ahead = guess.ahead
    return f"{found}; Aftercart ahead by {ahead.value:.1%} ({ahead.low:.1%} to {ahead.high:.1%})"
