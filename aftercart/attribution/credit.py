"""Which send earns the credit for an order: the last click before it. Pure.

A rule, not a proof: what the mails changed is measured against the holdout.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

DEFAULT_WINDOW = timedelta(days=5)
"""For sends of a campaign that names no window (any more)."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """An order that may be to the credit of a send."""

    order_id: int
    recipient_id: int
    placed_at: datetime
    total_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Click:
    """A human click on a link of a send, and how long it earns credit."""

    id: int
    send_id: UUID
    recipient_id: int
    triggered_by: int
    """The order that the mail was about."""
    at: datetime
    window: timedelta


def last_click(purchase: Purchase, clicks: Iterable[Click]) -> Click | None:
    """The click that earns the credit, or None.

    It is the person's own; it is not about the order itself; and the order was placed in `(click, click + window]`,
    by the shop's time, so that it does not matter when or in which order the webhooks came.
    """
    return max((click for click in clicks if _earns(purchase, click)), key=lambda c: (c.at, c.id), default=None)


def _earns(purchase: Purchase, click: Click) -> bool:
    return (
        click.recipient_id == purchase.recipient_id
        and click.triggered_by != purchase.order_id
        and click.at < purchase.placed_at <= click.at + click.window
    )
