"""How many mails of a campaign were planned, withheld, sent, clicked and followed by an order, step by step."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, select

from aftercart.db.calendar import week_of
from aftercart.db.tables import attributions, clicks, opens, orders, sends
from aftercart.exchange.rates import Rates
from aftercart.ledger.states import SendState
from aftercart.money import Money

ARRIVED = (SendState.DELIVERED, SendState.COMPLAINED)
LEFT = (SendState.SENT, *ARRIVED, SendState.BOUNCED)
"""A provider has taken it."""
_COUNTED = (
    *("planned", "waiting", "sent", "arrived", "bounced", "complained"),
    *("opened", "opened_unread", "clicked", "ordered"),
)
WAITING = (SendState.SCHEDULED, SendState.SENDING)


@dataclass
class Stage:
    """One step of a campaign. `withheld`: why mails did not go. `credited`: minor units by currency, refunds off.

    `opened`: mails of which somebody seems to have loaded the picture; `opened_unread`: of which only machines did,
    read or not; both are 0 where opens are not counted. `clicked`: mails of which a person opened a link. `ordered`:
    orders credited to them.
    """

    step: str
    planned: int = 0
    waiting: int = 0
    sent: int = 0
    arrived: int = 0
    bounced: int = 0
    complained: int = 0
    opened: int = 0
    opened_unread: int = 0
    clicked: int = 0
    ordered: int = 0
    withheld: Counter[str] = field(default_factory=Counter)
    credited: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """As plain JSON values. Not by `asdict`: it counts the pairs of a Counter."""
        return {**vars(self), "withheld": dict(self.withheld), "credited": dict(self.credited)}


def funnel(
    connection: Connection, campaign: str, since: datetime | None, until: datetime, rates: Rates | None = None
) -> list[Stage]:
    """Of the mails that were due in that time; the step with the most mails first. `rates`: see `against_holdout`."""
    mine = [sends.c.campaign == campaign, sends.c.due_at <= until]
    mine += [sends.c.due_at >= since] if since else []
    stages: dict[str, Stage] = {}
    _count_states(connection, mine, stages)
    _count_opens(connection, mine, stages)
    _count_clicks(connection, mine, stages)
    _count_orders(connection, mine, stages, rates)
    return sorted(stages.values(), key=lambda stage: (-stage.planned, stage.step))


def total(stages: Sequence[Stage]) -> Stage:
    """All steps together."""
    whole = Stage("")
    for stage in stages:
        for name in _COUNTED:
            setattr(whole, name, getattr(whole, name) + getattr(stage, name))
        whole.withheld += stage.withheld
        whole.credited += stage.credited
    return whole


def _count_states(connection: Connection, mine: Sequence[ColumnElement[bool]], stages: dict[str, Stage]) -> None:
    query = select(sends.c.step, sends.c.state, sends.c.reason, func.count().label("mails")).where(*mine)
    for row in connection.execute(query.group_by(sends.c.step, sends.c.state, sends.c.reason)):
        stage = stages.setdefault(row.step, Stage(row.step))
        stage.planned += row.mails
        stage.waiting += row.mails if row.state in WAITING else 0
        stage.sent += row.mails if row.state in LEFT else 0
        stage.arrived += row.mails if row.state in ARRIVED else 0
        stage.bounced += row.mails if row.state == SendState.BOUNCED else 0
        stage.complained += row.mails if row.state == SendState.COMPLAINED else 0
        if row.state not in LEFT and row.state not in WAITING:
            stage.withheld[row.reason or row.state] += row.mails


def _count_opens(connection: Connection, mine: Sequence[ColumnElement[bool]], stages: Mapping[str, Stage]) -> None:
    human = func.max(case((opens.c.verdict == "human", 1), else_=0)).label("human")
    each = select(sends.c.step, human).join(opens, opens.c.send_id == sends.c.id).where(*mine)
    mails = each.group_by(sends.c.id, sends.c.step).subquery()
    query = select(mails.c.step, func.sum(mails.c.human).label("human"), func.count().label("mails"))
    for row in connection.execute(query.group_by(mails.c.step)):
        stages[row.step].opened = int(row.human)
        stages[row.step].opened_unread = row.mails - int(row.human)


def _count_clicks(connection: Connection, mine: Sequence[ColumnElement[bool]], stages: Mapping[str, Stage]) -> None:
    mails = func.count(clicks.c.send_id.distinct()).label("mails")
    query = select(sends.c.step, mails).join(clicks, clicks.c.send_id == sends.c.id)
    for row in connection.execute(query.where(*mine, clicks.c.verdict == "human").group_by(sends.c.step)):
        stages[row.step].clicked = row.mails


def _count_orders(
    connection: Connection, mine: Sequence[ColumnElement[bool]], stages: Mapping[str, Stage], rates: Rates | None
) -> None:
    """One by one: each order is converted by its own day, and there are not many."""
    net = (attributions.c.amount_minor - attributions.c.reversed_minor).label("net")
    query = select(sends.c.step, attributions.c.currency, net, orders.c.placed_at)
    query = query.join(attributions, attributions.c.send_id == sends.c.id).where(*mine)
    query = query.join(orders, orders.c.id == attributions.c.order_id).where(attributions.c.model == "last_click")
    for row in connection.execution_options(yield_per=5_000).execute(query):
        money = Money(row.net, row.currency)
        if rates:
            money = rates.converted(row.net, row.currency, row.placed_at.date())
        stages[row.step].ordered += 1
        stages[row.step].credited[money.currency] += money.minor


def by_week(connection: Connection, campaign: str, until: datetime) -> dict[str, tuple[int, int]]:
    """Monday of the week → mails sent in it, and how many of them a person opened a link of."""
    week = week_of(sends.c.sent_at, connection.dialect.name).label("week")
    mine = (sends.c.campaign == campaign, sends.c.sent_at.is_not(None), sends.c.sent_at <= until)
    sent = connection.execute(select(week, func.count().label("mails")).where(*mine).group_by(week)).all()
    opened = select(week, func.count(sends.c.id.distinct()).label("mails")).join(clicks, clicks.c.send_id == sends.c.id)
    opened = opened.where(*mine, clicks.c.verdict == "human").group_by(week)
    clicked = {row.week: row.mails for row in connection.execute(opened)}
    return {row.week.isoformat(): (row.mails, clicked.get(row.week, 0)) for row in sorted(sent)}
