"""The generic door: the order format of this project, signed by Standard Webhooks (https://www.standardwebhooks.com).

    {"type": "order.completed", "timestamp": "2026-03-01T10:00:05Z", "data": {
      "order_id": "1001", "placed_at": "2026-03-01T10:00:00Z", "currency": "EUR",
      "customer": {"id": "77", "email": "ada@example.com", "first_name": "Ada", "locale": "fr-FR",
                   "time_zone": "Europe/Paris", "country": "FR", "accepts_marketing": true},
      "lines": [{"sku": "BK-R64Y-38", "title": "Road-550-W", "quantity": 1, "unit_price": "1000.44"}]}}

`timestamp` (or `updated_at` in the data) tells which of two versions is newer; without it a later version of an
order with the same `placed_at` changes nothing. `completed_at` says when it was paid, if that was not when it was
placed. `accepts_marketing`: true is a yes, false a no, and a missing one is
no statement; `consent_at` says when it was made, and `consent` what proves it: `basis` (express, double_opt_in,
soft_opt_in, implied), `wording`, `ip`, `source`, `expires_at`. A form tells the same by `consent.changed`:

    {"type": "consent.changed", "timestamp": "2026-03-01T10:00:05Z", "data": {
      "customer": {"email": "ada@example.com"}, "accepts_marketing": true, "consent_at": "2026-03-01T10:00:00Z",
      "consent": {"basis": "express", "wording": "Yes, write to me", "ip": "192.0.2.7", "source": "footer form"}}}

A person's rights: `person.erase` and `person.export`, with `customer` as above.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from math import inf

from aftercart.consent.statement import ConsentState
from aftercart.errors import ConfigError, SignatureError, UnprocessableError
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
    Prices,
    Product,
    ProductSeen,
    Reversal,
    ReversalKind,
)
from aftercart.intake.clean import (
    TEXT_LENGTH,
    URL_LENGTH,
    clean_country,
    clean_locale,
    clean_time_zone,
)
from aftercart.intake.generic_people import consent_changed, erase, export, statement
from aftercart.intake.reader import Reader, read_object
from aftercart.intake.signing import standard_key, standard_signature

TOLERANCE = timedelta(minutes=5)
"""How far the signed time may lie from ours (the Standard Webhooks libraries use the same)."""


class Generic(Shop):
    """Any shop that can send our own format."""

    name = "generic"
    setting = "AFTERCART_GENERIC_SECRET"
    kept_headers = ("webhook-", "user-agent", "content-type")
    tells_unprocessable = True

    def parse(self, topic: str, body: bytes) -> tuple[Change, ...]:
        """What a body says. Raises UnprocessableError naming the field."""
        envelope = read_object(body)
        if not topic:
            raise UnprocessableError("type", "is missing")
        read = PARSERS.get(topic)
        return (read(envelope),) if read else ()

    def order_id_at(self, topic: str) -> tuple[str, ...]:
        return ("data", "order_id") if topic.startswith("order.") else ()

    def topic(self, headers: Mapping[str, str], body: bytes) -> str:  # noqa: ARG002  # stands in the body alone
        try:
            return read_object(body).text("type")
        except UnprocessableError:
            return ""

    def delivery_key(self, headers: Mapping[str, str], body: bytes) -> str:  # noqa: ARG002
        return headers.get("webhook-id", "")

    def claimed_signatures(self, headers: Mapping[str, str]) -> Iterable[str]:
        claims = headers.get("webhook-signature", "").split()
        return [claim.removeprefix("v1,") for claim in claims if claim.startswith("v1,")]

    def signature(self, secret: bytes, headers: Mapping[str, str], body: bytes) -> str:
        return standard_signature(secret, headers.get("webhook-id", ""), headers.get("webhook-timestamp", ""), body)

    def check_fresh(self, headers: Mapping[str, str], now: datetime) -> None:
        if not headers.get("webhook-id"):
            raise SignatureError("the header webhook-id is missing")
        stamp = headers.get("webhook-timestamp", "")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
            raise SignatureError("the header webhook-timestamp is missing or is no count of seconds since 1970")
        apart = abs(int(stamp) - now.timestamp())
        if apart > TOLERANCE.total_seconds():
            raise SignatureError(f"webhook-timestamp is {apart:.0f} seconds away from our clock (300 are allowed)")

    def secrets_in(self, setting: str) -> tuple[bytes, ...]:
        try:
            return tuple(standard_key(part) for part in setting.split(",") if part.strip())
        except ValueError as err:
            raise ConfigError(
                f"{self.setting} {err}; a Standard Webhooks secret is `whsec_` and 24 to 64 random bytes in base64"
            ) from err


def _order_completed(envelope: Reader) -> Change:
    data = envelope.object("data")
    currency = data.need_currency("currency")
    placed_at = data.instant("placed_at") or data.fail("placed_at", "is missing")
    updated_at = data.instant("updated_at") or envelope.instant("timestamp") or placed_at
    lines = tuple(_line(line, currency) for line in data.objects("lines"))
    buyer = _buyer(data.object("customer"), consent_at=placed_at) if "customer" in data else None
    total = data.money("total", currency)
    order = Order(
        shop_order_id=data.need_id("order_id"),
        state=OrderState.COMPLETED,
        currency=currency,
        total_minor=_sum(lines) if total is None else total,
        placed_at=placed_at,
        updated_at=updated_at,
        completed_at=data.instant("completed_at"),
        buyer=buyer,
        lines=tuple(line for line in lines if line.quantity),
        country=clean_country(data.text("country")) or (buyer.country if buyer else ""),
        region=data.text("region"),
        analytics_id=data.text("analytics_id"),
    )
    return OrderSeen(order)


def _line(line: Reader, currency: str) -> OrderLine:
    return OrderLine(
        sku=line.need_id("sku"),
        title=line.text("title"),
        quantity=line.quantity("quantity", default=1),
        unit_price_minor=line.money("unit_price", currency) or 0,
    )


def _sum(lines: Iterable[OrderLine]) -> int:
    return round(sum(line.quantity * line.unit_price_minor for line in lines))


def _order_refunded(envelope: Reader) -> Change:
    """Lines tell what came back, an amount alone how much money; without either it was all of the order.

    `refund_id` tells two refunds of equal content apart; so does `timestamp`.
    """
    data = envelope.object("data")
    happened_at = data.instant("refunded_at") or envelope.instant("timestamp")
    if lines := list(data.objects("lines")):
        back = tuple(_lines_back(data, lines, happened_at))
    elif data.text("amount"):
        back = (_money_back(data, happened_at),)
    else:
        back = (Reversal("refunded", ReversalKind.REFUND, happened_at=happened_at),)
    return OrderReversed(data.need_id("order_id"), back)


def _lines_back(data: Reader, lines: Sequence[Reader], happened_at: datetime | None) -> Iterator[Reversal]:
    """A line of which nothing came back is money alone: the goods were kept."""
    currency = data.currency("currency")
    parts = [(line, _quantity_back(line)) for line in lines]
    content = [f"{line.id('sku')} {quantity} {line.text('amount')}" for line, quantity in parts]
    key = f"refund:{data.id('refund_id') or _fingerprint(happened_at, content)}"
    for position, (line, quantity) in enumerate(parts):
        sku, kept = line.need_id("sku"), quantity == 0
        yield Reversal(
            key=f"{key}:{position}",
            kind=ReversalKind.ADJUSTMENT if kept else ReversalKind.REFUND,
            sku=None if kept else sku,
            quantity=None if kept else quantity,
            amount_minor=line.money("amount", currency) if currency else None,
            currency=currency,
            happened_at=happened_at,
        )


def _order_returned(envelope: Reader) -> Change:
    """Goods came back: those of the lines, or all of them. What money went back for them `order.refunded` tells."""
    data = envelope.object("data")
    happened_at = data.instant("returned_at") or envelope.instant("timestamp")
    lines = [(line.need_id("sku"), _quantity_back(line)) for line in data.objects("lines")]
    key = f"return:{data.id('return_id') or _fingerprint(happened_at, (f'{sku} {n}' for sku, n in lines))}"
    back = tuple(
        Reversal(f"{key}:{position}", ReversalKind.RETURN, sku, quantity, happened_at=happened_at)
        for position, (sku, quantity) in enumerate(lines)
        if quantity != 0
    )
    whole = Reversal("returned", ReversalKind.RETURN, happened_at=happened_at)
    return OrderReversed(data.need_id("order_id"), back if lines else (whole,))


def _quantity_back(line: Reader) -> float | None:
    """None: all that was bought."""
    quantity = line.quantity("quantity", default=inf)
    return None if quantity == inf else quantity


def _money_back(data: Reader, happened_at: datetime | None) -> Reversal:
    """Of the order as a whole, once it adds up to all of its money."""
    currency = data.currency("currency") or data.fail("currency", "is missing beside an amount")
    refund = data.id("refund_id") or _fingerprint(happened_at, [data.text("amount")])
    amount = abs(data.money("amount", currency) or 0)
    return Reversal(f"refund:{refund}:money", ReversalKind.ADJUSTMENT, None, None, amount, currency, happened_at)


def _fingerprint(happened_at: datetime | None, content: Iterable[str]) -> str:
    return sha256(json.dumps([str(happened_at), *sorted(content)]).encode()).hexdigest()[:24]


def _order_canceled(envelope: Reader) -> Change:
    data = envelope.object("data")
    happened_at = data.instant("canceled_at") or envelope.instant("timestamp")
    whole = Reversal("canceled", ReversalKind.CANCELLATION, happened_at=happened_at)
    return OrderReversed(data.need_id("order_id"), (whole,))


def _case(kind: NoteKind) -> Callable[[Reader], Change]:
    """`case_id` tells several open cases of an order apart."""

    def read(envelope: Reader) -> Change:
        data = envelope.object("data")
        at = data.instant("at") or envelope.instant("timestamp")
        return OrderNoted(data.need_id("order_id"), kind, data.id("case_id"), at)

    return read


def _order_delivered(envelope: Reader) -> Change:
    data = envelope.object("data")
    at = data.instant("delivered_at") or envelope.instant("timestamp")
    return OrderNoted(data.need_id("order_id"), NoteKind.DELIVERED, "", at)


def _customer_updated(envelope: Reader) -> Change:
    data = envelope.object("data")
    if not (data.id("id") or data.text("email")):
        data.fail("id", "is missing, and so is email")
    at = data.instant("updated_at") or envelope.instant("timestamp")
    return CustomerSeen(_buyer(data, consent_at=at), at)


def _buyer(customer: Reader, consent_at: datetime | None) -> Buyer:
    said = customer.flag("accepts_marketing")
    at = customer.instant("consent_at") or consent_at
    state = ConsentState.GRANTED if said else ConsentState.DENIED
    return Buyer(
        customer_id=customer.id("id") or None,
        email=customer.email("email"),
        first_name=customer.text("first_name", 100),
        locale=clean_locale(customer.text("locale")),
        time_zone=clean_time_zone(customer.text("time_zone")),
        country=clean_country(customer.text("country")),
        consent=None if said is None else statement(customer, state, at),
    )


def _product_updated(envelope: Reader) -> Change:
    data = envelope.object("data")
    currency = data.currency("currency")
    if not currency and any(name in data for name in ("price", "compare_at_price", "cost")):
        data.fail("currency", "is missing beside a price")
    product = Product(
        sku=data.need_id("sku"),
        title=data.text("title") or data.fail("title", "is missing"),
        category=data.text("category"),
        department=data.text("department"),
        brand=data.text("brand"),
        family=data.text("family"),
        color=data.text("color"),
        description=data.text("description", TEXT_LENGTH),
        price_minor=data.money("price", currency) if currency else None,
        compare_at_minor=_compare_at(data, currency) if currency else None,
        states_cost=data.states("cost"),
        cost_minor=_cost(data, currency),
        currency=currency,
        prices=_prices(data) if data.states("prices") else None,
        image_url=data.text("image_url", URL_LENGTH),
        url=data.text("url", URL_LENGTH),
        rating=data.rating("rating"),
        rating_count=data.count("rating_count"),
        states_stock=data.states("stock"),
        stock=data.count("stock"),
        published=data.flag("published") is not False,
        updated_at=data.instant("updated_at") or envelope.instant("timestamp"),
    )
    return ProductSeen(product)


def _compare_at(data: Reader, currency: str) -> int | None:
    """null takes it back; without the field nothing is said of it."""
    return data.money("compare_at_price", currency) or (0 if data.states("compare_at_price") else None)


def _prices(data: Reader) -> Prices:
    """In other currencies; null or an empty list takes them back."""
    told: dict[str, dict[str, int | None]] = {}
    for price in data.objects("prices"):
        currency = price.need_currency("currency")
        minor = price.money("price", currency) or price.fail("price", "is missing")
        told[currency] = {"minor": minor, "compare_at": price.money("compare_at_price", currency)}
    return told


def _cost(data: Reader, currency: str) -> int | None:
    cost = data.money("cost", currency) if currency else None
    return cost if cost is None or cost >= 0 else data.fail("cost", "is below zero")


PARSERS: Mapping[str, Callable[[Reader], Change]] = {
    "order.completed": _order_completed,
    "order.refunded": _order_refunded,
    "order.returned": _order_returned,
    "order.canceled": _order_canceled,
    "order.delivered": _order_delivered,
    "order.case_opened": _case(NoteKind.CASE_OPENED),
    "order.case_closed": _case(NoteKind.CASE_CLOSED),
    "customer.updated": _customer_updated,
    "consent.changed": consent_changed,
    "person.erase": erase,
    "person.export": export,
    "product.updated": _product_updated,
}
