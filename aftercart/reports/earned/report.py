"""What a campaign earned, as plain values."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from aftercart.db.tables import picks, sends
from aftercart.exchange.rates import Rates
from aftercart.experiments.store import BRAND
from aftercart.reports.earned.against_holdout import AgainstHoldout, against_holdout
from aftercart.reports.earned.experiments import ExperimentReport, experiments_of
from aftercart.reports.earned.funnel import Stage, by_week, funnel, total
from aftercart.reports.weekly import LATELY, Pair, annoying, pairs
from aftercart.reports.words import SOURCES

PAIRS = 8
LISTS = ("against_holdout", "pairs", "annoying", "served")


@dataclass(frozen=True, slots=True)
class Served:
    """How many products of how many mails one part of the recommender chose: the model, or a fallback."""

    source: str
    picks: int
    mails: int

    @property
    def in_words(self) -> str:
        """Who that is."""
        return SOURCES.get(self.source, self.source)


@dataclass(frozen=True)
class CampaignReport:
    """`against_holdout`: the headline, by currency; empty where nobody is held out. `rates`: the version of the table
    by which amounts were converted; None: each currency stands apart. `pairs`: the most shown, as they were last
    counted; `annoying`: those that most readers refused or left after."""

    campaign: str
    since: datetime | None
    until: datetime
    against_holdout: tuple[AgainstHoldout, ...]
    stages: tuple[Stage, ...]
    total: Stage
    experiments: tuple[ExperimentReport, ...]
    by_week: dict[str, tuple[int, int]]
    pairs: tuple[Pair, ...]
    annoying: tuple[Pair, ...]
    served: tuple[Served, ...]
    rates: str | None = None

    def as_json(self) -> dict[str, Any]:
        """As plain JSON values, but for instants."""
        plain = {name: getattr(self, name) for name in ("campaign", "since", "until", "by_week", "rates")}
        plain |= {name: [asdict(one) for one in getattr(self, name)] for name in LISTS}
        plain |= {name: [one.as_json() for one in getattr(self, name)] for name in ("stages", "experiments")}
        return {**plain, "total": self.total.as_json()}


def report_on(
    connection: Connection,
    campaign: str,
    currency: str,
    until: datetime,
    since: datetime | None = None,
    rates: Rates | None = None,
) -> CampaignReport:
    """One campaign. `currency`: of the first headline; `since`: of the mails (the holdout counts whole). `rates`: to
    convert all amounts by."""
    stages = funnel(connection, campaign, since, until, rates)
    shown = pairs(connection, campaign, (since or until - LATELY).date())
    return CampaignReport(
        campaign=campaign,
        since=since,
        until=until,
        against_holdout=tuple(against_holdout(connection, f"campaign:{campaign}", currency, until, rates)),
        stages=tuple(stages),
        total=total(stages),
        experiments=experiments_of(connection, campaign, currency, until, rates),
        by_week=by_week(connection, campaign, until),
        pairs=tuple(shown[:PAIRS]),
        annoying=tuple(annoying(shown)[:PAIRS]),
        served=tuple(_served(connection, campaign, since, until)),
        rates=rates.version if rates else None,
    )


@dataclass(frozen=True, slots=True)
class Brief:
    """What an overview tells of a campaign, without looking at what takes long."""

    campaign: str
    against_holdout: tuple[AgainstHoldout, ...]
    total: Stage


def brief_on(connection: Connection, campaign: str, currency: str, until: datetime, rates: Rates | None) -> Brief:
    """One campaign, as `report_on` has it."""
    held_out = against_holdout(connection, f"campaign:{campaign}", currency, until, rates)
    return Brief(campaign, tuple(held_out), total(funnel(connection, campaign, None, until, rates)))


def brand_holdout(
    connection: Connection, currency: str, until: datetime, rates: Rates | None = None
) -> tuple[AgainstHoldout, ...]:
    """What all marketing mail together changes, by currency; empty where nobody is held out of all of it."""
    return tuple(against_holdout(connection, BRAND, currency, until, rates))


def campaigns_with_mails(connection: Connection) -> list[str]:
    """Every campaign of which a mail was ever planned."""
    return list(connection.execute(select(sends.c.campaign).distinct().order_by(sends.c.campaign)).scalars())


def _served(connection: Connection, campaign: str, since: datetime | None, until: datetime) -> Sequence[Served]:
    """Of the mails that left and were due in that time; who chose most comes first."""
    chosen, mails = func.count().label("picks"), func.count(picks.c.send_id.distinct()).label("mails")
    query = select(picks.c.source, chosen, mails).join(sends, sends.c.id == picks.c.send_id)
    mine = (sends.c.campaign == campaign, sends.c.sent_at.is_not(None), sends.c.due_at <= until)
    query = query.where(*mine, *((sends.c.due_at >= since,) if since else ()))
    rows = connection.execute(query.group_by(picks.c.source).order_by(chosen.desc(), picks.c.source))
    return [Served(row.source, row.picks, row.mails) for row in rows]
