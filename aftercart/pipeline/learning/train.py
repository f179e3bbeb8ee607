"""Train a recommendation model and let it serve, unless it is worse than what would serve without it."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from aftercart.clock import Clock
from aftercart.db.session import Database
from aftercart.ids import new_id
from aftercart.quantity import counted
from aftercart.recommendation import store
from aftercart.recommendation.inputs.dataset import Interactions
from aftercart.recommendation.judging.drift import FirstScores
from aftercart.recommendation.judging.evaluation import Comparison
from aftercart.recommendation.learning.lesson import Lesson, learn, started
from aftercart.recommendation.models import files

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class TrainReport:
    """What a training run learned from and what came of it. `seconds`: wall clock. `comparison`: how mails fare with
    it; `checkouts`: how checkouts and product pages do."""

    version: str
    serving: bool
    orders: int
    lines: int
    products: int
    data_until: datetime
    epochs: int
    planned_epochs: int
    weights: dict[str, dict[str, float]]
    comparison: Comparison | None
    seconds: float
    first_scores: FirstScores | None = None
    checkouts: Comparison | None = None

    @property
    def summary(self) -> str:
        """The outcome in words for a person."""
        return f"{self._learned} {self._tested} {self._outcome}"

    @property
    def _learned(self) -> str:
        cut_short = "" if self.epochs == self.planned_epochs else f" of {self.planned_epochs}: the time was up"
        return (
            f"Learned from {counted(self.orders, 'order')} ({counted(self.lines, 'line')}, "
            f"{counted(self.products, 'product')}) in {self.seconds:.1f} s, {counted(self.epochs, 'epoch')}{cut_short}."
        )

    @property
    def _tested(self) -> str:
        if self.comparison is None:
            return "The last weeks hold too few orders to test its mails on."
        told = (
            f"Asked as a mail would be about {counted(self.comparison.cases, 'later order')} it had not seen, "
            f"its first ten hold something that was bought in {_did(self.comparison)}."
        )
        return f"{told} Asked as a checkout would be: {_did(self.checkouts)}." if self.checkouts else told

    @property
    def _worse(self) -> str:
        asked = {"mails": self.comparison, "checkouts": self.checkouts}
        return " and ".join(name for name, found in asked.items() if found and found.is_worse)

    @property
    def _outcome(self) -> str:
        if self.serving:
            return f"Version {self.version} serves now."
        return (
            f"With it {self._worse} would show worse than without a model, so version {self.version} stays a candidate "
            "and what served before goes on serving."
        )


def _did(found: Comparison) -> str:
    return (
        f"{found.lightfm.hr10:.0%} (NDCG@10 {found.lightfm.ndcg10:.3f}); bought together "
        f"{found.bought_together.hr10:.0%} ({found.bought_together.ndcg10:.3f}), best sellers of the categories "
        f"that go with them {found.category_best_sellers.hr10:.0%} ({found.category_best_sellers.ndcg10:.3f}), "
        f"best sellers {found.best_sellers.hr10:.0%} ({found.best_sellers.ndcg10:.3f})"
    )


def train(
    db: Database,
    models_dir: Path,
    clock: Clock,
    *,
    seed: int = 0,
    budget_s: float | None = None,
    progress: Progress = lambda _epoch, _epochs: None,
) -> TrainReport:
    """Learn from all completed orders. Raises ModelError if they are too few.

    1. Read the orders in one snapshot.
    2. Learn and test. `budget_s` (wall-clock seconds, for the whole run) cuts epochs short; without it the same
       seed and orders give the same model.
    3. Write the files, then register the version: a registered version always has its files.
    """
    budget = started(budget_s)
    with db.read() as connection:
        past = store.load_interactions(connection)
    trained_at = clock()
    lesson = learn(past, _new_version(trained_at), seed=seed, budget=budget, progress=progress)
    checksum = files.save(lesson.model, models_dir)
    report = _report(lesson, past, time.monotonic() - budget.started_at)
    _register(db, store.Version(report.version, checksum), report, trained_at, seed)
    files.prune(models_dir, keep=_in_use(db) | {report.version})
    return report


def last_trained(db: Database) -> datetime | None:
    """When the newest version was trained, whether it serves or not."""
    with db.read() as connection:
        return store.newest_version_at(connection)


def _new_version(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}-{new_id().hex[-8:]}"


def _report(lesson: Lesson, past: Interactions, seconds: float) -> TrainReport:
    learned = lesson.model.learned
    return TrainReport(
        version=lesson.model.version,
        serving=lesson.may_serve,
        orders=past.order_count,
        lines=len(past.item),
        products=len(past.products),
        data_until=store.instant(past.last_order_at),
        epochs=lesson.epochs,
        planned_epochs=lesson.planned_epochs,
        weights=learned.blend.in_words() if learned else {},
        comparison=lesson.judged.mails,
        seconds=seconds,
        first_scores=lesson.first_scores,
        checkouts=lesson.judged.checkouts,
    )


def _register(db: Database, version: store.Version, report: TrainReport, trained_at: datetime, seed: int) -> None:
    facts = facts_of(report) | {"seed": seed}
    with db.write() as connection:
        store.add_version(
            connection,
            version,
            trained_at=trained_at,
            data_until=report.data_until,
            facts=facts,
            serve=report.serving,
        )


def facts_of(report: TrainReport) -> dict[str, Any]:
    """The report as JSON values."""
    return asdict(report) | {"data_until": report.data_until.isoformat(), "summary": report.summary}


def _in_use(db: Database) -> frozenset[str]:
    with db.read() as connection:
        serving = store.serving_version(connection)
    return frozenset({serving.version}) if serving else frozenset()
