"""The data model on one page.

SQLModel declares the tables; hot paths use their Core form (`sends`, `orders`, ... at the end of each class).
A table model does not validate: validate before. All instants are aware UTC; all money is minor currency units.

    events ─▶ orders ─ order_lines            products          model_versions
                │  └── order_reversals, order_notes (refunds, cancellations, support cases, also before their order)
                ▼
           enrollments ─▶ sends ─▶ attempts, doubts, picks, links ─▶ clicks ─▶ attributions
                │           ├── copies (what it said) ─▶ template_versions
                │           ├── feedback (it was delivered, it bounced, its reader complained)
                │           └── decisions (why it went, waits or did not go)
    recipients ─┴─ customers, consents, confirmations, suppressions, preferences, refusals, exposures          pauses
"""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Row(SQLModel):
    """Base of the tables in the main database."""

    metadata = MetaData(naming_convention=NAMING)


class InboxRow(SQLModel):
    """Base of the one table in the inbox: a file of its own on SQLite, so that a flood of webhooks never
    holds up a send."""

    metadata = MetaData(naming_convention=NAMING)


def _core(model: type[SQLModel]) -> Table:
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


# ---------------------------------------------------------------- facts from outside


class InboxEvent(InboxRow, table=True):
    """A webhook as it came, durable before it was answered; moved into `events` by a worker."""

    __tablename__ = "inbox"
    # An id is never given twice, or a worker that removes what it has moved might remove a newer webhook.
    __table_args__ = (UniqueConstraint("shop", "delivery_key"), {"sqlite_autoincrement": True})

    id: int | None = Field(default=None, primary_key=True)
    shop: str
    delivery_key: str
    topic: str
    body: bytes = Field(sa_type=LargeBinary)
    headers: dict[str, str] = Field(sa_type=JSON)
    received_at: datetime


class Event(Row, table=True):
    """An outside fact, kept raw. `state`: pending, processed, ignored (a topic we do not act on), failed, replaced
    (failed, and sent again with another body), asked (somebody claims a right: what is asked for is still to be done).

    Of somebody who was erased the row stays, without its body.
    """

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("shop", "delivery_key"),
        Index("ix_events_order", "shop", "shop_order_id"),
        Index(
            "ix_events_failed",
            "received_at",
            sqlite_where=sql("state = 'failed'"),
            postgresql_where=sql("state = 'failed'"),
        ),
        Index(
            "ix_events_asked",
            "received_at",
            sqlite_where=sql("state = 'asked'"),
            postgresql_where=sql("state = 'asked'"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    shop: str
    delivery_key: str
    topic: str
    body: bytes = Field(sa_type=LargeBinary)
    headers: dict[str, str] = Field(sa_type=JSON)
    received_at: datetime
    state: str
    error: str | None = Field(default=None, sa_type=Text)
    shop_order_id: str | None = None
    processed_at: datetime | None = None


class Product(Row, table=True):
    """What the shop sells. `family`: variants of one product share it. `stock` None: not counted, so in stock."""

    __tablename__ = "products"

    sku: str = Field(primary_key=True)
    title: str = Field(sa_type=Text)
    category: str = ""
    department: str = ""
    brand: str = ""
    family: str = ""
    color: str = ""
    description: str = Field(default="", sa_type=Text)
    price_minor: int | None = Field(default=None, sa_type=BigInteger)
    currency: str = ""
    image_url: str = Field(default="", sa_type=Text)
    url: str = Field(default="", sa_type=Text)
    stock: int | None = None
    published: bool = True
    source_updated_at: datetime | None = None
    updated_at: datetime = Field(index=True)


class Recipient(Row, table=True):
    """A person as mail knows them: one normalized e-mail address. Locked while their frequency caps are checked.

    `merged_into`: the recipient that stands for the same person since their address changed; their mails count
    together. It leads to one that is merged into none.
    """

    __tablename__ = "recipients"

    id: int | None = Field(default=None, primary_key=True)
    email: str = Field(unique=True)
    first_name: str = ""
    locale: str = ""
    time_zone: str = ""
    country: str = ""
    merged_into: int | None = Field(default=None, index=True)
    created_at: datetime


class Customer(Row, table=True):
    """The buyer as the shop knows them. A guest has no row here."""

    __tablename__ = "customers"
    __table_args__ = (UniqueConstraint("shop", "shop_customer_id"),)

    id: int | None = Field(default=None, primary_key=True)
    shop: str
    shop_customer_id: str
    recipient_id: int | None = Field(default=None, foreign_key="recipients.id", index=True)
    created_at: datetime


class Order(Row, table=True):
    """`state`: placed (not paid yet), completed, test, canceled, refunded (in full). `imported`: never mails."""

    __tablename__ = "orders"
    __table_args__ = (UniqueConstraint("shop", "shop_order_id"),)

    id: int | None = Field(default=None, primary_key=True)
    shop: str
    shop_order_id: str
    customer_id: int | None = Field(default=None, foreign_key="customers.id", index=True)
    recipient_id: int | None = Field(default=None, foreign_key="recipients.id", index=True)
    state: str
    currency: str
    total_minor: int = Field(sa_type=BigInteger)
    country: str = ""
    region: str = ""
    placed_at: datetime = Field(index=True)
    completed_at: datetime | None = None
    source_updated_at: datetime
    imported: bool = False


class OrderLine(Row, table=True):
    """One line of an order. `quantity` may be a fraction (1.5 m of cloth)."""

    __tablename__ = "order_lines"

    order_id: int = Field(sa_column=Column(ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True))
    line_no: int = Field(primary_key=True)
    sku: str = Field(index=True)
    title: str = Field(default="", sa_type=Text)
    quantity: float
    unit_price_minor: int = Field(sa_type=BigInteger)


class OrderReversal(Row, table=True):
    """A refund, return or cancellation, of one line or (sku None) of the whole order.

    Kept by the shop's order id, not ours: it may arrive before its order, which then finds it here.
    """

    __tablename__ = "order_reversals"
    __table_args__ = (UniqueConstraint("shop", "shop_order_id", "reversal_key"),)

    id: int | None = Field(default=None, primary_key=True)
    shop: str
    shop_order_id: str
    reversal_key: str
    kind: str
    sku: str | None = None
    quantity: float | None = None
    amount_minor: int | None = Field(default=None, sa_type=BigInteger)
    currency: str = ""
    happened_at: datetime


class OrderNote(Row, table=True):
    """What a shop tells of an order beside its versions: `kind` case_opened or case_closed, and when last.

    `note_key` tells several cases of an order apart. Kept by the shop's order id: it may arrive before its order.
    """

    __tablename__ = "order_notes"
    __table_args__ = (UniqueConstraint("shop", "shop_order_id", "kind", "note_key"),)

    id: int | None = Field(default=None, primary_key=True)
    shop: str
    shop_order_id: str
    kind: str
    note_key: str
    at: datetime


# ---------------------------------------------------------------- permission


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


class Confirmation(Row, table=True):
    """The one mail that asks somebody to confirm their consent (double opt-in), and what became of it.

    `state`: scheduled → sending → sent, or failed, skipped, unknown; `attempt` is the fencing token of a claim, as with
    sends. `wake_at`: when to look at it next.
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
    """A campaign (`scope` campaign) or everything (brand) that has paused itself, on what `figures`, and who ended it.

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


class Exposure(Row, table=True):
    """The arm that a person fell into when an experiment first touched them. Sticky."""

    __tablename__ = "exposures"
    __table_args__ = (UniqueConstraint("experiment", "recipient_id"),)

    id: int | None = Field(default=None, primary_key=True)
    experiment: str
    recipient_id: int = Field(foreign_key="recipients.id")
    arm: str
    config_hash: str
    at: datetime


# ---------------------------------------------------------------- plans and what became of them


class CampaignVersion(Row, table=True):
    """A campaign as it was configured. Every enrollment and send names the version it was decided under."""

    __tablename__ = "campaign_versions"

    campaign: str = Field(primary_key=True)
    version: str = Field(primary_key=True)
    definition: dict[str, Any] = Field(sa_type=JSON)
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
    `topic`: that of its campaign; caps `per topic` count by it.
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
    __table_args__ = (Index("ix_decisions_order", "order_id"), Index("ix_decisions_send", "send_id"))

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


class Pick(Row, table=True):
    """A product chosen for a slot of a send, and why. `source`: lightfm, bought_together, best_sellers."""

    __tablename__ = "picks"

    send_id: UUID = Field(primary_key=True, foreign_key="sends.id")
    slot: int = Field(primary_key=True)
    sku: str
    title: str = Field(sa_type=Text)
    because: str
    source: str
    score: float
    evidence: dict[str, Any] = Field(sa_type=JSON)


class TemplateVersion(Row, table=True):
    """A template as it was compiled for a locale (`version` is its hash): with it a copy becomes a mail again."""

    __tablename__ = "template_versions"

    version: str = Field(primary_key=True)
    name: str
    locale: str
    html: str = Field(sa_type=Text)
    first_seen_at: datetime


class Copy(Row, table=True):
    """What the template of a send was filled with, compressed: the mail can be looked at in a browser.

    It goes when the order of its send is archived.
    """

    __tablename__ = "copies"

    send_id: UUID = Field(primary_key=True, foreign_key="sends.id")
    content: bytes = Field(sa_type=LargeBinary)


# ---------------------------------------------------------------- what people did


class Link(Row, table=True):
    """Where a signed link of a send leads. The URL never stands in the request."""

    __tablename__ = "links"

    send_id: UUID = Field(primary_key=True, foreign_key="sends.id")
    position: int = Field(primary_key=True)
    url: str = Field(sa_type=Text)


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
    """What was told about a send after its hand-over, once each: `kind` (delivered, hard_bounce, complaint ...), and
    `effect`, what it changed or why it changed nothing. `event_id`: the report as it came. Without `send_id` it was
    about no mail that we know. It refers to nothing: it may outlive its send.
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


# ---------------------------------------------------------------- what is over


class Archive(Row, table=True):
    """The particulars of an order whose mails have long ended: decisions, attempts, picks, clicks and webhooks, packed.

    Its sends stay where they are, and so do their links, which people may still open. See `aftercart/db/packing.py`.
    """

    __tablename__ = "archives"

    id: int | None = Field(default=None, primary_key=True)
    order_id: int = Field(foreign_key="orders.id", index=True)
    archived_at: datetime
    content: bytes = Field(sa_type=LargeBinary)


class Tally(Row, table=True):
    """How many `sends` or `events` there were by state and reason (or an empty one) when they were last counted."""

    __tablename__ = "tallies"

    what: str = Field(primary_key=True)
    state: str = Field(primary_key=True)
    reason: str = Field(primary_key=True)
    number: int


# ---------------------------------------------------------------- the engine itself


class Fence(Row, table=True):
    """One row: that this database is the one that sends, or why nothing is sent from it (`held_because`).

    `place`: where the database lies, as the server or the disk says; a copy lies elsewhere. `beats`: a count that only
    grows; who has seen a greater one knows that the database was set back. `doubt_until`: what fell due until then may
    have been sent by an engine whose marks are lost (see `aftercart/ledger/fence.py`).
    """

    __tablename__ = "fence"

    id: int = Field(primary_key=True)
    place: str
    beats: int = Field(sa_type=BigInteger)
    beat_at: datetime
    held_because: str | None = Field(default=None, sa_type=Text)
    held_at: datetime | None = None
    doubt_until: datetime | None = None


# ---------------------------------------------------------------- senders


class Sender(Row, table=True):
    """How a sender stands, once there was a fault (`aftercart/delivery/breaker.py`). `fault`: the provider's words."""

    __tablename__ = "senders"

    name: str = Field(primary_key=True)
    state: str
    faults: int
    fault_at: datetime | None = None
    fault: str = Field(default="", sa_type=Text)
    openings: int
    until: datetime | None = None


class SenderUsage(Row, table=True):
    """What a sender was given lately, in all (`scope` empty) and to some domains (`aftercart/delivery/quota.py`).

    `queued_until`: the turn of the last one that waits for a limit.
    """

    __tablename__ = "sender_usage"

    sender: str = Field(primary_key=True)
    scope: str = Field(primary_key=True)
    counts: dict[str, Any] = Field(sa_type=JSON)
    queued_until: datetime | None = None


class Drain(Row, table=True):
    """One row: how far the dispatchers are where mail waits for senders (see `aftercart/delivery/store/drain.py`)."""

    __tablename__ = "drain"

    id: int | None = Field(default=None, primary_key=True)
    paced_until: datetime
    marked_until: datetime | None = None
    last_turn: datetime | None = None
    looked_at: datetime | None = None


# ---------------------------------------------------------------- models


class ModelVersion(Row, table=True):
    """A trained recommendation model. `state`: candidate, serving, retired. Files lie under the data folder."""

    __tablename__ = "model_versions"

    version: str = Field(primary_key=True)
    state: str
    trained_at: datetime
    data_until: datetime | None = None
    checksum: str
    facts: dict[str, Any] = Field(sa_type=JSON)


inbox = _core(InboxEvent)
events = _core(Event)
products = _core(Product)
recipients = _core(Recipient)
customers = _core(Customer)
orders = _core(Order)
order_lines = _core(OrderLine)
order_reversals = _core(OrderReversal)
order_notes = _core(OrderNote)
consents = _core(Consent)
suppressions = _core(Suppression)
confirmations = _core(Confirmation)
preferences = _core(Preference)
refusals = _core(Refusal)
pauses = _core(Pause)
exposures = _core(Exposure)
campaign_versions = _core(CampaignVersion)
enrollments = _core(Enrollment)
sends = _core(Send)
attempts = _core(Attempt)
doubts = _core(Doubt)
decisions = _core(Decision)
picks = _core(Pick)
template_versions = _core(TemplateVersion)
copies = _core(Copy)
links = _core(Link)
clicks = _core(Click)
attributions = _core(Attribution)
archives = _core(Archive)
tallies = _core(Tally)
fence = _core(Fence)
feedback = _core(Feedback)
senders = _core(Sender)
sender_usage = _core(SenderUsage)
drain = _core(Drain)
model_versions = _core(ModelVersion)
