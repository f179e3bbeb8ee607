"""Plans, what was decided of them, and what became of them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field

from aftercart.db.tables.row import Row, core


class CampaignVersion(Row, table=True):
    """A campaign as it was configured. Every enrollment and send names the version it was decided under."""

    __tablename__ = "campaign_versions"

    campaign: str = Field(primary_key=True)
    version: str = Field(primary_key=True)
    definition: dict[str, Any] = Field(sa_type=JSON)
    first_seen_at: datetime


class Configuration(Row, table=True):
    """All that decided at a time: the brand file, the version of each campaign, and for each template and language a
    hash of what stood in its files.
    """

    __tablename__ = "configurations"

    version: str = Field(primary_key=True)
    brand: dict[str, Any] = Field(sa_type=JSON)
    campaigns: dict[str, str] = Field(sa_type=JSON)
    templates: dict[str, dict[str, str]] = Field(sa_type=JSON)
    first_seen_at: datetime


class Enrollment(Row, table=True):
    """One customer in one campaign for one order. `state`: active, completed, exited (with `exit_reason`)."""

    __tablename__ = "enrollments"
    __table_args__ = (UniqueConstraint("campaign", "order_id"), Index("ix_enrollments_order", "order_id"))

    id: int | None = Field(default=None, primary_key=True)
    campaign: str
    campaign_version: str
    order_id: int = Field(foreign_key="orders.id")
    recipient_id: int = Field(foreign_key="recipients.id", index=True)
    state: str
    exit_reason: str | None = None
    created_at: datetime
    ended_at: datetime | None = None


class Send(Row, table=True):
    """One planned mail: enrollment x step.

    `state`: scheduled → sending → sent → delivered | bounced | complained, or failed, skipped, canceled, unknown.
    A claim is no state but a lease on a scheduled send (`lease_until`), so that a crash before the hand-over needs
    no repair; `attempt` is its fencing token. `wake_at`: when the dispatcher must look at this row next (it is due,
    a lost message must be repeated, a lease runs out). `counted_at`: the frequency-cap slot it holds. `boot_id`: the
    boot of the machine that claimed it, where its marks may be lost with the machine (see `aftercart/db/session.py`).
    `topic`: that of its campaign; caps `per topic` count by it. `experiment` and `variant`: what was tried in its step
    when it was planned, and which arm its person is in. `config_version`: the version of the campaign, `configuration`
    that of everything, under which it was planned and, once it is decided to go or not to go, that was decided
    (unknown for what is older than this). An order that was taken back, or a person who asks, ends mails whatever the
    files say: these name what they were planned under.
    """

    __tablename__ = "sends"
    __table_args__ = (
        UniqueConstraint("enrollment_id", "step"),
        Index(
            "ix_sends_wake",
            "wake_at",
            sqlite_where=sql("state IN ('scheduled', 'sending')"),
            postgresql_where=sql("state IN ('scheduled', 'sending')"),
        ),
        Index(
            "ix_sends_turn",
            "campaign",
            "wake_at",
            sqlite_where=sql("state = 'scheduled'"),
            postgresql_where=sql("state = 'scheduled'"),
        ),
        Index(
            "ix_sends_counted",
            "recipient_id",
            "counted_at",
            sqlite_where=sql("counted_at IS NOT NULL"),
            postgresql_where=sql("counted_at IS NOT NULL"),
        ),
        Index(
            "ix_sends_lease",
            "lease_until",
            sqlite_where=sql("lease_until IS NOT NULL"),
            postgresql_where=sql("lease_until IS NOT NULL"),
        ),
        Index(
            "ix_sends_unknown",
            "id",
            sqlite_where=sql("state = 'unknown'"),
            postgresql_where=sql("state = 'unknown'"),
        ),
        Index(
            "ix_sends_experiment",
            "experiment",
            "variant",
            sqlite_where=sql("experiment IS NOT NULL"),
            postgresql_where=sql("experiment IS NOT NULL"),
        ),
        Index(
            "ix_sends_sent",
            "sent_at",
            sqlite_where=sql("sent_at IS NOT NULL"),
            postgresql_where=sql("sent_at IS NOT NULL"),
        ),
        Index(
            "ix_sends_failed",
            "due_at",
            sqlite_where=sql("state = 'failed'"),
            postgresql_where=sql("state = 'failed'"),
        ),
        Index("ix_sends_order", "order_id"),
        Index("ix_sends_recipient", "recipient_id"),
    )

    id: UUID = Field(primary_key=True)
    enrollment_id: int = Field(foreign_key="enrollments.id")
    campaign: str
    # What was planned before there were topics has the one that campaigns have by themselves.
    topic: str = Field(default="recommendations", sa_column_kwargs={"server_default": "recommendations"})
    step: str
    config_version: str
    configuration: str | None = None
    experiment: str | None = None
    variant: str | None = None
    order_id: int = Field(foreign_key="orders.id")
    recipient_id: int = Field(foreign_key="recipients.id")
    state: str
    reason: str | None = None
    priority: int
    due_at: datetime
    valid_until: datetime
    wake_at: datetime
    lease_until: datetime | None = None
    boot_id: str | None = None
    attempt: int = 0
    tries: int = 0
    counted_at: datetime | None = None
    model_version: str | None = None
    template_version: str | None = None
    subject: str | None = Field(default=None, sa_type=Text)
    sent_at: datetime | None = None
    created_at: datetime


class Attempt(Row, table=True):
    """One hand-over to a provider, what it answered, and what that made of the send (`reason`, `retry_at`)."""

    __tablename__ = "attempts"

    send_id: UUID = Field(primary_key=True, foreign_key="sends.id")
    attempt: int = Field(primary_key=True)
    provider: str
    message_id: str
    outcome: str
    response: str = Field(default="", sa_type=Text)
    reason: str | None = None
    retry_at: datetime | None = None
    started_at: datetime
    ended_at: datetime | None = None


class Doubt(Row, table=True):
    """A mail in doubt that its provider can clear up. `message`: the mail as it was handed over, where it would be
    known again if it were given once more; without one, the provider can be asked about it. `account`: a keyed hash of
    the account there, which alone knows it. Gone when the doubt is.
    """

    __tablename__ = "doubts"

    send_id: UUID = Field(primary_key=True, foreign_key="sends.id")
    attempt: int
    provider: str
    account: str
    message: bytes | None = Field(default=None, sa_type=LargeBinary)
    tries: int
    again_at: datetime = Field(index=True)
    until: datetime


class Decision(Row, table=True):
    """One decision about a person, with the facts it was taken on: enroll or not, send, wait or not."""

    __tablename__ = "decisions"
    __table_args__ = (
        Index("ix_decisions_order", "order_id"),
        Index("ix_decisions_send", "send_id"),
        Index(
            "ix_decisions_leave",
            "at",
            sqlite_where=sql("stage = 'leave'"),
            postgresql_where=sql("stage = 'leave'"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    at: datetime
    stage: str
    campaign: str
    order_id: int = Field(foreign_key="orders.id")
    send_id: UUID | None = Field(default=None, foreign_key="sends.id")
    outcome: str
    reason: str
    until: datetime | None = None
    inputs: dict[str, Any] = Field(sa_type=JSON)


campaign_versions = core(CampaignVersion)
configurations = core(Configuration)
enrollments = core(Enrollment)
sends = core(Send)
attempts = core(Attempt)
doubts = core(Doubt)
decisions = core(Decision)
