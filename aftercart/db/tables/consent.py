"""Who said yes or no to marketing mail, and who was asked."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, Text
from sqlalchemy import text as sql
from sqlmodel import Field

from aftercart.db.tables.row import Row, core


class Consent(Row, table=True):
    """Append-only: who said yes or no to marketing mail, where and when, and what proves it. The newest row holds.

    `basis`: on what a yes rests (`aftercart/consent/statement.py`). `undated`: nobody said when, so `at` is when we
    heard of it, and any no is newer. `expires_at`: the end that was said with it.
    """

    __tablename__ = "consents"
    __table_args__ = (Index("ix_consents_recipient", "recipient_id", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    recipient_id: int = Field(foreign_key="recipients.id")
    state: str
    basis: str = ""
    source: str
    wording: str = Field(default="", sa_type=Text)
    ip: str = ""
    at: datetime
    undated: bool = False
    expires_at: datetime | None = None
    recorded_at: datetime


class Confirmation(Row, table=True):
    """The one mail that asks somebody to confirm their consent (double opt-in), and what became of it.

    `state`: scheduled → sending → sent → delivered, bounced or complained, or failed, skipped, unknown
    (`aftercart/consent/states.py`); `attempt` is the fencing token of a claim, as with sends. `wake_at`: when to look
    at it next.
    """

    __tablename__ = "confirmations"
    __table_args__ = (
        Index(
            "ix_confirmations_wake",
            "wake_at",
            sqlite_where=sql("state IN ('scheduled', 'sending')"),
            postgresql_where=sql("state IN ('scheduled', 'sending')"),
        ),
    )

    id: UUID = Field(primary_key=True)
    recipient_id: int = Field(foreign_key="recipients.id", index=True)
    state: str
    reason: str | None = None
    wake_at: datetime
    valid_until: datetime
    lease_until: datetime | None = None
    attempt: int = 0
    tries: int = 0
    response: str = Field(default="", sa_type=Text)
    created_at: datetime
    sent_at: datetime | None = None
    confirmed_at: datetime | None = None


consents = core(Consent)
confirmations = core(Confirmation)
