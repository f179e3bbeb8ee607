"""What the mails of a campaign change: what people spend who may get them, beside those who are held out.

Intent to treat: everybody counts in the arm that they fell into, whether or not a mail reached them, from that instant
on. Both arms were assigned at the same point of the gate, so nothing but the mails tells them apart.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, func, select, tuple_

from aftercart.attribution.reversal import WORTHLESS, Line, Reversal, Worth, reversed_minor
from aftercart.campaigns.written import Holdout
from aftercart.db.tables import campaign_versions, exposures, order_lines, order_reversals, orders, recipients
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
from aftercart.experiments.store import Arm
from aftercart.money import Money

BEFORE = timedelta(days=365)
"""What people spent in the year before they fell into an arm makes the comparison sharper (CUPED)."""
FEWEST = 30
"""With fewer people in an arm, what somebody spends is too uneven for any interval to hold."""
_AT_ONCE = 500
_SHARE = TypeAdapter[float](Holdout)

_PERSON = func.coalesce(recipients.c.merged_into, recipients.c.id)


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
    query = select(_PERSON.label("person"), exposures.c.arm, exposures.c.at, exposures.c.config_hash)
    query = query.join(recipients, recipients.c.id == exposures.c.recipient_id)
    mine = (exposures.c.experiment == experiment, exposures.c.at <= until)
    for row in connection.execute(query.where(*mine).order_by(exposures.c.at, exposures.c.id)):
        if row.person not in people:
            people[row.person] = _Person(Arm(row.arm), row.at)
            shares[row.person] = held_out.get(row.config_hash, -1.0)
    return people, list(shares.values())


def _holdouts(connection: Connection, experiment: str) -> dict[str, float]:
    """Version of the campaign → the share that it held out."""
    name = experiment.removeprefix("campaign:")
    query = select(campaign_versions).where(campaign_versions.c.campaign == name)
    rows = connection.execute(query)
    return {row.version: _SHARE.validate_python(row.definition["holdout"]) for row in rows}


def _add_orders(connection: Connection, people: Mapping[int, _Person], until: datetime, rates: Rates | None) -> None:
    ids = sorted(people)
    for start in range(0, len(ids), _AT_ONCE):
        for row, worth in _orders_of(connection, ids[start : start + _AT_ONCE], until):
            person = people[row.person]
            money = Money(worth, row.currency)
            if rates:
                money = rates.converted(worth, row.currency, row.placed_at.date())
            if row.placed_at > person.since:
                person.spent[money.currency] += money.minor
                person.ordered |= worth > 0
            elif row.placed_at > person.since - BEFORE:
                person.before[money.currency] += money.minor


def _orders_of(connection: Connection, people: Sequence[int], until: datetime) -> Iterator[tuple[Any, int]]:
    """Their orders and what they are worth now, refunds taken off."""
    query = select(orders, _PERSON.label("person")).join(recipients, recipients.c.id == orders.c.recipient_id)
    theirs = (_PERSON.in_(people), orders.c.placed_at <= until, orders.c.state != "placed")
    rows = connection.execute(query.where(*theirs)).all()
    back = _taken_back(connection, [row for row in rows if row.state not in WORTHLESS])
    for row in rows:
        yield row, 0 if row.state in WORTHLESS else row.total_minor - back.get(row.id, 0)


def _taken_back(connection: Connection, rows: Sequence[Any]) -> dict[int, int]:
    """Order id → minor units, for orders of which a part was refunded or sent back."""
    key = tuple_(order_reversals.c.shop, order_reversals.c.shop_order_id)
    reversals: dict[tuple[str, str], list[Reversal]] = defaultdict(list)
    for r in connection.execute(
        select(order_reversals).where(key.in_([(row.shop, row.shop_order_id) for row in rows]))
    ):
        reversals[r.shop, r.shop_order_id].append(Reversal(r.kind, r.sku, r.quantity, r.amount_minor, r.currency))
    touched = [row for row in rows if (row.shop, row.shop_order_id) in reversals]
    lines: dict[int, list[Line]] = defaultdict(list)
    for line in connection.execute(select(order_lines).where(order_lines.c.order_id.in_([row.id for row in touched]))):
        lines[line.order_id].append(Line(line.sku, line.quantity, line.unit_price_minor))
    return {
        row.id: reversed_minor(
            Worth(row.state, row.total_minor, row.currency, lines[row.id], reversals[row.shop, row.shop_order_id])
        )
        for row in touched
    }


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
