"""What holds mail back: suppressed addresses, what people chose, and campaigns that paused themselves."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Text, UniqueConstraint
from sqlmodel import Field

from aftercart.db.tables.row import Row, core


class Suppression(Row, table=True):
    """An address that must not be mailed, why, and since when. `scope`: topic (then `topic` says which), brand or all.

    `email`: of somebody who was erased a keyed hash stands there (`aftercart/policy/address_hash.py`).
    """

    __tablename__ = "suppressions"
    __table_args__ = (UniqueConstraint("email", "scope", "topic", "reason"),)

    id: int | None = Field(default=None, primary_key=True)
    email: str
    scope: str
    topic: str = ""
    reason: str
    source: str
    at: datetime


class Preference(Row, table=True):
    """What a person chose on their preference page; empty where they chose nothing.

    `locale` and `time_zone` go before what the shop knows. `at_most`: a frequency cap of their own (`1 per 7d`).
    """

    __tablename__ = "preferences"

    recipient_id: int = Field(primary_key=True, foreign_key="recipients.id")
    locale: str = ""
    time_zone: str = ""
    at_most: str = ""
    snoozed_until: datetime | None = None
    updated_at: datetime


class Refusal(Row, table=True):
    """What a person does not want to be offered. `kind`: sku or category. `why`: less_like_this or have_it."""

    __tablename__ = "refusals"
    __table_args__ = (UniqueConstraint("recipient_id", "kind", "value"),)

    id: int | None = Field(default=None, primary_key=True)
    recipient_id: int = Field(foreign_key="recipients.id")
    kind: str
    value: str = Field(sa_type=Text)
    why: str
    at: datetime


class Pause(Row, table=True):
    """What has paused itself, on what `figures`, and who ended it. `scope`: campaign, variant (an arm of an experiment)
    or brand (everything).

    See `aftercart/policy/guard.py`. It holds while `lifted_at` is empty.
    """

    __tablename__ = "pauses"

    id: int | None = Field(default=None, primary_key=True)
    scope: str
    name: str
    because: str = Field(sa_type=Text)
    at: datetime
    figures: dict[str, Any] = Field(sa_type=JSON)
    lifted_at: datetime | None = None
    lifted_by: str = ""


suppressions = core(Suppression)
preferences = core(Preference)
refusals = core(Refusal)
pauses = core(Pause)
