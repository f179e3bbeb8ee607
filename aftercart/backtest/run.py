"""From one happening to the next: what came in is taken in, what falls due is decided, rendered and handed over.

1. Copy the facts; lay down what was known at the start; train on that.
2. Move the clock to whatever comes first: a happening, a mail that falls due, the day of the next training.
3. When no order is left that may start a campaign, go on until every planned mail has ended.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from aftercart.backtest import past, source
from aftercart.backtest.folder import own_folder
from aftercart.backtest.future import Happening, happenings
from aftercart.backtest.report import Report, Trained, report_on
from aftercart.backtest.rivals import Offer, Rivals
from aftercart.backtest.sandbox import Sandbox, sandbox
from aftercart.campaigns.loader import Campaigns
from aftercart.db.session import Database
from aftercart.db.tables import orders
from aftercart.errors import ConfigError, ModelError
from aftercart.pipeline.learning.train import train
from aftercart.settings import Settings

WEEK = timedelta(days=7)
ASK_RIVALS_AT = 50
"""Mails at once: a question costs much, and each further mail little."""


class Stand(NamedTuple):
    """How far a run is: orders `done` of all, what its clock says, and whether it trains a model now."""

    done: int
    of: int
    at: datetime
    trains: bool


Progress = Callable[[Stand], None]
ProgressOfEach = Callable[[int, Stand], None]
"""The first: which set of campaigns, from 0."""


@dataclass(frozen=True)
class Wanted:
    """What to try. Orders of `start` up to `end` are replayed; a new model is trained every `train_every`."""

    start: datetime
    end: datetime
    train_every: timedelta = 4 * WEEK
    train_budget_s: float | None = None
    suppose_consent: bool = False


def backtest(
    settings: Settings,
    main: Database,
    trials: list[Campaigns],
    wanted: Wanted,
    progress: ProgressOfEach = lambda _which, _stand: None,
) -> list[Report]:
    """Try each of these sets of campaigns on the same orders. Raises ConfigError where no order lies in the time."""
    with own_folder(settings.data_dir / "backtests") as folder, closing(source.take(main, folder)) as facts:
        if wanted.suppose_consent:
            source.suppose_all_agree(facts)
        return [
            _try(settings, facts, folder / str(n), trial, wanted, partial(progress, n))
            for n, trial in enumerate(trials)
        ]


def _try(
    settings: Settings, facts: Database, folder: Path, campaigns: Campaigns, wanted: Wanted, progress: Progress
) -> Report:
    began = monotonic()
    with replayed(settings, facts, folder, campaigns, wanted, progress) as run:
        return report_on(run.sandbox, facts, run.offers, run.trained, wanted.start, wanted.end, monotonic() - began)


@dataclass
class Run:
    """A run that has ended, with its engine still open to be looked at."""

    sandbox: Sandbox
    offers: list[Offer] = field(default_factory=list)
    trained: list[Trained] = field(default_factory=list)


@contextmanager
def replayed(
    settings: Settings,
    facts: Database,
    folder: Path,
    campaigns: Campaigns,
    wanted: Wanted,
    progress: Progress = lambda _stand: None,
) -> Iterator[Run]:
    """Live through it. `facts`: from `source.take`; `folder`: for all that this run needs, beside `facts`."""
    folder.mkdir()
    with facts.read() as connection, closing(past.lay_down(facts, wanted.start, folder.parent, folder)) as database:
        shops = connection.execute(select(orders.c.shop).distinct()).scalars()
        with sandbox(settings, database, folder, campaigns, [*shops, "generic"], wanted.start) as box:
            run = Run(box)
            _Course(run, wanted, connection, progress).live()
            yield run


class _Course:
    """The way through the time."""

    def __init__(self, run: Run, wanted: Wanted, facts: Connection, progress: Progress) -> None:
        self._run, self._box, self._wanted, self._progress = run, run.sandbox, wanted, progress
        self._rivals = Rivals(self._box.app)
        self._happenings = happenings(facts, wanted.start, wanted.end)
        self._next: Happening | None = next(self._happenings, None)
        self._train_at = wanted.start
        self._orders = _count(facts, wanted)
        self._done = 0

    def live(self) -> None:
        wake = None
        while (instant := self._first(wake)) is not None:
            if instant >= self._train_at:
                self._ask_rivals()
                self._train()
                continue
            self._box.clock.move_to(instant)
            if self._next and self._next.at <= instant:
                self._happen(self._next)
            wake = self._box.next_wake()
            if wake and wake <= instant:
                self._box.run_due()
                wake = self._box.next_wake()
            if len(self._box.outbox.latest) >= ASK_RIVALS_AT:
                self._ask_rivals()
        self._ask_rivals()

    def _first(self, wake: datetime | None) -> datetime | None:
        """The next instant at which there is something to do: a happening, or a mail (`wake`).

        None when every order of the time is in and every mail has ended.
        """
        if wake is None and (self._next is None or self._next.at >= self._wanted.end):
            return None
        instants = [instant for instant in (wake, self._next.at if self._next else None) if instant]
        return max(min(instants), self._box.clock())

    def _happen(self, happening: Happening) -> None:
        self._box.take(happening)
        self._next = next(self._happenings, None)
        if happening.orders:
            self._done += happening.orders
            self._tell(trains=False)

    def _tell(self, *, trains: bool) -> None:
        self._progress(Stand(self._done, self._orders, self._box.clock(), trains))

    def _ask_rivals(self) -> None:
        latest, self._box.outbox.latest[:] = list(self._box.outbox.latest), []
        if latest:
            with self._box.app.db.read() as connection:
                self._run.offers += self._rivals.offers(connection, latest)

    def _train(self) -> None:
        """On what this database holds by now, and it holds nothing of later."""
        self._box.clock.move_to(self._train_at)
        self._train_at += self._wanted.train_every
        self._tell(trains=True)
        app = self._box.app
        try:
            learned = train(app.db, app.settings.models_dir, app.clock, budget_s=self._wanted.train_budget_s)
        except ModelError as err:  # a new shop: counting serves until there are orders enough
            self._run.trained.append(Trained(self._box.clock(), 0, str(err)))
        else:
            self._run.trained.append(Trained(self._box.clock(), learned.orders, learned.summary))


def _count(facts: Connection, wanted: Wanted) -> int:
    at = func.coalesce(orders.c.completed_at, orders.c.placed_at, type_=orders.c.placed_at.type)
    query = select(func.count()).select_from(orders).where(at >= wanted.start, at < wanted.end)
    count: int = facts.execute(query).scalar_one()
    if not count:
        first, last = facts.execute(select(func.min(orders.c.placed_at), func.max(orders.c.placed_at))).one()
        raise ConfigError(
            f"no order was placed from {wanted.start:%Y-%m-%d} to {wanted.end:%Y-%m-%d}; "
            f"those on record are from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
        )
    return count
