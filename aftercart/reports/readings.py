"""What monitoring reads beside the counts: signs of life, what is held, what waits, and how old the model is.

All of it comes from the database, so that every process that is asked says the same, and none has to have seen it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from aftercart.db.tables import inbox, model_versions
from aftercart.ledger import store as ledger
from aftercart.ledger.states import SendState
from aftercart.ledger.store.tallying import Tally

ALIVE_WITHIN = timedelta(seconds=60)
"""The dispatcher runs once a second, and leaves a sign of life every ten."""
LATE = timedelta(minutes=10)
HANDED_OVER = (SendState.SENT, SendState.DELIVERED, SendState.BOUNCED, SendState.COMPLAINED)


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """`beat_at`: its last sign of life; None where it has never run. `held_because`: why all mail is held."""

    beat_at: datetime | None
    held_because: str | None = None

    def is_alive(self, now: datetime) -> bool:
        """Whether it runs. While all mail is held it gives no sign of life, and needs none."""
        return bool(self.held_because) or (self.beat_at is not None and now - self.beat_at < ALIVE_WITHIN)


def dispatcher(connection: Connection) -> Dispatcher:
    """Whether anybody hands out what falls due."""
    standing = ledger.standing(connection)
    return Dispatcher(standing.beat_at, standing.held_because) if standing else Dispatcher(None)


def handed_over(sends: Tally) -> int:
    """How many mails a provider has ever taken; it only grows."""
    return sum(number for (state, _), number in sends.items() if state in HANDED_OVER)


def serving_since(connection: Connection) -> datetime | None:
    """When the model that serves was trained; None where none serves."""
    newest = select(func.max(model_versions.c.trained_at)).where(model_versions.c.state == "serving")
    trained_at: datetime | None = connection.execute(newest).scalar_one()
    return trained_at


def oldest_webhook(inbox_connection: Connection) -> datetime | None:
    """When the webhook came that has waited longest; None where none waits."""
    first = select(inbox.c.received_at).order_by(inbox.c.id).limit(1)
    received_at: datetime | None = inbox_connection.execute(first).scalar_one_or_none()
    return received_at
