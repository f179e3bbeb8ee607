"""Which send earns the credit for an order: one that was clicked before it. Pure.

A rule, not a proof: what the mails changed is measured against the holdout.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

DEFAULT_WINDOW = timedelta(days=5)
"""For sends of a campaign that names no window (any more)."""


class Touch(StrEnum):
    """Which of several clicks earns."""

    FIRST = "first_click"
    LAST = "last_click"


@dataclass(frozen=True, slots=True)
class Model:
    """How credit is given. Each has credits of its own under its `name`; none changes those of another."""

    touch: Touch
    window: timedelta | None = None
    """How long every click earns; None: as long as its campaign says."""

    @property
    def name(self) -> str:
        if self.window is None:
            return str(self.touch)
        minutes, hours, days = (self.window / timedelta(**{unit: 1}) for unit in ("minutes", "hours", "days"))
        span = next((f"{n:.0f}{u}" for n, u in ((days, "d"), (hours, "h")) if n.is_integer()), f"{minutes:g}m")
        return f"{self.touch}:{span}"


LAST_CLICK = Model(Touch.LAST)
"""The one that credits orders as they come."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """An order that may be to the credit of a send."""

    order_id: int
    person_id: int
    placed_at: datetime
    total_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Click:
    """A human click on a link of a send, and how long it earns credit."""

    id: int
    send_id: UUID
    person_id: int
    triggered_by: int
    """The order that the mail was about."""
    at: datetime
    window: timedelta


def earning(touch: Touch, purchase: Purchase, clicks: Iterable[Click]) -> Click | None:
    """The click that earns the credit, or None.

    It is the person's own; it is not about the order itself; and the order was placed in `(click, click + window]`,
    by the shop's time, so that it does not matter when or in which order the webhooks came.
    """
    in_order = sorted((click for click in clicks if _earns(purchase, click)), key=lambda c: (c.at, c.id))
    if not in_order:
        return None
    return in_order[-1] if touch is Touch.LAST else in_order[0]


def _earns(purchase: Purchase, click: Click) -> bool:
    return (
        click.person_id == purchase.person_id
        and click.triggered_by != purchase.order_id
        and click.at < purchase.placed_at <= click.at + click.window
    )
