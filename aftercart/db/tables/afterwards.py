"""What came of mails: clicks, credit, what providers and readers told; and who was left without, to compare."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Index, Text, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field

from aftercart.db.tables.row import Row, core


class Exposure(Row, table=True):
    """The arm that a person fell into when an experiment first touched them. Sticky.

    `counted_at`: since when they are part of the result: from where on the arms may differ for them. Empty: not yet.
    """

    __tablename__ = "exposures"
    __table_args__ = (UniqueConstraint("experiment", "recipient_id"),)

    id: int | None = Field(default=None, primary_key=True)
    experiment: str
    recipient_id: int = Field(foreign_key="recipients.id")
    arm: str
    config_hash: str
    at: datetime
    counted_at: datetime | None = None


class BanditShare(Row, table=True):
    """Which shares of new people the arms of a bandit get from an instant on, and what it knew then: arm → people whose
    window was over, and how many of them had ordered.
    """

    __tablename__ = "bandit_shares"

    experiment: str = Field(primary_key=True)
    at: datetime = Field(primary_key=True)
    shares: dict[str, float] = Field(sa_type=JSON)
    results: dict[str, Any] = Field(sa_type=JSON)


class Click(Row, table=True):
    """One hit on a link. `verdict`: human or machine; only human ones earn credit."""

    __tablename__ = "clicks"
    __table_args__ = (
        Index("ix_clicks_recipient", "recipient_id", "at"),
        Index("ix_clicks_send", "send_id", "at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    send_id: UUID = Field(foreign_key="sends.id")
    position: int
    recipient_id: int = Field(foreign_key="recipients.id")
    at: datetime
    verdict: str
    reason: str
    user_agent: str = Field(default="", sa_type=Text)


class Open(Row, table=True):
    """The first time that a mail's picture was fetched, for each `reason`; only where the shop chose to count opens.

    `verdict`: human or machine. Nothing is decided on it.
    """

    __tablename__ = "opens"
    __table_args__ = (UniqueConstraint("send_id", "reason"),)

    id: int | None = Field(default=None, primary_key=True)
    send_id: UUID = Field(foreign_key="sends.id")
    recipient_id: int = Field(foreign_key="recipients.id", index=True)
    at: datetime
    verdict: str
    reason: str


class Attribution(Row, table=True):
    """The credit of an order to a send, under one attribution model. Refunds raise `reversed_minor`."""

    __tablename__ = "attributions"
    __table_args__ = (UniqueConstraint("order_id", "model"), Index("ix_attributions_send", "send_id"))

    id: int | None = Field(default=None, primary_key=True)
    model: str
    order_id: int = Field(foreign_key="orders.id")
    send_id: UUID = Field(foreign_key="sends.id")
    click_id: int = Field(foreign_key="clicks.id")
    amount_minor: int = Field(sa_type=BigInteger)
    reversed_minor: int = Field(default=0, sa_type=BigInteger)
    currency: str
    created_at: datetime


class Feedback(Row, table=True):
    """What was told about a mail after its hand-over, once each: `kind` (delivered, hard_bounce, complaint ...), and
    `effect`, what it changed or why it changed nothing. `event_id`: the report as it came. `send_id` names the send,
    or the confirmation; without it, it was about no mail that we know. It refers to nothing: it may outlive its send.
    """

    __tablename__ = "feedback"
    __table_args__ = (
        UniqueConstraint("source", "fact_key"),
        Index("ix_feedback_send", "send_id"),
        Index(
            "ix_feedback_nobody",
            "heard_at",
            sqlite_where=sql("send_id IS NULL"),
            postgresql_where=sql("send_id IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    event_id: int
    source: str
    fact_key: str
    kind: str
    send_id: UUID | None = None
    recipient_id: int | None = None
    status: str = ""
    words: str = Field(default="", sa_type=Text)
    effect: str = ""
    at: datetime
    heard_at: datetime


exposures = core(Exposure)
bandit_shares = core(BanditShare)
clicks = core(Click)
opens = core(Open)
attributions = core(Attribution)
feedback = core(Feedback)
