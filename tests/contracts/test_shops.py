"""What every shop promises (aftercart/intake/base.py). Add a shop to `SHOPS` and it must keep all of it."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from aftercart.db.session import Database
from aftercart.db.tables import consents, orders, recipients
from aftercart.errors import IntakeError, SignatureError
from aftercart.intake.base import Delivery, Ping, Shop
from aftercart.intake.changes import OrderSeen, OrderState
from aftercart.intake.generic import Generic
from aftercart.intake.shopify import Shopify
from aftercart.intake.shops import open_shops
from aftercart.intake.signing import sign_generic, sign_shopify, sign_woocommerce
from aftercart.intake.store import apply
from aftercart.intake.woocommerce import WooCommerce
from tests.intake.payloads import (
    body,
    generic,
    generic_order,
    shopify_order,
    shopify_product,
    shopify_refund,
    woo_order,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADA, BOSS = "ada@example.com", "boss@example.com"

Sign = Callable[[str, str, bytes], dict[str, str]]
"""(secret, delivery id, body) → the headers a shop would send."""


@dataclass(frozen=True)
class Case:
    """A shop, two of its secrets, how it signs, and something that it sends."""

    name: str
    open: Callable[[str], Shop]
    secret: str
    other_secret: str
    sign: Sign
    topic: str
    order: dict[str, Any]
    order_id: str
    id_at: tuple[str, ...]
    """Where the id stands in the order's body."""
    topics: tuple[str, ...]
    two_people: tuple[tuple[str, dict[str, Any]], ...]
    """(topic, body): ada@example.com agrees to mail, and boss@example.com is to be written to about her last order."""

    @property
    def body(self) -> bytes:
        return body(self.order)

    def headers(self, content: bytes | None = None, secret: str = "", id_: str = "d1") -> dict[str, str]:
        return self.sign(secret or self.secret, id_, self.body if content is None else content)

    def accept(self, headers: Mapping[str, str], content: bytes | None = None, secret: str = "") -> Delivery:
        shop = self.open(secret or self.secret)
        delivery = shop.accept(headers, self.body if content is None else content, NOW)
        assert isinstance(delivery, Delivery)
        return delivery


def _key(text: str) -> str:
    return "whsec_" + base64.b64encode(text.encode()).decode()


SHOPS = [
    Case(
        "generic",
        Generic,
        _key("the secret of the generic door"),
        _key("another secret of that door"),
        lambda secret, id_, content: sign_generic(secret, id_, content, NOW),
        "order.completed",
        generic_order(),
        "1001",
        ("data", "order_id"),
        ("order.completed", "order.refunded", "order.canceled", "customer.updated", "product.updated"),
        (
            ("customer.updated", generic("customer.updated", id="77", email=ADA, accepts_marketing=True)),
            ("order.completed", generic_order(customer={"id": "77", "email": BOSS})),
        ),
    ),
    Case(
        "shopify",
        Shopify,
        "shopify-client-secret",
        "its-next-client-secret",
        lambda secret, id_, content: sign_shopify(secret, "velo.myshopify.com", id_, "orders/paid", content),
        "orders/paid",
        shopify_order(),
        "5001",
        ("id",),
        ("orders/create", "orders/cancelled", "orders/delete", "refunds/create", "customers/update", "products/update"),
        (
            (
                "orders/paid",
                shopify_order(
                    email=BOSS,
                    customer={"id": 42, "email": "Ada@Example.com", "email_marketing_consent": {"state": "subscribed"}},
                ),
            ),
        ),
    ),
    Case(
        "woocommerce",
        WooCommerce,
        "woo <secret>, with a comma & more",
        "its-next-woo-secret",
        lambda secret, id_, content: sign_woocommerce(secret, "https://velo.example/", id_, "order.updated", content),
        "order.updated",
        woo_order(),
        "812",
        ("id",),
        ("order.created", "order.deleted", "order.restored", "customer.updated", "product.updated"),
        (
            (
                "order.created",
                woo_order(billing={"email": ADA}, meta_data=[{"key": "accepts_marketing", "value": "yes"}]),
            ),
            ("order.created", woo_order(id=813, billing={"email": BOSS})),
        ),
    ),
]

every_shop = pytest.mark.parametrize("case", SHOPS, ids=lambda case: case.name)


@every_shop
def test_what_the_shop_signed_is_accepted_and_means_an_order(case: Case) -> None:
    delivery = case.accept(case.headers())
    assert (delivery.topic, delivery.body) == (case.topic, case.body)
    (change,) = case.open(case.secret).parse(delivery.topic, delivery.body)
    assert isinstance(change, OrderSeen)
    assert change.order.state is OrderState.COMPLETED


@every_shop
def test_another_body_or_another_secret_is_refused(case: Case) -> None:
    with pytest.raises(SignatureError, match="does not fit"):
        case.accept(case.headers(), case.body + b" ")
    with pytest.raises(SignatureError, match="does not fit"):
        case.accept(case.headers(secret=case.other_secret))


@every_shop
def test_without_a_signature_nothing_is_accepted(case: Case) -> None:
    unsigned = {name: value for name, value in case.headers().items() if "sign" not in name and "hmac" not in name}
    for headers in (unsigned, {**unsigned, **_emptied(case.headers())}):
        with pytest.raises(SignatureError):
            case.accept(headers)


def _emptied(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: "" for name in headers if "sign" in name or "hmac" in name}


@every_shop
def test_while_a_secret_rotates_both_are_accepted(case: Case) -> None:
    old, new = (case.other_secret, case.secret) if "," not in case.secret else (case.other_secret, "its-third-secret")
    for secret in (old, new):
        assert case.accept(case.headers(secret=secret), secret=f"{new}, {old}").body == case.body


def test_a_comma_in_a_generated_secret_does_no_harm() -> None:
    """WordPress generates secrets with commas; a part of a few characters must not become a secret of its own."""
    woo = SHOPS[2]
    secret = "k,Jq8#Z{yR7:wL2;mN4!pT6%vX9"
    assert woo.accept(woo.headers(secret=secret), secret=secret).topic
    with pytest.raises(SignatureError):
        woo.accept(woo.headers(secret="k"), secret=secret)


@every_shop
def test_without_a_secret_everything_is_refused_with_the_setting_named(case: Case) -> None:
    for secret in ("", " , "):
        with pytest.raises(SignatureError, match=f"AFTERCART_{case.name.upper()}_SECRET"):
            case.open(secret).accept(case.headers(), case.body, NOW)
        with pytest.raises(SignatureError):
            case.open(secret).accept({}, b"webhook_id=1", NOW)


@every_shop
def test_the_same_delivery_has_the_same_key_and_another_order_another(case: Case) -> None:
    """T43, T44: no time stands in a key."""
    once, again = case.accept(case.headers()), case.accept(case.headers())
    other = body({**case.order, "note": "two orders in one second"})
    assert once.delivery_key == again.delivery_key != ""
    assert case.accept(case.headers(other, id_="d2"), other).delivery_key != once.delivery_key


@every_shop
def test_neither_signature_nor_cookies_are_kept(case: Case) -> None:
    kept = case.accept({**case.headers(), "cookie": "secret", "user-agent": "Shop/1"}).headers
    assert kept["user-agent"] == "Shop/1"
    assert not [name for name in kept if "sign" in name or "hmac" in name or name == "cookie"]


@every_shop
def test_a_topic_we_do_not_act_on_says_nothing(case: Case) -> None:
    assert case.open(case.secret).parse("fulfillments/create", case.body) == ()


@every_shop
def test_a_signed_body_that_is_garbage_is_accepted_and_refused_only_when_it_is_read(case: Case) -> None:
    garbage = b"\xff not json"
    delivery = case.accept(case.headers(garbage), garbage)
    with pytest.raises(IntakeError, match="body"):
        case.open(case.secret).parse(delivery.topic or "order.completed", garbage)


@every_shop
def test_a_yes_is_that_of_the_person_who_said_it_whoever_the_order_is_for(case: Case, database: Database) -> None:
    """Somebody who subscribed buys with the office's address: nobody may write to the office for it."""
    for topic, content in case.two_people:
        changes = case.open(case.secret).parse(topic, body(content))
        with database.write() as connection:
            apply(connection, case.name, changes, NOW)
    with database.read() as connection:
        said = select(recipients.c.email, consents.c.state).join(consents, consents.c.recipient_id == recipients.c.id)
        assert connection.execute(said).all() == [(ADA, "granted")]
        about = select(recipients.c.email).join(orders, orders.c.recipient_id == recipients.c.id)
        assert connection.execute(about.order_by(orders.c.id.desc()).limit(1)).scalar_one() == BOSS


def test_the_shops_are_known_by_the_names_of_their_doors() -> None:
    assert {name: shop.name for name, shop in open_shops().items()} == {case.name: case.name for case in SHOPS}
    assert [name for name, shop in open_shops().items() if shop.tells_unprocessable] == ["generic"]


# ---------------------------------------------------------------- garbage


def _values(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | st.integers() | numbers | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
        max_leaves=8,
    )


anything = _values(st.floats())
anything_in_json = _values(st.floats(allow_nan=False, allow_infinity=False))


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    items = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [path, *(deeper for key, inner in items for deeper in _paths(inner, (*path, key)))]


def _with(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy of the value with `new` at that place."""
    if not path:
        return new
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = _with(copied[path[0]], path[1:], new)
    return copied


@every_shop
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_whatever_stands_anywhere_in_a_body_only_our_own_errors_come_out(case: Case, data: st.DataObject) -> None:
    samples = {
        "generic": [generic_order()],
        "shopify": [shopify_order(refunds=[shopify_refund()]), shopify_product(), shopify_refund()],
        "woocommerce": [woo_order(refunds=[{"id": 1, "total": "-1"}], meta_data=[{"key": "a", "value": "b"}])],
    }[case.name]
    sample = data.draw(st.sampled_from(samples))
    place = data.draw(st.sampled_from(_paths(sample)))
    content = json.dumps(_with(sample, place, data.draw(anything))).encode()
    shop = case.open(case.secret)
    for topic in (case.topic, *case.topics):
        try:
            for change in shop.parse(topic, content):
                repr(change).encode()
        except IntakeError:
            pass


@every_shop
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_an_order_is_known_by_its_id_whatever_else_is_wrong_with_its_body(case: Case, data: st.DataObject) -> None:
    elsewhere = [path for path in _paths(case.order) if path != case.id_at[: len(path)]]
    broken = _with(case.order, data.draw(st.sampled_from(elsewhere)), data.draw(anything_in_json))
    shop = case.open(case.secret)
    assert shop.order_id(case.topic, body(broken)) == case.order_id
    assert shop.order_id("fulfillments/create", body(broken)) is None
    for nowhere in (b"{}", b"[]", b"\xff", body(_with(case.order, case.id_at, data.draw(st.none() | st.booleans())))):
        assert shop.order_id(case.topic, nowhere) is None


@pytest.mark.parametrize(
    ("shop", "topic", "content"),
    [
        ("generic", "order.refunded", {"data": {"order_id": 7, "lines": "all"}}),
        ("generic", "order.canceled", {"data": {"order_id": "7"}, "timestamp": "soon"}),
        ("shopify", "refunds/create", {"id": 31, "order_id": 7, "transactions": 1}),
        ("shopify", "orders/cancelled", {"id": 7, "currency": "??"}),
        ("shopify", "orders/delete", {"id": 7}),
        ("woocommerce", "order.deleted", {"id": 7}),
        ("woocommerce", "order.restored", {"id": "7", "billing": "none"}),
        ("generic", "customer.updated", {"data": {"order_id": "7"}}),
        ("shopify", "products/update", {"id": 7}),
        ("woocommerce", "customer.updated", {"id": 7}),
    ],
)
def test_what_is_about_an_order_is_known_by_the_orders_id(shop: str, topic: str, content: dict[str, Any]) -> None:
    about_an_order = topic.startswith(("order", "refund"))
    assert open_shops()[shop].order_id(topic, body(content)) == ("7" if about_an_order else None)


@every_shop
@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=60), headers=st.data())
def test_whatever_comes_to_the_door_only_our_own_errors_come_out(
    case: Case, content: bytes, headers: st.DataObject
) -> None:
    names = st.sampled_from(sorted(case.headers()))
    sent = headers.draw(st.dictionaries(names, st.text(max_size=30), max_size=5))
    shop = case.open(case.secret)
    try:
        shop.accept({**case.headers(content), **sent}, content, NOW)
        shop.accept(sent, content, NOW)
    except IntakeError:
        pass


# ---------------------------------------------------------------- what only some do


@pytest.mark.parametrize("seconds", [-301, 301, 86_400])
def test_a_generic_webhook_with_a_stale_or_early_time_is_refused(seconds: int) -> None:
    case = SHOPS[0]
    stale = sign_generic(case.secret, "d1", case.body, NOW + timedelta(seconds=seconds))
    with pytest.raises(SignatureError, match="seconds away"):
        case.accept(stale)
    assert case.accept(sign_generic(case.secret, "d1", case.body, NOW + timedelta(seconds=299))).topic


@pytest.mark.parametrize("stamp", ["", "soon", "1e9", "-5", "٣", "9" * 400])
def test_a_generic_webhook_whose_time_is_no_time_is_refused(stamp: str) -> None:
    case = SHOPS[0]
    with pytest.raises(SignatureError, match="webhook-timestamp"):
        case.accept({**case.headers(), "webhook-timestamp": stamp})


def test_the_generic_door_and_the_reference_library_understand_each_other() -> None:
    """Against the `standardwebhooks` package, which looks at the machine's own clock."""
    case, now = SHOPS[0], datetime.now(UTC)
    library = standardwebhooks.Webhook(case.secret)
    assert library.verify(case.body, sign_generic(case.secret, "msg_1", case.body, now)) == case.order
    theirs = {
        "webhook-id": "msg_2",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": "v1a,unknown " + library.sign("msg_2", now, case.body.decode()),
    }
    assert isinstance(case.open(case.secret).accept(theirs, case.body, now), Delivery)


def test_woocommerces_ping_is_answered_and_nothing_else_unsigned_is() -> None:
    woo = SHOPS[2].open(SHOPS[2].secret)
    assert isinstance(woo.accept({"content-type": "application/x-www-form-urlencoded"}, b"webhook_id=12", NOW), Ping)
    for content in (b"webhook_id=12&order=1", b"webhook_id=", b"{}", b""):
        with pytest.raises(SignatureError):
            woo.accept({}, content, NOW)


def test_woocommerces_delivery_id_is_not_trusted() -> None:
    """It is a hash of webhook and second: two orders of one second share it."""
    case = SHOPS[2]
    first, second = case.body, body(woo_order(id=813))
    shared = {"x-wc-webhook-delivery-id": "c0ffee"}
    keys = {case.accept({**case.headers(content), **shared}, content).delivery_key for content in (first, second)}
    assert len(keys) == 2


def test_two_shopify_shops_may_use_one_webhook_id() -> None:
    case = SHOPS[1]
    other = {**case.headers(), "x-shopify-shop-domain": "other.myshopify.com"}
    assert case.accept(other).delivery_key != case.accept(case.headers()).delivery_key


def test_a_delivery_key_always_fits_an_index() -> None:
    case = SHOPS[0]
    assert len(case.accept(case.headers(id_="x" * 5_000)).delivery_key) <= 200
