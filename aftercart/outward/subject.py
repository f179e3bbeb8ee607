"""What is told: a happening that is due, and whom and what it is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from aftercart.outward.happening import Happening


@dataclass(frozen=True, slots=True)
class Due:
    """Something to tell now. `tries`: this one included. `body` None: it was not written yet."""

    id: UUID
    happening: Happening
    recipient_id: int
    send_id: UUID | None
    about_id: int | None
    topic: str
    happened_at: datetime
    tries: int
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Mail:
    """The mail that something happened to, and the order that it was about. `analytics_id`: the browser that it came
    from."""

    campaign: str
    step: str
    topic: str
    shop: str
    order_id: str
    customer_id: str | None
    analytics_id: str | None = None


@dataclass(frozen=True, slots=True)
class Credit:
    """A later order, to the mail's credit, and what it is worth after refunds. In minor units."""

    model: str
    shop: str
    order_id: str
    ordered_at: datetime
    minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom and what a happening is about, as the receiver may hear it. `customers`: (shop, its id of the person)."""

    email: str
    mail: Mail | None = None
    url: str = ""
    credit: Credit | None = None
    customers: Sequence[tuple[str, str]] = ()
