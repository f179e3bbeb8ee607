"""What the mails of a campaign change: what people spend who may get them, beside those who are held out.

Intent to treat: everybody counts in the arm that they fell into, whether or not a mail reached them, from that instant
on. Both arms were assigned at the same point of the gate, so nothing but the mails tells them apart.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import Connection, select

from aftercart.campaigns.written import Holdout
from aftercart.db.tables import campaign_versions, exposures
from aftercart.exchange.rates import Rates
from aftercart.experiments.comparison import (
    MISMATCH,
    always_valid_interval,
    difference,
    mismatch,
)
from aftercart.experiments.intervals import Interval
from aftercart.experiments.planning import more_people
from aftercart.experiments.store import BRAND, Arm, brand_share
from aftercart.reports.earned.let_go import let_go
from aftercart.reports.earned.spending import MANY
from aftercart.reports.earned.spent_by_arm import Lot, SpentByArm, lots, spent_by_arm

FEWEST = 30
"""With fewer people in an arm, what somebody spends is too uneven for any interval to hold."""
_SHARE = TypeAdapter[float](Holdout)


@dataclass(frozen=True, slots=True)
class Lift:
    """What a person who may get mails does more than one who gets none, in minor units, or in orders.

    `low` and `high` hold at every look (95 %). `decides`: they shut out that nothing differs.
    """

    estimate: float
    low: float
    high: float
    decides: bool


@dataclass(frozen=True, slots=True)
class AgainstHoldout:
    """The comparison of one campaign (or, named `brand`, of all mail together) in one currency.

    `earned`: by all people who may get mails together, in minor units. `spending` and `ordering`: by one person.
    `more_people`: about how many more people it takes to be sure; 0 where it is, None where nothing shows yet.
    `sorted_by_something`: the arms are of sizes that chance does not make; then no result can be trusted.
    `let_go`: how many of those held out got mails since, while no holdout stood in the file.
    """

    name: str
    currency: str
    since: datetime
    treated: int
    held_out: int
    spent_treated: float
    spent_held_out: float
    spending: Lift | None
    ordering: Lift | None
    earned: Lift | None
    more_people: int | None
    sorted_by_something: bool
    let_go: int


def against_holdout(
    connection: Connection,
    experiment: str,
    currency: str,
    until: datetime,
    rates: Rates | None = None,
    many: int = MANY,
) -> list[AgainstHoldout]:
    """By currency, the asked one first, then those in which somebody has ordered since. Empty without a holdout.

    `experiment`: `brand`, or `campaign:NAME`. `rates`: convert every order by the day on which it was placed; those
    that the table does not know stay in their own currency, apart.
    """
    found = lots(connection, experiment, until)
    people = Counter[Arm]()
    for lot in found:
        people[lot.arm] += lot.people
    if not people[Arm.HOLDOUT]:
        return []
    spent = spent_by_arm(connection, experiment, until, people, rates, many)
    is_odd = _is_odd(found, _holdouts(connection, experiment))
    since = min(lot.since for lot in found)
    mailed = let_go(connection, experiment, until)
    order = [currency, *sorted(spent.currencies - {currency})]
    return [_compared(experiment, code, spent, since, is_odd, mailed) for code in order]


# ---------------------------------------------------------------- reading


def _holdouts(connection: Connection, experiment: str) -> dict[str, float]:
    """Version of the campaign (of the brand: what is kept in its place) → the share that it held out."""
    if experiment == BRAND:
        hashes = connection.execute(select(exposures.c.config_hash).where(exposures.c.experiment == BRAND).distinct())
        return {told: share for told in hashes.scalars() if (share := brand_share(told)) is not None}
    name = experiment.removeprefix("campaign:")
    query = select(campaign_versions).where(campaign_versions.c.campaign == name)
    rows = connection.execute(query)
    return {row.version: _SHARE.validate_python(row.definition["holdout"]) for row in rows}


# ---------------------------------------------------------------- comparing


def _compared(
    experiment: str, currency: str, spent: SpentByArm, since: datetime, is_odd: bool, mailed: int
) -> AgainstHoldout:
    money = {arm: spent.money(arm, currency) for arm in Arm}
    rate = {arm: spent.rate(arm, currency) for arm in Arm}
    held, treated = money[Arm.HOLDOUT], money[Arm.TREATED]
    enough = min(held.people, treated.people) >= FEWEST
    found = difference(held, treated, adjusted=True) if enough else None
    spending = _lift(found.estimate, always_valid_interval(found)) if found else None
    orders_ = difference(rate[Arm.HOLDOUT], rate[Arm.TREATED], adjusted=True) if enough else None
    needed = None
    if found and spending:
        needed = 0 if spending.decides else more_people(found)
    return AgainstHoldout(
        name=experiment,
        currency=currency,
        since=since,
        treated=treated.people,
        held_out=held.people,
        spent_treated=treated.mean,
        spent_held_out=held.mean,
        spending=spending,
        ordering=_lift(orders_.estimate, always_valid_interval(orders_)) if orders_ else None,
        earned=_times(spending, treated.people) if spending else None,
        more_people=needed,
        sorted_by_something=is_odd,
        let_go=mailed,
    )


def _lift(estimate: float, interval: Interval) -> Lift:
    return Lift(estimate, interval.low, interval.high, interval.decides)


def _times(lift: Lift, people: int) -> Lift:
    return Lift(lift.estimate * people, lift.low * people, lift.high * people, lift.decides)


def _is_odd(found: Sequence[Lot], shares: Mapping[str, float]) -> bool:
    """Whether the arms are of sizes that chance does not make, among those of whom the share is known."""
    known = [(lot, share) for lot in found if 0 < (share := shares.get(lot.config_hash, -1.0)) < 1]
    sizes = Counter[Arm]()
    for lot, _ in known:
        sizes[lot.arm] += lot.people
    expected = sum(share * lot.people for lot, share in known)
    return mismatch([sizes[Arm.HOLDOUT], sizes[Arm.TREATED]], [expected, sizes.total() - expected]) < MISMATCH
