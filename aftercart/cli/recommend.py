"""`aftercart train` and `aftercart recommend`: learn from past orders, and ask what goes with a purchase."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aftercart.cli.typed import seconds
from aftercart.quantity import counted
from aftercart.recommendation.asking.request import Purpose

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy import Connection

    from aftercart.db.session import Database
    from aftercart.pipeline.learning.train import TrainReport
    from aftercart.recommendation.asking.question import Candidate
    from aftercart.recommendation.asking.request import Pick, Recommendation, Request
    from aftercart.recommendation.recommender import Recommender

BATCH = 512


def train(
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Start of all random choices.")] = 0,
    budget: Annotated[
        float | None,
        typer.Option(min=1, callback=seconds, help="Seconds it may take; without it training runs to its end."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as one JSON object.")] = False,
) -> None:
    """Learn from the completed orders, test on the last weeks, and serve what came of it unless it is worse."""
    from aftercart.cli.open import open_database
    from aftercart.pipeline.learning.train import facts_of
    from aftercart.settings import read_settings

    with open_database() as database:
        report = _train_with_bar(database, read_settings().models_dir, seed, budget)
    print(json.dumps(facts_of(report)) if as_json else report.summary)


def recommend(
    skus: Annotated[list[str] | None, typer.Argument(metavar="SKU...", help="What was bought.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many picks.")] = 10,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say for each pick why, and what was turned away.")
    ] = False,
    batch: Annotated[
        Path | None, typer.Option(help="Orders, one JSON object a line; answers likewise on stdout.")
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="With --batch: the model's own ranking, no guard but items and exclude.")
    ] = False,
    customer: Annotated[str | None, typer.Option(help="The shop's id of the customer: what they own counts.")] = None,
    purpose: Annotated[
        Purpose | None,
        typer.Option("--for", help="To be bought along with them, or next, by a mail. [default: together]"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The answer as one JSON object.")] = False,
) -> None:
    """What goes with these products?"""
    if (batch is None) == (not skus):
        raise typer.BadParameter("name the SKUs bought, or a file with --batch")
    if raw and batch is None:
        raise typer.BadParameter("--raw goes with --batch")
    if batch is not None:
        raise typer.Exit(_answer_file(batch, k, raw=raw, purpose=purpose))
    _answer_one(skus or [], k, customer, purpose or Purpose.TOGETHER, explain=explain, as_json=as_json)


def _train_with_bar(database: "Database", models_dir: Path, seed: int, budget: float | None) -> "TrainReport":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from aftercart.clock import utc_now
    from aftercart.pipeline.learning.train import train as run

    console = Console(stderr=True)
    columns = (TextColumn("Learning from orders"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("epochs", total=None)

        def progress(epoch: int, epochs: int) -> None:
            bar.update(task, completed=epoch, total=epochs)

        return run(database, models_dir, utc_now, seed=seed, budget_s=budget, progress=progress)


# ---------------------------------------------------------------- one order


def _answer_one(
    skus: Sequence[str], k: int, customer: str | None, purpose: Purpose, *, explain: bool, as_json: bool
) -> None:
    from aftercart.recommendation import store

    with _opened() as (recommender, database), database.read() as connection:
        catalog = store.load_facts(connection, skus)
        owned = store.customer_histories(connection, [customer]).get(customer, ()) if customer else ()
        answer = recommender.recommend(connection, [_request(skus, k, purpose, owned)])[0]
    for sku in skus:
        if sku not in catalog:
            print(f"aftercart: {sku} is not in the catalog", file=sys.stderr)
    if as_json:
        print(json.dumps(asdict(answer)))
        return
    _print_picks(answer, explain=explain)


def _print_picks(answer: "Recommendation", *, explain: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from aftercart.money import formatted

    console = Console()
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("sku", "title", "price", *(("score", "why") if explain else ())):
        table.add_column(title, overflow="fold")
    for pick in answer.picks:
        price = formatted(pick.price_minor, pick.currency, "en") if pick.currency else str(pick.price_minor)
        why = (f"{pick.score:.2f}", _why(pick)) if explain else ()
        table.add_row(pick.sku, pick.title, price, *why)
    console.print(table if answer.picks else "No picks.")
    if explain:
        turned_away = ", ".join(f"{n} {guard}" for guard, n in sorted(answer.filtered.items())) or "none"
        console.print(f"\nServed by {answer.served_by}. Candidates turned away: {turned_away}.", highlight=False)
        _print_dead_ends(console, answer)


def _print_dead_ends(console: "Console", answer: "Recommendation") -> None:
    """Who asks here wants to see the ranking; a mail is stricter."""
    from aftercart.recommendation.asking.guards import Guard, has_page

    without = [pick.sku for pick in answer.picks if not has_page(pick.url)]
    if without:
        named = ", ".join(without)
        console.print(f"No mail would offer {named} ({Guard.NO_URL}: no web address).", highlight=False, markup=False)


def _why(pick: "Pick") -> str:
    if not pick.because:
        return f"best seller, number {pick.evidence['rank']}"
    together = pick.evidence.get("orders_together", 0)
    seen = f"bought together in {counted(together, 'order')}" if together else "not bought together yet"
    return f"goes with {pick.because_title or pick.because}; {seen} ({pick.source})"


# ---------------------------------------------------------------- a file of orders


class _Faults:
    """Bad lines, told as they are met; the rest goes on."""

    def __init__(self, file: Path) -> None:
        self.file, self.count = file, 0

    def tell(self, line: int, problem: str) -> None:
        self.count += 1
        print(f"{self.file}:{line}: {problem}", file=sys.stderr)


def _answer_file(file: Path, k: int, *, raw: bool, purpose: Purpose | None) -> int:
    """Stream the file in batches; returns the exit code."""
    from aftercart.errors import AftercartError

    faults = _Faults(file)
    try:
        with _opened() as (recommender, database), file.open("rb") as lines:
            asked = _read_lines(lines, faults)
            while batch := list(islice(asked, BATCH)):
                with database.read() as connection:
                    answers = _answers(recommender, connection, batch, k, raw=raw, purpose=purpose)
                    sys.stdout.writelines(f"{json.dumps(answer)}\n" for answer in answers)
    except OSError as err:
        raise AftercartError(f"{file}: {err.strerror}") from err
    return 1 if faults.count else 0


def _read_lines(lines: Iterable[bytes], faults: _Faults) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            asked = json.loads(line)
        except ValueError as err:
            faults.tell(number, f"this is not JSON ({err})")
            continue
        problem = _problem(asked)
        if problem:
            faults.tell(number, problem)
            continue
        yield asked


def _problem(asked: Any) -> str:
    if not isinstance(asked, dict):
        return 'an object like {"id": "x", "items": ["sku"]} is needed'
    if "id" not in asked:
        return '"id" is missing'
    if not _are_skus(asked.get("items")):
        return '"items" must be a list of SKUs (strings)'
    if asked.get("exclude") is not None and not _are_skus(asked["exclude"]):
        return '"exclude" must be a list of SKUs (strings)'
    if not isinstance(asked.get("customer_id"), str | int | None):
        return '"customer_id" must be a string'
    return ""


def _are_skus(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(sku, str) for sku in value)


def _answers(
    recommender: "Recommender",
    connection: "Connection",
    batch: Sequence[dict[str, Any]],
    k: int,
    *,
    raw: bool,
    purpose: Purpose | None,
) -> Iterator[dict[str, Any]]:
    from aftercart.recommendation import store

    named = (str(asked["customer_id"]) for asked in batch if asked.get("customer_id") is not None)
    histories = store.customer_histories(connection, named)
    owned = [histories.get(str(asked.get("customer_id")), ()) for asked in batch]
    answer: Callable[..., Sequence[Sequence[Candidate | Pick]]] = _ranked if raw else _guarded
    wanted = purpose or _purpose(batch, owned)
    for asked, picks in zip(batch, answer(recommender, connection, batch, owned, k, wanted), strict=True):
        shown = [{"sku": pick.sku, "score": round(pick.score, 6), "because": pick.because} for pick in picks]
        yield {"id": asked["id"], "picks": shown}


def _ranked(
    recommender: "Recommender",
    connection: "Connection",
    batch: Sequence[dict[str, Any]],
    owned: Sequence[tuple[str, ...]],
    k: int,
    purpose: Purpose,
) -> "Sequence[Sequence[Candidate]]":
    from aftercart.recommendation.asking.question import Question

    questions = [
        Question(
            tuple(asked["items"]), history, frozenset((*asked["items"], *(asked.get("exclude") or ()))), purpose=purpose
        )
        for asked, history in zip(batch, owned, strict=True)
    ]
    return recommender.rank(connection, questions, k)


def _guarded(
    recommender: "Recommender",
    connection: "Connection",
    batch: Sequence[dict[str, Any]],
    owned: Sequence[tuple[str, ...]],
    k: int,
    purpose: Purpose,
) -> "Sequence[Sequence[Pick]]":
    requests = [
        _request(asked["items"], k, purpose, history, frozenset(asked.get("exclude") or ()))
        for asked, history in zip(batch, owned, strict=True)
    ]
    return [answer.picks for answer in recommender.recommend(connection, requests)]


def _purpose(batch: Sequence[Mapping[str, Any]], owned: Sequence[tuple[str, ...]]) -> Purpose:
    """Whoever bars what people own already asks what they buy next; whoever names one product of each order, what a
    mail about it would offer; else it is what goes into the same order."""
    histories = [(set(history) - set(asked["items"]), asked) for history, asked in zip(owned, batch, strict=True)]
    barred = [history <= set(asked.get("exclude") or ()) for history, asked in histories if history]
    if barred and all(barred):
        return Purpose.NEXT
    return Purpose.MAIL if all(len(asked["items"]) == 1 for asked in batch) else Purpose.TOGETHER


def _request(
    skus: Sequence[str],
    k: int,
    purpose: Purpose,
    owned: tuple[str, ...] = (),
    exclude: frozenset[str] = frozenset(),
) -> "Request":
    from aftercart.recommendation.asking.request import Anchor, Request, Rules

    return Request(
        tuple(map(Anchor, skus)), currency="", rules=Rules(slots=k), purpose=purpose, owned=owned, exclude=exclude
    )


@contextmanager
def _opened() -> "Iterator[tuple[Recommender, Database]]":
    from aftercart.cli.open import open_database
    from aftercart.recommendation.recommender import Recommender
    from aftercart.settings import read_settings

    with open_database() as database:
        yield Recommender(read_settings().models_dir), database
