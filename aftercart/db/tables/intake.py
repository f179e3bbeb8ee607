"""What shops tell: webhooks as they came, and the orders, people and products in them."""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field

from aftercart.db.tables.row import InboxRow, Row, core


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
    """An outside fact, kept raw. `state`: pending, processed, ignored (a topic we do not act on,
    or late news of somebody who was erased), failed, replaced
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
    """What the shop sells. `family`: variants of one product share it. `stock` None: not counted, so in stock.

    `compare_at_minor`: the price to be struck through, in the same currency; `rating`: out of five, by `rating_count`
    people. Kept as the shop told them: `recommendation/inputs/catalog.py` says what of it may be shown.
    `cost_minor`: what one costs the shop, in the same currency; for campaigns that ask for a margin, and never shown.
    `prices`: the price in other currencies, each as `{"minor": .., "compare_at": .. or null}` by its code; for buyers
    who pay in one of them.
    """

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
    compare_at_minor: int | None = Field(default=None, sa_type=BigInteger)
    cost_minor: int | None = Field(default=None, sa_type=BigInteger)
    currency: str = ""
    prices: dict[str, dict[str, int | None]] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    image_url: str = Field(default="", sa_type=Text)
    url: str = Field(default="", sa_type=Text)
    rating: float | None = None
    rating_count: int | None = None
    stock: int | None = None
    published: bool = True
    source_updated_at: datetime | None = None
    updated_at: datetime = Field(index=True)


class Recipient(Row, table=True):
    """A person as mail knows them: one normalized e-mail address. Locked while their frequency caps are checked.

    `merged_into`: the recipient that stands for the same person since their address changed; their mails count
    together. It leads to one that is merged into none. `source_updated_at`: as of when name, locale, zone and country
    are what they are, where a shop said so; what is older fills gaps.
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
    source_updated_at: datetime | None = None


class Customer(Row, table=True):
    """The buyer as the shop knows them. A guest has no row here.

    `source_updated_at`: the version of their own record that said the address; an older one changes nothing.
    """

    __tablename__ = "customers"
    __table_args__ = (UniqueConstraint("shop", "shop_customer_id"),)

    id: int | None = Field(default=None, primary_key=True)
    shop: str
    shop_customer_id: str = Field(index=True)
    recipient_id: int | None = Field(default=None, foreign_key="recipients.id", index=True)
    created_at: datetime
    source_updated_at: datetime | None = None


class AddressMove(Row, table=True):
    """A customer's own record left this address for another, the first time at `at`, by the shop's word.

    What was said at the address by then went along with the record; what was said there later did not.
    """

    __tablename__ = "address_moves"

    customer_id: int = Field(primary_key=True, foreign_key="customers.id")
    recipient_id: int = Field(primary_key=True, foreign_key="recipients.id", index=True)
    at: datetime


class Order(Row, table=True):
    """`state`: placed (not paid yet), completed, test, canceled, refunded (in full). `imported`: never mails.
    `analytics_id`: the browser that it came from, where the buyer agreed to be measured."""

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
    analytics_id: str | None = None


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
    """What a shop tells of an order beside its versions: `kind` case_opened or case_closed, and when last; or
    delivered, and when first.

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


class ErasedShop(Row, table=True):
    """A shop that has left, and of which all was erased at `at`: what it says of before names nobody any more."""

    __tablename__ = "erased_shops"

    shop: str = Field(primary_key=True)
    at: datetime


inbox = core(InboxEvent)
events = core(Event)
products = core(Product)
recipients = core(Recipient)
customers = core(Customer)
address_moves = core(AddressMove)
orders = core(Order)
order_lines = core(OrderLine)
order_reversals = core(OrderReversal)
order_notes = core(OrderNote)
erased_shops = core(ErasedShop)
