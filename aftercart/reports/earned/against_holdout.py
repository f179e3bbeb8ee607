"""What the mails of a campaign change: what people spend who may get them, beside those who are held out.

Intent to treat: everybody counts in the arm that they fell into, whether or not a mail reached them, from that instant
on. Both arms were assigned at the same point of the gate, so nothing but the mails tells them apart.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import Connection, select

from aftercart.campaigns.written import Holdout
from aftercart.db.tables import campaign_versions, exposures, recipients
from aftercart.exchange.rates import Rates
from aftercart.experiments.comparison import (
    MISMATCH,
    always_valid_interval,
    difference,
    mismatch,
)
from aftercart.experiments.intervals import Interval
from aftercart.experiments.planning import more_people
from aftercart.experiments.sample import Sample
from aftercart.experiments.store import BRAND, Arm, brand_share
from aftercart.reports.earned.spending import BEFORE, PERSON, spending

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
    """

    name: str
    currency: str
    since: datetime | None
    treated: int
    held_out: int
    spent_treated: float
    spent_held_out: float
    spending: Lift | None
    ordering: Lift | None
    earned: Lift | None
    more_people: int | None
    sorted_by_something: bool


@dataclass(slots=True)
class _Person:
    """Somebody in an arm since an instant; what they spent before and since, by currency."""

    arm: Arm
    since: datetime
    spent: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    before: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    ordered: bool = False


def against_holdout(
    connection: Connection, experiment: str, currency: str, until: datetime, rates: Rates | None = None
) -> list[AgainstHoldout]:
    """By currency, the asked one first, then those in which somebody has ordered since. Empty without a holdout.

    `experiment`: `brand`, or `campaign:NAME`. `rates`: convert every order by the day on which it was placed; those
    that the table does not know stay in their own currency, apart.
    """
    people, shares = _assigned(connection, experiment, until)
    if not any(person.arm is Arm.HOLDOUT for person in people.values()):
        return []
    _add_orders(connection, people, until, rates)
    spent = {c for person in people.values() for c, amount in person.spent.items() if amount}
    everybody = list(people.values())
    is_odd = _is_odd(everybody, shares)
    order = [currency, *sorted(spent - {currency})]
    return [_compared(experiment, code, everybody, is_odd) for code in order]


# ---------------------------------------------------------------- reading


def _assigned(connection: Connection, experiment: str, until: datetime) -> tuple[dict[int, _Person], list[float]]:
    """Everybody in an arm, and for each the share that was held out when they fell into it (-1: not known)."""
    held_out = _holdouts(connection, experiment)
    people: dict[int, _Person] = {}
    shares: dict[int, float] = {}
    query = select(PERSON.label("person"), exposures.c.arm, exposures.c.at, exposures.c.config_hash)
    query = query.join(recipients, recipients.c.id == exposures.c.recipient_id)
    mine = (exposures.c.experiment == experiment, exposures.c.at <= until)
    for row in connection.execute(query.where(*mine).order_by(exposures.c.at, exposures.c.id)):
        if row.person not in people:
            people[row.person] = _Person(Arm(row.arm), row.at)
            shares[row.person] = held_out.get(row.config_hash, -1.0)
    return people, list(shares.values())


def _holdouts(connection: Connection, experiment: str) -> dict[str, float]:
    """Version of the campaign (of the brand: what is kept in its place) → the share that it held out."""
    if experiment == BRAND:
        hashes = connection.execute(select(exposures.c.config_hash).where(exposures.c.experiment == BRAND).distinct())
        return {told: share for told in hashes.scalars() if (share := brand_share(told)) is not None}
    name = experiment.removeprefix("campaign:")
    query = select(campaign_versions).where(campaign_versions.c.campaign == name)
    rows = connection.execute(query)
    return {row.version: _SHARE.validate_python(row.definition["holdout"]) for row in rows}


def _add_orders(connection: Connection, people: Mapping[int, _Person], until: datetime, rates: Rates | None) -> None:
    for row, money in spending(connection, people, until, rates):
        person = people[row.person]
        if row.placed_at > person.since:
            person.spent[money.currency] += money.minor
            person.ordered |= money.minor > 0
        elif row.placed_at > person.since - BEFORE:
            person.before[money.currency] += money.minor


# ---------------------------------------------------------------- comparing


def _compared(experiment: str, currency: str, people: Sequence[_Person], is_odd: bool) -> AgainstHoldout:
    money = {arm: _sample([(p.spent[currency], p.before[currency]) for p in people if p.arm is arm]) for arm in Arm}
    rate = {arm: _sample([(float(p.ordered), p.before[currency]) for p in people if p.arm is arm]) for arm in Arm}
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
        since=min((person.since for person in people), default=None),
        treated=treated.people,
        held_out=held.people,
        spent_treated=treated.mean,
        spent_held_out=held.mean,
        spending=spending,
        ordering=_lift(orders_.estimate, always_valid_interval(orders_)) if orders_ else None,
        earned=_times(spending, treated.people) if spending else None,
        more_people=needed,
        sorted_by_something=is_odd,
    )


def _sample(values: Sequence[tuple[float, float]]) -> Sample:
    """Of each person: the value, and what they spent before."""
    return Sample(
        people=len(values),
        total=sum(y for y, _ in values),
        squares=sum(y * y for y, _ in values),
        before=sum(x for _, x in values),
        before_squares=sum(x * x for _, x in values),
        products=sum(x * y for y, x in values),
    )


def _lift(estimate: float, interval: Interval) -> Lift:
    return Lift(estimate, interval.low, interval.high, interval.decides)


def _times(lift: Lift, people: int) -> Lift:
    return Lift(lift.estimate * people, lift.low * people, lift.high * people, lift.decides)


def _is_odd(people: Sequence[_Person], shares: Sequence[float]) -> bool:
    """Whether the arms are of sizes that chance does not make, among those of whom the share is known."""
    known = [(person, share) for person, share in zip(people, shares, strict=True) if 0 < share < 1]
    if not known:
        return False
    sizes = Counter(person.arm for person, _ in known)
    expected = sum(share for _, share in known)
    return mismatch([sizes[Arm.HOLDOUT], sizes[Arm.TREATED]], [expected, len(known) - expected]) < MISMATCH
