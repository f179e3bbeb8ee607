"""What the people of each arm spent since they fell into it, and in the year before, summed up exactly.

Where they are many the database adds up: only people with several addresses, or with an order of which something was
taken back or that is converted, are gone through one by one, because no database knows what such an order is worth.
Sums are whole numbers of minor units, so they are the same to the last digit whoever adds them up.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Subquery,
    case,
    func,
    select,
)

from aftercart.attribution.reversal import WORTHLESS
from aftercart.db.calendar import days_before
from aftercart.db.tables import exposures, orders, recipients
from aftercart.exchange.rates import Rates
from aftercart.experiments.sample import Sample
from aftercart.experiments.store import Arm
from aftercart.money import Money
from aftercart.reports.earned.exact_sums import products_of, sum_of, whole
from aftercart.reports.earned.odd_people import odd_people, several_addresses
from aftercart.reports.earned.spending import BEFORE, MANY, PERSON, counted, spending, spending_where


@dataclass(frozen=True, slots=True)
class Lot:
    """People of an arm who fell into it under one version (`config_hash`), and since when the first of them."""

    arm: Arm
    config_hash: str
    people: int
    since: datetime


@dataclass(slots=True)
class Sums:
    """Of all people of an arm, in one currency. `before_of_buyers`: of those who have ordered since."""

    total: int = 0
    squares: int = 0
    before: int = 0
    before_squares: int = 0
    products: int = 0
    before_of_buyers: int = 0

    def add(self, spent: int, before: int, *, has_ordered: bool) -> None:
        """One person more."""
        self.total += spent
        self.squares += spent * spent
        self.before += before
        self.before_squares += before * before
        self.products += spent * before
        self.before_of_buyers += before * has_ordered


@dataclass(slots=True)
class SpentByArm:
    """`buyers`: people who have ordered since."""

    people: Counter[Arm]
    buyers: Counter[Arm] = field(default_factory=Counter)
    sums: dict[tuple[Arm, str], Sums] = field(default_factory=lambda: defaultdict(Sums))

    @property
    def currencies(self) -> set[str]:
        """In which somebody has spent something since."""
        return {currency for (_, currency), sums in self.sums.items() if sums.squares}

    def money(self, arm: Arm, currency: str) -> Sample:
        """What each spent since."""
        s = self.sums.get((arm, currency), Sums())
        return Sample(self.people[arm], s.total, s.squares, s.before, s.before_squares, s.products)

    def rate(self, arm: Arm, currency: str) -> Sample:
        """Whether each has ordered since."""
        s, buyers = self.sums.get((arm, currency), Sums()), self.buyers[arm]
        return Sample(self.people[arm], buyers, buyers, s.before, s.before_squares, s.before_of_buyers)


def lots(connection: Connection, experiment: str, until: datetime) -> list[Lot]:
    """Everybody in the experiment by then: of each person the arm into which they fell first, by whichever address."""
    mine, several = _exposed(experiment, until), several_addresses().subquery()
    first = func.min(exposures.c.at, type_=exposures.c.at.type).label("since")
    alone = select(exposures.c.arm, exposures.c.config_hash, func.count().label("people"), first)
    alone = alone.outerjoin(several, several.c.person == exposures.c.recipient_id)
    alone = alone.where(*mine, several.c.person.is_(None))
    rows = connection.execute(alone.group_by(exposures.c.arm, exposures.c.config_hash))
    found = [Lot(Arm(row.arm), row.config_hash, row.people, row.since) for row in rows]
    together = _each(connection, mine, exposures.c.recipient_id.in_(select(several.c.person)))
    return [*found, *(Lot(one.arm, one.config_hash, 1, one.since) for one in together.values())]


def spent_by_arm(
    connection: Connection,
    experiment: str,
    until: datetime,
    people: Counter[Arm],
    rates: Rates | None = None,
    many: int = MANY,
) -> SpentByArm:
    """`people`: in each arm. `rates`: convert every order that they know by its day. `many`: people from whom on the
    database adds up."""
    found, mine = SpentByArm(people), _exposed(experiment, until)
    if people.total() <= many:
        each = _each(connection, mine)
        _add(found, each, spending(connection, each, until, rates))
        return found
    odd = odd_people(rates).subquery("odd")
    each = _each(connection, mine, PERSON.in_(select(odd.c.person)))
    told = spending_where(connection, PERSON.in_(select(odd.c.person)), until, rates)
    _add(found, each, ((row, money) for row, money in told if row.person in each))
    for row in connection.execute(_added_up(mine, odd, until, connection.dialect.name)):
        _add_sums(found, row)
    return found


def _exposed(experiment: str, until: datetime) -> tuple[ColumnElement[bool], ...]:
    return exposures.c.experiment == experiment, exposures.c.at <= until


# ---------------------------------------------------------------- one by one


@dataclass(slots=True)
class _Person:
    """Somebody in an arm since an instant; what they spent before and since, by currency."""

    arm: Arm
    config_hash: str
    since: datetime
    spent: Counter[str] = field(default_factory=Counter)
    before: Counter[str] = field(default_factory=Counter)
    ordered: bool = False


def _each(
    connection: Connection, mine: Sequence[ColumnElement[bool]], *whose: ColumnElement[bool]
) -> dict[int, _Person]:
    people: dict[int, _Person] = {}
    query = select(PERSON.label("person"), exposures.c.arm, exposures.c.config_hash, exposures.c.at)
    query = query.join(recipients, recipients.c.id == exposures.c.recipient_id).where(*mine, *whose)
    for row in connection.execute(query.order_by(exposures.c.at, exposures.c.id)):
        if row.person not in people:
            people[row.person] = _Person(Arm(row.arm), row.config_hash, row.at)
    return people


def _add(found: SpentByArm, people: dict[int, _Person], told: Iterable[tuple[Any, Money]]) -> None:
    for row, money in told:
        person = people[row.person]
        if row.placed_at > person.since:
            person.spent[money.currency] += money.minor
            person.ordered |= money.minor > 0
        elif row.placed_at > person.since - BEFORE:
            person.before[money.currency] += money.minor
    for person in people.values():
        found.buyers[person.arm] += person.ordered
        for code in person.spent | person.before:
            sums = found.sums[person.arm, code]
            sums.add(person.spent[code], person.before[code], has_ordered=person.ordered)


# ---------------------------------------------------------------- by the database


def _added_up(mine: Sequence[ColumnElement[bool]], odd: Subquery, until: datetime, dialect: str) -> Select[Any]:
    """By arm and currency, of all people but the odd ones: each has one address."""
    worth = case((orders.c.state.in_(sorted(WORTHLESS)), 0), else_=orders.c.total_minor)
    since = orders.c.placed_at > exposures.c.at
    before = orders.c.placed_at > days_before(exposures.c.at, BEFORE.days, dialect)
    each = (
        select(
            *(exposures.c.recipient_id.label("person"), exposures.c.arm, orders.c.currency),
            sum_of(case((since, worth), else_=0)).label("y"),
            sum_of(case((since, 0), (before, worth), else_=0)).label("x"),
            func.max(case((since & (worth > 0), 1), else_=0)).label("ordered"),
        )
        .join_from(exposures, orders, orders.c.recipient_id == exposures.c.recipient_id)
        # Not NOT IN: where the odd ones are many, PostgreSQL would go through all of them for each order.
        .outerjoin(odd, odd.c.person == exposures.c.recipient_id)
        .where(*mine, *counted(until), odd.c.person.is_(None))
        .group_by(exposures.c.recipient_id, exposures.c.arm, orders.c.currency)
        .subquery("each")
    )
    person = select(
        *(each.c.arm, each.c.currency, each.c.y, each.c.x),
        func.max(each.c.ordered).over(partition_by=each.c.person).label("ordered"),
        func.row_number().over(partition_by=each.c.person, order_by=each.c.currency).label("place"),
    ).subquery("person")
    y, x, ordered = person.c.y, person.c.x, person.c.ordered
    return select(
        *(person.c.arm, person.c.currency, sum_of(y).label("y"), sum_of(x).label("x")),
        *products_of("yy", y, y),
        *products_of("xx", x, x),
        *products_of("xy", x, y),
        sum_of(ordered * x).label("ordered_x"),
        sum_of(case((person.c.place == 1, ordered), else_=0)).label("buyers"),
    ).group_by(person.c.arm, person.c.currency)


def _add_sums(found: SpentByArm, row: Any) -> None:
    arm = Arm(row.arm)
    found.buyers[arm] += row.buyers
    sums = found.sums[arm, row.currency]
    sums.total += row.y
    sums.before += row.x
    sums.squares += whole(row, "yy")
    sums.before_squares += whole(row, "xx")
    sums.products += whole(row, "xy")
    sums.before_of_buyers += row.ordered_x
