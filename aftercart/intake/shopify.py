"""Shopify (Admin API webhooks, JSON bodies of REST resources).

Amounts are in the shop's currency, except what a transaction moved: that may be the buyer's. A refund is told twice,
inside the order and by `refunds/create`; both give the same reversals with the same keys. Product webhooks carry
neither currency nor address: the shop object is told them.
https://shopify.dev/docs/api/webhooks
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from html import unescape

from aftercart.consent.statement import Basis, ConsentState, ConsentStatement
from aftercart.intake.base import Shop
from aftercart.intake.changes import (
    Buyer,
    Change,
    CustomerSeen,
    ErasureAsked,
    ExportAsked,
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
    ShopErasureAsked,
)
from aftercart.intake.clean import TEXT_LENGTH, URL_LENGTH, clean_country, clean_ip, clean_locale, clean_text
from aftercart.intake.reader import Reader, read_object
from aftercart.intake.signing import hmac_sha256

STATES = {
    "paid": OrderState.COMPLETED,
    "partially_refunded": OrderState.COMPLETED,
    "refunded": OrderState.REFUNDED,
    "voided": OrderState.CANCELED,
}
"""Their `financial_status` → ours; pending, authorized, partially_paid, expired and unknown words: placed."""
RESTOCKED = {"cancel": ReversalKind.CANCELLATION}
"""Their `restock_type` → ours; `return`, `no_restock` and other words: a refund, whatever became of the goods."""
CONSENT = {"subscribed": ConsentState.GRANTED, "unsubscribed": ConsentState.DENIED}
"""Their `email_marketing_consent.state`; pending, not_subscribed, redacted, invalid: no statement."""
BASES = {"single_opt_in": Basis.EXPRESS, "confirmed_opt_in": Basis.DOUBLE_OPT_IN}
"""Their `opt_in_level` (after M3AAWG); `unknown` and other words say nothing."""
TAG = re.compile(r"</?[A-Za-z][^<>]*>")


class Shopify(Shop):
    """A Shopify shop. `currency` and `storefront` (https://...) complete its product webhooks."""

    name = "shopify"
    setting = "AFTERCART_SHOPIFY_SECRET"
    kept_headers = ("x-shopify-", "user-agent", "content-type")

    def __init__(self, secret: str, *, currency: str = "", storefront: str = "") -> None:
        super().__init__(secret)
        self._currency = currency
        self._storefront = storefront.rstrip("/")

    def parse(self, topic: str, body: bytes) -> tuple[Change, ...]:
        """What a body says. Raises UnprocessableError naming the field."""
        if topic in PRODUCT_TOPICS:
            return tuple(_products(read_object(body), self._currency, self._storefront))
        read = PARSERS.get(topic)
        return read(read_object(body)) if read else ()

    def order_id_at(self, topic: str) -> tuple[str, ...]:
        if topic.startswith("refunds/"):
            return ("order_id",)
        if topic.startswith("returns/"):
            return ("order", "id")
        return ("id",) if topic.startswith("orders/") else ()

    def topic(self, headers: Mapping[str, str], body: bytes) -> str:  # noqa: ARG002
        return headers.get("x-shopify-topic", "")

    def delivery_key(self, headers: Mapping[str, str], body: bytes) -> str:
        """The webhook id stays the same when Shopify tries again; another shop may have used it too."""
        id_ = headers.get("x-shopify-webhook-id") or f"{self.topic(headers, body)}:{sha256(body).hexdigest()}"
        return f"{headers.get('x-shopify-shop-domain', '')}:{id_}"

    def claimed_signatures(self, headers: Mapping[str, str]) -> Iterable[str]:
        claim = headers.get("x-shopify-hmac-sha256")
        return [claim] if claim else []

    def signature(self, secret: bytes, headers: Mapping[str, str], body: bytes) -> str:  # noqa: ARG002
        return hmac_sha256(secret, body)


# ---------------------------------------------------------------- orders


def _order(body: Reader) -> tuple[Change, ...]:
    return _shown(body, _state(body))


def _paid_order(body: Reader) -> tuple[Change, ...]:
    """The topic says that it is paid, whatever the status of an older body says."""
    state = _state(body)
    return _shown(body, OrderState.COMPLETED if state is OrderState.PLACED else state)


def _canceled_order(body: Reader) -> tuple[Change, ...]:
    return _shown(body, OrderState.CANCELED)


def _deleted_order(body: Reader) -> tuple[Change, ...]:
    """The body is the id alone."""
    return (OrderReversed(body.need_id("id"), (Reversal("deleted", ReversalKind.DELETION),)),)


def _shown(body: Reader, state: OrderState) -> tuple[Change, ...]:
    """The order; and the customer by themselves, where their own address is another than the order's."""
    seen, customer = OrderSeen(_version(body, state)), body.object("customer")
    own = customer.email("email")
    at = customer.instant("updated_at") or seen.order.updated_at
    person = () if own is None or own == _address(body) else (CustomerSeen(_person(customer), at),)
    return seen, *person, *_arrival(body)


def _arrival(body: Reader) -> Iterator[Change]:
    """All of the order was sent, and carriers say of every parcel that it has arrived.

    https://shopify.dev/docs/api/admin-rest/latest/resources/fulfillment (`shipment_status`)
    """
    parcels = [one for one in body.objects("fulfillments") if one.text("status") in ("", "success")]
    arrived = [one.text("shipment_status") == "delivered" for one in parcels]
    if body.text("fulfillment_status") == "fulfilled" and arrived and all(arrived):
        times = [at for one in parcels if (at := one.instant("updated_at"))]
        yield OrderNoted(body.need_id("id"), NoteKind.DELIVERED, "", max(times, default=None))


def _state(body: Reader) -> OrderState:
    if "cancelled_at" in body:
        return OrderState.CANCELED
    if body.flag("test"):
        return OrderState.TEST
    return STATES.get(body.text("financial_status"), OrderState.PLACED)


def _version(body: Reader, state: OrderState) -> Order:
    currency = body.need_currency("currency")
    placed_at = _placed_at(body)
    updated_at = body.instant("updated_at") or placed_at
    shipping, billing = body.object("shipping_address"), body.object("billing_address")
    country = clean_country(shipping.text("country_code")) or clean_country(billing.text("country_code"))
    return Order(
        shop_order_id=body.need_id("id"),
        state=state,
        currency=currency,
        total_minor=body.money("total_price", currency) or 0,
        placed_at=placed_at,
        updated_at=updated_at,
        buyer=_buyer_of_order(body, country, placed_at),
        lines=tuple(_lines(body, currency)),
        reversals=tuple(r for refund in body.objects("refunds") for r in _reversals(refund, currency)),
        country=country,
        region=shipping.text("province_code") or billing.text("province_code"),
        analytics_id=next(_attributes(body, "analytics_id"), ""),
    )


def _attributes(body: Reader, name: str) -> Iterator[str]:
    """What the shop's theme has put into the cart under that name."""
    return (given.loose("value") for given in body.objects("note_attributes") if given.loose("name") == name)


def _placed_at(body: Reader) -> datetime:
    """Of an order that was brought along from another system `processed_at` alone tells how old it is."""
    told = (body.instant("created_at"), body.instant("processed_at"))
    return min(filter(None, told), default=None) or body.fail("created_at", "is missing")


def _lines(body: Reader, currency: str) -> Iterator[OrderLine]:
    for line in body.objects("line_items"):
        quantity = line.quantity("quantity", default=1)
        if quantity:
            price = line.money("price", currency) or 0
            yield OrderLine(_line_sku(line), line.first_text("name", "title"), quantity, price)


def _line_sku(line: Reader) -> str:
    """The sku; where the shop gave none, a stable name made of the variant or product (a custom line: of itself)."""
    if sku := line.id("sku"):
        return sku
    for kind, field in (("variant", "variant_id"), ("product", "product_id"), ("line", "id")):
        if id_ := line.id(field):
            return f"shopify:{kind}:{id_}"
    return "shopify:custom"


def _buyer_of_order(body: Reader, country: str, placed_at: datetime) -> Buyer:
    customer = body.object("customer")
    names = (customer, body.object("shipping_address"), body.object("billing_address"))
    address = _address(body)
    ticked = _ticked(body, "buyer_accepts_marketing", "order", placed_at, _clean_ip(body))
    is_customers_own = address == customer.email("email")
    return Buyer(
        customer_id=customer.id("id") or None,
        email=address,
        first_name=next((name for place in names if (name := place.text("first_name", 100))), ""),
        locale=clean_locale(body.text("customer_locale")),
        country=country,
        # The record's yes is for the record's address: who buys with a colleague's has not signed them up.
        consent=_consent(customer, ticked) if is_customers_own else ticked,
    )


def _address(body: Reader) -> str | None:
    """Whom to write to about an order."""
    written = (body.email("email"), body.email("contact_email"), body.object("customer").email("email"))
    return next(filter(None, written), None)


# ---------------------------------------------------------------- consent


def _consent(customer: Reader, otherwise: ConsentStatement | None) -> ConsentStatement | None:
    """What the customer's record says; a box ticked counts only where there is no record.

    The record decides because of double opt-in: the box is ticked, the record is `pending`, and nobody may be mailed.
    An undated yes stays undated, so that it never overrules a later no.
    """
    record = customer.object("email_marketing_consent")
    word = record.text("state")
    if not word:
        return otherwise
    state = CONSENT.get(word)
    if state is None:
        return None
    basis = BASES.get(record.text("opt_in_level"), Basis.UNSTATED)
    return ConsentStatement(state, "shopify:customer", record.instant("consent_updated_at"), basis)


def _ticked(body: Reader, box: str, where: str, at: datetime | None, ip: str = "") -> ConsentStatement | None:
    """A box ticked is a yes; one not ticked says nothing about a permission given elsewhere.

    Whether it was empty before, nobody tells: on what the yes rests is not stated.
    """
    return ConsentStatement(ConsentState.GRANTED, f"shopify:{where}", at, ip=ip) if body.flag(box) else None


def _clean_ip(order: Reader) -> str:
    """From where the order was placed."""
    return clean_ip(order.loose("browser_ip"))


# ---------------------------------------------------------------- rights


def _redact_customer(body: Reader) -> tuple[Change, ...]:
    return (ErasureAsked(*_claimant(body)),)


def _show_data(body: Reader) -> tuple[Change, ...]:
    return (ExportAsked(*_claimant(body)),)


def _redact_shop(body: Reader) -> tuple[Change, ...]:
    return (ShopErasureAsked(body.need_id("shop_domain")),)


def _claimant(body: Reader) -> tuple[str | None, str | None]:
    customer = body.object("customer")
    email, id_ = customer.email("email"), customer.id("id") or None
    if not (email or id_):
        customer.fail("id", "is missing, and so is email")
    return email, id_


# ---------------------------------------------------------------- refunds


def _refund(body: Reader) -> tuple[Change, ...]:
    return (OrderReversed(body.need_id("order_id"), tuple(_reversals(body, ""))),)


def _reversals(refund: Reader, order_currency: str) -> Iterator[Reversal]:
    """One reversal a refunded line, and one for the money that went back beyond the lines (shipping, goodwill)."""
    key = f"refund:{refund.need_id('id')}"
    happened_at = refund.instant("created_at") or refund.instant("processed_at")
    currency = order_currency or _currency_of(refund)
    for_lines = 0
    for position, part in enumerate(refund.objects("refund_line_items")):
        quantity = part.quantity("quantity", default=1)
        amount = _part_amount(part, currency)
        for_lines += amount or 0
        yield Reversal(
            key=f"{key}:line:{part.id('id') or position}",
            kind=RESTOCKED.get(part.text("restock_type"), ReversalKind.REFUND),
            sku=_line_sku(part.object("line_item")),
            quantity=quantity,
            amount_minor=amount,
            currency=currency,
            happened_at=happened_at,
        )
    rest = _money_back(refund, currency) - for_lines
    if rest > 0:
        yield Reversal(f"{key}:money", ReversalKind.ADJUSTMENT, None, None, rest, currency, happened_at)


def _currency_of(refund: Reader) -> str:
    """The shop's currency, as far as a refund by itself tells; older ones know no other than that of the payment."""
    transactions = tuple(refund.objects("transactions"))
    in_both = [part.object("subtotal_set") for part in refund.objects("refund_line_items")]
    in_both += [transaction.object("amount_set") for transaction in transactions]
    stated = [each.object("shop_money").currency("currency_code") for each in in_both]
    return next(filter(None, (*stated, *(transaction.currency("currency") for transaction in transactions))), "")


def _part_amount(part: Reader, currency: str) -> int | None:
    if not currency:
        return None
    tax = part.money("total_tax", currency) or 0
    subtotal = part.money("subtotal", currency)
    if subtotal is not None:
        return subtotal + tax
    price = part.object("line_item").money("price", currency)
    return None if price is None else round(price * part.quantity("quantity", default=1))


def _money_back(refund: Reader, currency: str) -> int:
    if not currency:
        return 0
    done = (
        t for t in refund.objects("transactions") if t.text("kind") == "refund" and t.text("status") in ("success", "")
    )
    return sum(_in_shops_money(transaction, currency) for transaction in done)


def _in_shops_money(transaction: Reader, currency: str) -> int:
    """What a transaction moved; nothing if it was another currency's money and nobody says how much that is."""
    if transaction.text("currency").upper() in ("", currency):
        return transaction.money("amount", currency) or 0
    reckoned = transaction.object("amount_set").object("shop_money")
    return (reckoned.money("amount", currency) or 0) if reckoned.text("currency_code").upper() == currency else 0


def _return(kind: NoteKind) -> Callable[[Reader], tuple[Change, ...]]:
    """Goods that are on their way back, or may be. What came of it is told by the refund, which names the products."""

    def read(body: Reader) -> tuple[Change, ...]:
        return (OrderNoted(body.object("order").need_id("id"), kind, f"return:{body.need_id('id')}"),)

    return read


# ---------------------------------------------------------------- customers and products


def _customer(body: Reader) -> tuple[Change, ...]:
    body.need_id("id")
    return (CustomerSeen(_person(body), body.instant("updated_at")),)


def _person(customer: Reader) -> Buyer:
    """A customer's own record."""
    at = customer.instant("accepts_marketing_updated_at")
    return Buyer(
        customer_id=customer.id("id") or None,
        email=customer.email("email"),
        first_name=customer.text("first_name", 100),
        locale=clean_locale(customer.text("locale")),
        country=clean_country(customer.object("default_address").text("country_code")),
        consent=_consent(customer, _ticked(customer, "accepts_marketing", "customer", at)),
    )


def _products(body: Reader, currency: str, storefront: str) -> Iterator[ProductSeen]:
    """One product a variant; the Shopify product is their family."""
    id_, title = body.need_id("id"), body.text("title") or body.fail("title", "is missing")
    images = {image.id("id"): image.text("src", URL_LENGTH) for image in body.objects("images")}
    main_image = body.object("image").text("src", URL_LENGTH) or next(iter(images.values()), "")
    handle = body.text("handle")
    for variant in body.objects("variants"):
        name = variant.text("title")
        product = Product(
            sku=_variant_sku(variant, id_),
            title=title if name in ("", "Default Title") else clean_text(f"{title} - {name}"),
            category=body.text("product_type"),
            brand=body.text("vendor"),
            family=f"shopify:product:{id_}",
            color=_color(body, variant),
            description=clean_text(unescape(TAG.sub(" ", body.text("body_html", 4 * TEXT_LENGTH))), TEXT_LENGTH),
            price_minor=variant.money("price", currency) if currency else None,
            compare_at_minor=(variant.money("compare_at_price", currency) or 0) if currency else None,
            currency=currency,
            image_url=images.get(variant.id("image_id"), "") or main_image,
            url=f"{storefront}/products/{handle}?variant={variant.id('id')}" if storefront and handle else "",
            states_stock=True,
            stock=_stock(variant),
            published=_is_published(body),
            updated_at=body.instant("updated_at"),
        )
        yield ProductSeen(product)


def _is_published(body: Reader) -> bool:
    hidden = body.states("published_at") and "published_at" not in body
    return body.text("status") in ("", "active") and not hidden


def _variant_sku(variant: Reader, product_id: str) -> str:
    id_ = variant.id("id")
    return variant.id("sku") or (f"shopify:variant:{id_}" if id_ else f"shopify:product:{product_id}")


def _color(body: Reader, variant: Reader) -> str:
    """The variant's value of the option that is called color in the shop's language, as far as we know it."""
    words = ("color", "colour", "farbe", "couleur", "kleur", "colore")
    for position, option in enumerate(body.objects("options"), start=1):
        if option.text("name").lower() in words:
            return variant.text(f"option{position}")
    return ""


def _stock(variant: Reader) -> int | None:
    """None: not counted, or sold even when there is none."""
    counted = "inventory_management" in variant and variant.text("inventory_policy") != "continue"
    return variant.count("inventory_quantity") if counted else None


PARSERS: Mapping[str, Callable[[Reader], tuple[Change, ...]]] = {
    "orders/create": _order,
    "orders/updated": _order,
    "orders/fulfilled": _order,
    "orders/paid": _paid_order,
    "orders/cancelled": _canceled_order,
    "orders/delete": _deleted_order,
    "refunds/create": _refund,
    "returns/request": _return(NoteKind.CASE_OPENED),
    "returns/approve": _return(NoteKind.CASE_OPENED),
    "returns/reopen": _return(NoteKind.CASE_OPENED),
    "returns/decline": _return(NoteKind.CASE_CLOSED),
    "returns/cancel": _return(NoteKind.CASE_CLOSED),
    "returns/close": _return(NoteKind.CASE_CLOSED),
    "customers/create": _customer,
    "customers/update": _customer,
    "customers/redact": _redact_customer,
    "customers/data_request": _show_data,
    "shop/redact": _redact_shop,
}
PRODUCT_TOPICS = frozenset({"products/create", "products/update"})
