"""The vocabulary of intake: what a shop can tell us, in our words."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from aftercart.consent.statement import ConsentStatement


class OrderState(StrEnum):
    """What an order is worth to a campaign. Only a completed one (paid for, as the shop sees it) starts anything.

    `TEST`: whoever set the shop up tried its checkout; no money changed hands.
    """

    PLACED = "placed"
    COMPLETED = "completed"
    TEST = "test"
    CANCELED = "canceled"
    REFUNDED = "refunded"


class ReversalKind(StrEnum):
    """Why something of an order no longer counts."""

    REFUND = "refund"
    RETURN = "return"
    CANCELLATION = "cancellation"
    DELETION = "deletion"
    """The shop removed the order; a newer version of the order takes it back."""
    ADJUSTMENT = "adjustment"
    """Money back without goods (a goodwill, a refund of shipping): concerns no line and not the order as a whole."""


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who bought. `customer_id` None: a guest. `email` None: none was given, or it is no address."""

    customer_id: str | None = None
    email: str | None = None
    first_name: str = ""
    locale: str = ""
    time_zone: str = ""
    country: str = ""
    consent: ConsentStatement | None = None


@dataclass(frozen=True, slots=True)
class OrderLine:
    """`quantity` may be a fraction (1.5 m of cloth); the price is that of one unit."""

    sku: str
    title: str
    quantity: float
    unit_price_minor: int


@dataclass(frozen=True, slots=True)
class Reversal:
    """A refund, return or cancellation: of one sku, or (sku None, unless an adjustment) of the whole order.

    `key` is the same however often and by whichever topic the shop tells it. `quantity` None: all of the sku.
    `happened_at` None: when we hear of it.
    """

    key: str
    kind: ReversalKind
    sku: str | None = None
    quantity: float | None = None
    amount_minor: int | None = None
    currency: str = ""
    happened_at: datetime | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it concerns the order as a whole."""
        return self.sku is None and self.kind is not ReversalKind.ADJUSTMENT


@dataclass(frozen=True, slots=True)
class Order:
    """One version of an order, as the shop saw it at `updated_at`. The currency is that of all its amounts.

    `completed_at`: the day of payment that the shop states; None if it states none, paid or not. `imported`: it comes
    from a file of the past, to learn from: a new order never mails, and what it says about people only fills gaps.
    `analytics_id`: the client id of Google's `_ga` cookie, where the shop tells it.
    """

    shop_order_id: str
    state: OrderState
    currency: str
    total_minor: int
    placed_at: datetime
    updated_at: datetime
    completed_at: datetime | None = None
    buyer: Buyer | None = None
    lines: tuple[OrderLine, ...] = ()
    reversals: tuple[Reversal, ...] = ()
    country: str = ""
    region: str = ""
    imported: bool = False
    analytics_id: str = ""


Prices = Mapping[str, Mapping[str, int | None]]
"""Currency → `minor` and `compare_at`, in minor units of it."""


@dataclass(frozen=True, slots=True)
class Product:
    """What a shop says about something it sells. Empty or None: it says nothing, so what we know stays.

    `states_stock`: the shop does speak of stock, and `stock` None then means that it is not counted.
    `compare_at_minor`: the price to be struck through beside `price_minor`; 0: the shop says that there is none.
    `rating`: out of five, by `rating_count` people (0: the shop says that nobody has rated it).
    `prices`: the price in other currencies by their codes, each with what is to be struck through beside it; empty: the
    shop says that there are none; None: it says nothing of them.
    `states_cost`: the shop does speak of what one costs itself, and `cost_minor` None then means that it is not known.
    """

    sku: str
    title: str
    category: str = ""
    department: str = ""
    brand: str = ""
    family: str = ""
    color: str = ""
    description: str = ""
    price_minor: int | None = None
    compare_at_minor: int | None = None
    currency: str = ""
    prices: Prices | None = None
    image_url: str = ""
    url: str = ""
    rating: float | None = None
    rating_count: int | None = None
    states_cost: bool = False
    cost_minor: int | None = None
    states_stock: bool = False
    stock: int | None = None
    published: bool = True
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OrderSeen:
    """The shop showed a version of an order."""

    order: Order

    @property
    def shop_order_id(self) -> str:
        return self.order.shop_order_id


@dataclass(frozen=True, slots=True)
class OrderReversed:
    """The shop told of refunds or a cancellation without showing the order, which may not have come yet."""

    shop_order_id: str
    reversals: tuple[Reversal, ...]


@dataclass(frozen=True, slots=True)
class CustomerSeen:
    """The shop showed a customer's own data, as of `at`; None: it does not say when, so when we hear of it."""

    buyer: Buyer
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProductSeen:
    """The shop showed a product (one for each variant)."""

    product: Product


@dataclass(frozen=True, slots=True)
class ErasureAsked:
    """The shop passes on that a person wants to be forgotten. What is not known is empty."""

    email: str | None = None
    customer_id: str | None = None


@dataclass(frozen=True, slots=True)
class ExportAsked:
    """The shop passes on that a person wants to see all that is kept of them."""

    email: str | None = None
    customer_id: str | None = None


@dataclass(frozen=True, slots=True)
class ShopErasureAsked:
    """The shop has left, and so shall all that it told. `shop_domain`: which one, where one door serves several."""

    shop_domain: str


Claim = ErasureAsked | ExportAsked | ShopErasureAsked
"""A right that somebody claims; carried out after the webhook was taken in."""


class NoteKind(StrEnum):
    """What a shop tells of an order that is no version of it."""

    CASE_OPENED = "case_opened"
    """Somebody has asked the shop for help with it, or complained."""
    CASE_CLOSED = "case_closed"
    DELIVERED = "delivered"
    """All of it has arrived. The first word counts: an order that is changed afterwards does not arrive again."""


@dataclass(frozen=True, slots=True)
class OrderNoted:
    """Something happened about an order, which may not have come yet. `key` tells several cases apart.

    `at` None: when we hear of it.
    """

    shop_order_id: str
    kind: NoteKind
    key: str = ""
    at: datetime | None = None


Change = OrderSeen | OrderReversed | OrderNoted | CustomerSeen | ProductSeen | Claim


def dated(change: Change, heard_at: datetime) -> Change:
    """The same, with the time at which we heard of it where it should have one of its own and has none."""
    match change:
        case OrderSeen(order):
            return OrderSeen(replace(order, reversals=_dated(order.reversals, heard_at)))
        case OrderReversed(order_id, reversals):
            return OrderReversed(order_id, _dated(reversals, heard_at))
        case OrderNoted(at=None):
            return replace(change, at=heard_at)
        case _:
            return change


def _dated(reversals: tuple[Reversal, ...], heard_at: datetime) -> tuple[Reversal, ...]:
    return tuple(replace(one, happened_at=one.happened_at or heard_at) for one in reversals)
