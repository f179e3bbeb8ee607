"""WooCommerce (webhooks with REST v3 resources).

Its dates come twice: `..._gmt` in UTC and without it in the shop's own time, which is read only where the first is
missing. It knows no consent: a checkout box has to write the order meta key `accepts_marketing` (docs/consent.md has
one). Prices of product webhooks come without a currency: the shop object is told it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from hashlib import sha256
from html import unescape

from aftercart.consent.statement import Basis, ConsentState, ConsentStatement
from aftercart.errors import UnprocessableError
from aftercart.intake.base import Shop
from aftercart.intake.changes import (
    Buyer,
    Change,
    CustomerSeen,
    NoteKind,
    Order,
    OrderLine,
    OrderNoted,
    OrderReversed,
    OrderSeen,
    OrderState,
    Product,
    ProductSeen,
    Reversal,
    ReversalKind,
)
from aftercart.intake.clean import (
    TEXT_LENGTH,
    TITLE_LENGTH,
    URL_LENGTH,
    WORDING_LENGTH,
    clean_country,
    clean_ip,
    clean_text,
)
from aftercart.intake.reader import Reader, read_object
from aftercart.intake.signing import hmac_sha256

DELIVERED = "delivered"
COST_META = "_wc_cog_cost"
STATES = {
    "pending": OrderState.PLACED,
    "on-hold": OrderState.PLACED,
    "checkout-draft": OrderState.PLACED,
    "processing": OrderState.COMPLETED,
    "completed": OrderState.COMPLETED,
    DELIVERED: OrderState.COMPLETED,
    "cancelled": OrderState.CANCELED,
    "failed": OrderState.CANCELED,
    "trash": OrderState.CANCELED,
    "refunded": OrderState.REFUNDED,
}
"""Their own `status` → ours. A word that a plugin adds (shipped, awaiting-pickup) says nothing about the payment: there
the day of payment decides."""
PING = re.compile(rb"webhook_id=\d{1,20}\s*")
TAG = re.compile(r"</?[A-Za-z][^<>]*>")
TICKED = frozenset({"yes", "1", "true", "on"})


class WooCommerce(Shop):
    """A WooCommerce shop. `zone` is that of its local dates; `currency` completes its product webhooks."""

    name = "woocommerce"
    setting = "AFTERCART_WOOCOMMERCE_SECRET"
    kept_headers = ("x-wc-webhook-", "user-agent", "content-type")

    def __init__(self, secret: str, *, zone: tzinfo = UTC, currency: str = "") -> None:
        super().__init__(secret)
        self._zone = zone
        self._currency = currency

    def parse(self, topic: str, body: bytes) -> tuple[Change, ...]:
        """What a body says. Raises UnprocessableError naming the field."""
        read = PARSERS.get(topic)
        if read is None:
            return ()
        content = read_object(body)
        change = read(self, content)
        return (change, *self._arrival(content)) if isinstance(change, OrderSeen) else (change,)

    def order_id_at(self, topic: str) -> tuple[str, ...]:
        return ("id",) if topic.startswith("order.") else ()

    def topic(self, headers: Mapping[str, str], body: bytes) -> str:  # noqa: ARG002
        return headers.get("x-wc-webhook-topic", "")

    def delivery_key(self, headers: Mapping[str, str], body: bytes) -> str:
        """Their Delivery-ID is a hash of webhook and second: two orders in one second would share it."""
        parts = [headers.get(f"x-wc-webhook-{part}", "") for part in ("source", "id", "topic")]
        return ":".join([*parts, sha256(body).hexdigest()])

    def claimed_signatures(self, headers: Mapping[str, str]) -> Iterable[str]:
        claim = headers.get("x-wc-webhook-signature")
        return [claim] if claim else []

    def signature(self, secret: bytes, headers: Mapping[str, str], body: bytes) -> str:  # noqa: ARG002
        return hmac_sha256(secret, body)

    def is_ping(self, headers: Mapping[str, str], body: bytes) -> bool:
        """When a webhook is created, an unsigned form comes and must be answered with success."""
        return "x-wc-webhook-signature" not in headers and PING.fullmatch(body) is not None

    def order(self, body: Reader) -> Change:
        """`order.created`, `order.updated`, `order.restored`: the whole order each time."""
        currency = body.need_currency("currency")
        placed_at = self.instant(body, "date_created") or body.fail("date_created_gmt", "is missing")
        updated_at = self.instant(body, "date_modified") or placed_at
        paid_at = self.instant(body, "date_paid")
        by_payment = OrderState.COMPLETED if paid_at else OrderState.PLACED
        country = _from_address(body, "country")
        version = Order(
            shop_order_id=body.need_id("id"),
            state=STATES.get(body.text("status").removeprefix("wc-"), by_payment),
            currency=currency,
            total_minor=body.money("total", currency) or 0,
            placed_at=placed_at,
            updated_at=updated_at,
            completed_at=paid_at,
            buyer=_buyer_of_order(body, placed_at),
            lines=tuple(_lines(body, currency)),
            reversals=tuple(_reversals(body, currency, updated_at)),
            country=clean_country(country),
            region=_from_address(body, "state"),
            analytics_id=next(_metas(body, "analytics_id"), ""),
        )
        return OrderSeen(version)

    def _arrival(self, body: Reader) -> Iterator[Change]:
        """WooCommerce itself knows no delivery; plugins for parcels add the status `delivered`."""
        if body.text("status").removeprefix("wc-") == DELIVERED:
            at = self.instant(body, "date_modified")
            yield OrderNoted(body.need_id("id"), NoteKind.DELIVERED, "", at)

    def product(self, body: Reader) -> Change:
        """`product.created`, `product.updated`: a product or one variation of it."""
        id_, parent = body.need_id("id"), _real_id(body, "parent_id")
        cost = _cost(body, self._currency) if self._currency else None
        product = Product(
            sku=body.id("sku") or _made_sku(parent or id_, id_ if parent else None),
            title=_plain(body, "name") or body.fail("name", "is missing"),
            category=_first_name(body, "categories"),
            brand=_first_name(body, "brands"),
            family=f"woocommerce:product:{parent or id_}",
            color=_color(body),
            description=_plain(body, "short_description", TEXT_LENGTH) or _plain(body, "description", TEXT_LENGTH),
            price_minor=body.money("price", self._currency) if self._currency else None,
            compare_at_minor=(body.money("regular_price", self._currency) or 0) if self._currency else None,
            states_cost=cost is not None,
            cost_minor=cost,
            currency=self._currency,
            image_url=next((image.text("src", URL_LENGTH) for image in body.objects("images")), ""),
            url=body.text("permalink", URL_LENGTH),
            rating=_rating(body),
            rating_count=body.count("rating_count"),
            states_stock=True,
            stock=_stock(body),
            published=body.text("status") in ("", "publish") and body.text("catalog_visibility") != "hidden",
            updated_at=self.instant(body, "date_modified"),
        )
        return ProductSeen(product)

    def instant(self, body: Reader, name: str) -> datetime | None:
        """A date of theirs, whichever way it is told."""
        return body.instant(f"{name}_gmt") or body.instant(name, self._zone)


def _rating(body: Reader) -> float | None:
    """Out of five, as WooCommerce itself has it; what a plugin counts in other units says nothing."""
    try:
        return body.rating("average_rating")
    except UnprocessableError:
        return None


def _cost(body: Reader, currency: str) -> int | None:
    """What one costs the shop: by WooCommerce itself (0: nobody filled it in), or by the plugin "Cost of Goods"."""
    told = [(body.object("cost_of_goods_sold"), "total_value")]
    told += [(meta, "value") for meta in body.objects("meta_data") if meta.text("key") == COST_META]
    return next((cost for reader, name in told if (cost := _above_zero(reader, name, currency))), None)


def _above_zero(reader: Reader, name: str, currency: str) -> int | None:
    """What a plugin writes that is no amount says nothing."""
    try:
        amount = reader.money(name, currency)
    except UnprocessableError:
        return None
    return amount if amount and amount > 0 else None


# ---------------------------------------------------------------- orders


def _deleted_order(_shop: WooCommerce, body: Reader) -> Change:
    """The body is the id alone."""
    return OrderReversed(body.need_id("id"), (Reversal("deleted", ReversalKind.DELETION),))


def _lines(body: Reader, currency: str) -> Iterator[OrderLine]:
    for line in body.objects("line_items"):
        quantity = line.quantity("quantity", default=1)
        if quantity:
            yield OrderLine(_line_sku(line), _plain(line, "name"), quantity, _unit_price(line, quantity, currency))


def _line_sku(line: Reader) -> str:
    return line.id("sku") or _made_sku(_real_id(line, "product_id"), _real_id(line, "variation_id"))


def _made_sku(product_id: str | None, variation_id: str | None) -> str:
    """A stable name for what has no sku."""
    if variation_id:
        return f"woocommerce:variation:{variation_id}"
    return f"woocommerce:product:{product_id}" if product_id else "woocommerce:custom"


def _unit_price(line: Reader, quantity: float, currency: str) -> int:
    price = line.money("price", currency)
    return round((line.money("total", currency) or 0) / quantity) if price is None else price


def _reversals(body: Reader, currency: str, happened_at: datetime) -> Iterator[Reversal]:
    """The order tells how much money went back, not for which lines. A full refund sets the status as well."""
    for refund in body.objects("refunds"):
        key = f"refund:{refund.need_id('id')}"
        amount = abs(refund.money("total", currency) or 0)
        yield Reversal(key, ReversalKind.ADJUSTMENT, None, None, amount, currency, happened_at)


def _buyer_of_order(body: Reader, placed_at: datetime) -> Buyer:
    billing = body.object("billing")
    return Buyer(
        customer_id=_real_id(body, "customer_id"),
        email=billing.email("email"),
        first_name=_plain(billing, "first_name", 100) or _plain(body.object("shipping"), "first_name", 100),
        country=clean_country(_from_address(body, "country")),
        consent=_consent(body, placed_at),
    )


def _consent(body: Reader, placed_at: datetime) -> ConsentStatement | None:
    """Plugins store anything under other keys; only ours are read. A basis that is none of `Basis` says nothing."""
    if not any(mark.lower() in TICKED for mark in _metas(body, "accepts_marketing")):
        return None
    basis = next(_metas(body, "accepts_marketing_basis"), "")
    return ConsentStatement(
        ConsentState.GRANTED,
        "woocommerce:order",
        placed_at,
        basis=Basis.of(basis),
        wording=clean_text(next(_metas(body, "accepts_marketing_wording", WORDING_LENGTH), ""), WORDING_LENGTH),
        ip=clean_ip(body.loose("customer_ip_address")),
    )


def _metas(body: Reader, key: str, length: int = TITLE_LENGTH) -> Iterator[str]:
    return (meta.loose("value", length) for meta in body.objects("meta_data") if meta.loose("key") == key)


def _from_address(body: Reader, field: str) -> str:
    return body.object("shipping").text(field) or body.object("billing").text(field)


def _real_id(body: Reader, name: str) -> str | None:
    """An id; 0 stands for none (a guest, no variation)."""
    id_ = body.id(name)
    return None if id_ in ("", "0") else id_


def _plain(body: Reader, name: str, length: int = TITLE_LENGTH) -> str:
    """Text without HTML: WordPress stores names escaped and descriptions as HTML."""
    return clean_text(unescape(TAG.sub(" ", body.text(name, 4 * length))), length)


# ---------------------------------------------------------------- customers and products


def _customer(shop: WooCommerce, body: Reader) -> Change:
    billing = body.object("billing")
    buyer = Buyer(
        customer_id=body.need_id("id"),
        email=body.email("email") or billing.email("email"),
        first_name=_plain(body, "first_name", 100) or _plain(billing, "first_name", 100),
        country=clean_country(_from_address(body, "country")),
    )
    return CustomerSeen(buyer, shop.instant(body, "date_modified") or shop.instant(body, "date_created"))


def _first_name(body: Reader, list_name: str) -> str:
    return next((_plain(item, "name") for item in body.objects(list_name)), "")


def _color(body: Reader) -> str:
    for attribute in body.objects("attributes"):
        if attribute.text("name").lower() in ("color", "colour"):
            return attribute.loose("option")
    return ""


def _stock(body: Reader) -> int | None:
    if body.text("stock_status") == "outofstock":
        return 0
    return body.count("stock_quantity") if body.loose("manage_stock") == "true" else None


PARSERS: Mapping[str, Callable[[WooCommerce, Reader], Change]] = {
    "order.created": WooCommerce.order,
    "order.updated": WooCommerce.order,
    "order.restored": WooCommerce.order,
    "order.deleted": _deleted_order,
    "customer.created": _customer,
    "customer.updated": _customer,
    "product.created": WooCommerce.product,
    "product.updated": WooCommerce.product,
}
