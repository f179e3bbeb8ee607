"""The data model on one page.

SQLModel declares the tables; hot paths use their Core form (`sends`, `orders`, ... at the end of each file).
A table model does not validate: validate before. All instants are aware UTC; all money is minor currency units.

    events ─▶ orders ─ order_lines            products   model_versions, mailed_days, mailed_products
                │  └── order_reversals, order_notes (refunds, cancellations, support cases, also before their order)
                ▼
           enrollments ─▶ sends ─▶ attempts, doubts, picks, opens, links ─▶ clicks ─▶ attributions
                │           ├── copies (what it said) ─▶ template_versions
                │           ├── coupons (codes of the shop, handed out once each)
                │           ├── feedback (it was delivered, it bounced, its reader complained)
                │           └── decisions (why it went, waits or did not go)
    recipients ─┴─ customers, address_moves, consents, confirmations, suppressions, preferences, refusals, exposures
                                                                                      pauses, bandit_shares
    configurations, campaign_versions (what sends and enrollments were decided under)
    outlets ─▶ outbox (what others are told of sends, clicks, credit and leavers)
    weekly_pairs, weekly_sources, weekly_domains, cohort_days, counted_weeks (what came of all this, for reports)
"""

from aftercart.db.tables.afterwards import (
    Attribution,
    BanditShare,
    Click,
    Exposure,
    Feedback,
    Open,
    attributions,
    bandit_shares,
    clicks,
    exposures,
    feedback,
    opens,
)
from aftercart.db.tables.consent import Confirmation, Consent, confirmations, consents
from aftercart.db.tables.coupons import Coupon, coupons
from aftercart.db.tables.delivery import Drain, Sender, SenderUsage, drain, sender_usage, senders
from aftercart.db.tables.engine import Archive, Fence, Tally, archives, fence, tallies
from aftercart.db.tables.exchange import RateTable, rate_tables
from aftercart.db.tables.figures import (
    CohortDay,
    CountedWeek,
    WeeklyDomain,
    WeeklyPair,
    WeeklySource,
    cohort_days,
    counted_weeks,
    weekly_domains,
    weekly_pairs,
    weekly_sources,
)
from aftercart.db.tables.intake import (
    AddressMove,
    Customer,
    Event,
    InboxEvent,
    Order,
    OrderLine,
    OrderNote,
    OrderReversal,
    Product,
    Recipient,
    address_moves,
    customers,
    events,
    inbox,
    order_lines,
    order_notes,
    order_reversals,
    orders,
    products,
    recipients,
)
from aftercart.db.tables.ledger import (
    Attempt,
    CampaignVersion,
    Configuration,
    Decision,
    Doubt,
    Enrollment,
    Send,
    attempts,
    campaign_versions,
    configurations,
    decisions,
    doubts,
    enrollments,
    sends,
)
from aftercart.db.tables.message import Copy, Link, Pick, TemplateVersion, copies, links, picks, template_versions
from aftercart.db.tables.outward import Notice, Outlet, outbox, outlets
from aftercart.db.tables.policy import (
    Pause,
    Preference,
    Refusal,
    Suppression,
    pauses,
    preferences,
    refusals,
    suppressions,
)
from aftercart.db.tables.recommendation import (
    MailedDay,
    MailedProduct,
    ModelVersion,
    mailed_days,
    mailed_products,
    model_versions,
)
from aftercart.db.tables.row import InboxRow, Row

__all__ = [
    "AddressMove",
    "Archive",
    "Attempt",
    "Attribution",
    "BanditShare",
    "CampaignVersion",
    "Click",
    "CohortDay",
    "Configuration",
    "Confirmation",
    "Consent",
    "Copy",
    "CountedWeek",
    "Coupon",
    "Customer",
    "Decision",
    "Doubt",
    "Drain",
    "Enrollment",
    "Event",
    "Exposure",
    "Feedback",
    "Fence",
    "InboxEvent",
    "InboxRow",
    "Link",
    "MailedDay",
    "MailedProduct",
    "ModelVersion",
    "Notice",
    "Open",
    "Order",
    "OrderLine",
    "OrderNote",
    "OrderReversal",
    "Outlet",
    "Pause",
    "Pick",
    "Preference",
    "Product",
    "RateTable",
    "Recipient",
    "Refusal",
    "Row",
    "Send",
    "Sender",
    "SenderUsage",
    "Suppression",
    "Tally",
    "TemplateVersion",
    "WeeklyDomain",
    "WeeklyPair",
    "WeeklySource",
    "address_moves",
    "archives",
    "attempts",
    "attributions",
    "bandit_shares",
    "campaign_versions",
    "clicks",
    "cohort_days",
    "configurations",
    "confirmations",
    "consents",
    "copies",
    "counted_weeks",
    "coupons",
    "customers",
    "decisions",
    "doubts",
    "drain",
    "enrollments",
    "events",
    "exposures",
    "feedback",
    "fence",
    "inbox",
    "links",
    "mailed_days",
    "mailed_products",
    "model_versions",
    "opens",
    "order_lines",
    "order_notes",
    "order_reversals",
    "orders",
    "outbox",
    "outlets",
    "pauses",
    "picks",
    "preferences",
    "products",
    "rate_tables",
    "recipients",
    "refusals",
    "sender_usage",
    "senders",
    "sends",
    "suppressions",
    "tallies",
    "template_versions",
    "weekly_domains",
    "weekly_pairs",
    "weekly_sources",
]
