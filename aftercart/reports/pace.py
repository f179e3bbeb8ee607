"""What a shop does by itself: how many people order in a span of time, and how many of them come back.

An experiment is planned by it: its people are those whose order falls into its time, each of them once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from aftercart.db.tables import orders, recipients

SPAN = timedelta(days=90)
_PERSON = func.coalesce(recipients.c.merged_into, recipients.c.id)
_NO_SALES = ("placed", "canceled", "test")


@dataclass(frozen=True, slots=True)
class Pace:
    """Of the people whose first order of the span lies in it. `came_back`: those who ordered again within the window
    after that order, and did not send all of it back. `orders`: all of the span. Only orders with an address count:
    others start nothing.
    """

    start: datetime
    end: datetime
    orders: int
    people: int
    came_back: int

    @property
    def people_a_day(self) -> float:
        """New ones; who orders twice counts once."""
        return self.people / ((self.end - self.start) / timedelta(days=1))

    @property
    def rate(self) -> float | None:
        """The share of people who came back; None where nobody ordered."""
        return self.came_back / self.people if self.people else None


def pace(connection: Connection, window: timedelta, now: datetime) -> Pace:
    """Of the newest 90 days after which the window is over; of fewer where the shop's first order is younger."""
    end = _last_order(connection, now) - window
    start = _first_order(connection, end - SPAN, end)
    first: dict[int, datetime] = {}
    back: set[int] = set()
    count = 0
    query = (
        select(_PERSON.label("person"), orders.c.placed_at, orders.c.state)
        .join(recipients, recipients.c.id == orders.c.recipient_id)
        .where(orders.c.placed_at >= start, orders.c.placed_at < end + window, orders.c.state.not_in(_NO_SALES))
        .order_by(orders.c.placed_at, orders.c.id)
    )
    for person, at, state in connection.execution_options(yield_per=5_000).execute(query):
        count += at < end
        began = first.setdefault(person, at) if at < end else first.get(person)
        if began and began < at <= began + window and state != "refunded":
            back.add(person)
    return Pace(start, end, count, len(first), len(back))


def _first_order(connection: Connection, start: datetime, end: datetime) -> datetime:
    """From when on orders are looked at: days before the first of them would make the shop look slower than it is."""
    counted = (orders.c.recipient_id.is_not(None), orders.c.state.not_in(_NO_SALES), orders.c.placed_at < end)
    first = connection.execute(select(func.min(orders.c.placed_at)).where(*counted)).scalar_one()
    return max(first, start) if first else start


def _last_order(connection: Connection, now: datetime) -> datetime:
    """What was imported may end long ago."""
    last = connection.execute(select(func.max(orders.c.placed_at)).where(orders.c.placed_at <= now)).scalar_one()
    return last or now
