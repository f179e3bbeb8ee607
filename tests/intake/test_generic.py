"""The generic door's own format."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from aftercart.consent.statement import Basis, ConsentState, ConsentStatement
from aftercart.errors import ConfigError, UnprocessableError
from aftercart.intake.changes import (
    Buyer,
    CustomerSeen,
    Order,
    OrderLine,
    OrderReversed,
    OrderSeen,
    OrderState,
    ProductSeen,
    Reversal,
    ReversalKind,
)
from aftercart.intake.generic import Generic
from tests.intake.payloads import body, generic, generic_order

SHOP = Generic("whsec_c2VjcmV0")
PLACED = datetime(2026, 3, 1, 10, tzinfo=UTC)


def parse(payload: dict[str, Any]) -> Any:
    (change,) = SHOP.parse(payload["type"], body(payload))
    return change


def test_the_order_of_the_documentation_becomes_an_order() -> None:
    assert parse(generic_order()) == OrderSeen(
        Order(
            shop_order_id="1001",
            state=OrderState.COMPLETED,
            currency="EUR",
            total_minor=100044,
            placed_at=PLACED,
            updated_at=PLACED,
            buyer=Buyer(
                "77", "ada@example.com", "Ada", "fr-FR", "Europe/Paris", "FR",
                ConsentStatement(ConsentState.GRANTED, "generic", PLACED),
            ),
            lines=(OrderLine("BIKE-1", "Road bike", 1.0, 100044),),
            country="FR",
        )
    )  # fmt: skip


def test_the_time_of_the_message_tells_which_version_is_newer() -> None:
    late = parse({**generic_order(), "timestamp": "2026-03-02T00:00:00Z"})
    assert late.order.updated_at == datetime(2026, 3, 2, tzinfo=UTC)
    assert (late.order.placed_at, late.order.completed_at) == (PLACED, None)


def test_an_order_may_tell_when_it_was_paid() -> None:
    paid = parse(generic_order(completed_at="2026-03-09T00:00:00Z")).order
    assert (paid.placed_at, paid.completed_at) == (PLACED, datetime(2026, 3, 9, tzinfo=UTC))


@pytest.mark.parametrize(
    ("customer", "buyer"),
    [
        (None, None),
        ({}, Buyer()),
        ({"email": "ben@example.com"}, Buyer(email="ben@example.com")),
        ({"id": 5, "email": "not an address"}, Buyer(customer_id="5")),
        ({"id": "5", "accepts_marketing": None, "time_zone": "Mars/Base"}, Buyer(customer_id="5")),
    ],
)
def test_an_order_is_kept_whatever_is_known_of_the_buyer(customer: Any, buyer: Buyer | None) -> None:
    assert parse(generic_order(customer=customer)).order.buyer == buyer


PROOF = {"basis": "express", "wording": "Yes, write to me", "ip": "192.0.2.7", "source": "footer"}


def form(**changes: Any) -> Any:
    usual = {"customer": {"email": "Ada@example.com"}, "accepts_marketing": True, "consent_at": "2026-03-01T10:00:00Z"}
    return parse(generic("consent.changed", **{**usual, "consent": PROOF, **changes}))


def test_a_form_tells_of_a_yes_with_its_proof() -> None:
    said = ConsentStatement(
        ConsentState.GRANTED, "generic:footer", PLACED, Basis.EXPRESS, "Yes, write to me", "192.0.2.7"
    )
    assert form() == CustomerSeen(Buyer(email="ada@example.com", consent=said), PLACED)


def test_a_no_rests_on_nothing_and_does_not_end() -> None:
    no = form(accepts_marketing=False, consent={**PROOF, "expires_at": "2027-01-01T00:00:00Z"}).buyer.consent
    assert (no.state, no.basis, no.expires_at) == (ConsentState.DENIED, Basis.UNSTATED, None)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"customer": {}}, "data.customer.email"),
        ({"customer": {"email": "nobody"}}, "data.customer.email"),
        ({"customer": {"id": "7"}}, "data.customer.email"),
        ({"accepts_marketing": None}, "data.accepts_marketing"),
        ({"accepts_marketing": "perhaps"}, "data.accepts_marketing"),
        ({"consent": {"basis": "surely"}}, "data.consent.basis"),
        ({"consent": {"expires_at": "soon"}}, "data.consent.expires_at"),
        ({"consent_at": "yesterday"}, "data.consent_at"),
    ],
    ids=["nobody", "no address", "an id alone", "no answer", "no clear answer", "basis", "end", "time"],
)
def test_a_form_that_is_not_clear_is_refused_with_the_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(UnprocessableError) as refused:
        form(**changes)
    assert refused.value.field == field


def test_a_fraction_is_bought_and_a_line_of_nothing_is_not() -> None:
    lines = [{"sku": "CLOTH", "quantity": 1.5, "unit_price": "3"}, {"sku": "GONE", "quantity": 0, "unit_price": 9}]
    order = parse(generic_order(lines=lines, currency="jpy")).order
    assert order.lines == (OrderLine("CLOTH", "", 1.5, 3),)
    assert (order.currency, order.total_minor) == ("JPY", 4)


def test_a_hundred_lines_stay_in_their_order() -> None:
    lines = [{"sku": f"S{n}", "unit_price": n} for n in range(100)]
    assert [line.sku for line in parse(generic_order(lines=lines)).order.lines] == [f"S{n}" for n in range(100)]


def test_a_refund_without_lines_is_of_the_whole_order() -> None:
    change = parse(generic("order.refunded", order_id=1001))
    assert isinstance(change, OrderReversed)
    (reversal,) = change.reversals
    assert (change.shop_order_id, reversal.kind, reversal.is_whole) == ("1001", ReversalKind.REFUND, True)


def test_a_refund_with_lines_keeps_its_keys_and_another_refund_has_others() -> None:
    lines = [{"sku": "A", "quantity": 1}, {"sku": "B"}]
    once, again = (parse(generic("order.refunded", order_id="1", lines=lines)) for _ in range(2))
    other = parse(generic("order.refunded", order_id="1", lines=lines, refunded_at="2026-03-05T00:00:00Z"))
    assert once == again
    assert not {r.key for r in once.reversals} & {r.key for r in other.reversals}
    assert [(r.sku, r.quantity, r.is_whole) for r in once.reversals] == [("A", 1.0, False), ("B", None, False)]


def reversals(**data: Any) -> tuple[Reversal, ...]:
    found: tuple[Reversal, ...] = parse(generic("order.refunded", order_id="1", currency="EUR", **data)).reversals
    return found


def test_nothing_of_a_line_given_back_is_money_alone() -> None:
    """Goods kept; a line that names no quantity is given back with all that was bought."""
    kept, all_of_it = reversals(lines=[{"sku": "A", "quantity": 0, "amount": "5"}, {"sku": "B", "quantity": ""}])
    assert (kept.kind, kept.sku, kept.quantity, kept.amount_minor) == (ReversalKind.ADJUSTMENT, None, None, 500)
    assert (all_of_it.kind, all_of_it.sku, all_of_it.quantity) == (ReversalKind.REFUND, "B", None)


def test_an_amount_without_lines_is_money_alone() -> None:
    (back,) = reversals(amount="10.00")
    assert (back.kind, back.is_whole, back.amount_minor) == (ReversalKind.ADJUSTMENT, False, 1000)


def test_refunds_of_money_are_told_apart_by_amount_time_and_id() -> None:
    told = [{"amount": "10"}, {"amount": "11"}, {"amount": "10", "refunded_at": "2026-03-05T00:00:00Z"}]
    told += [{"amount": "10", "refund_id": "7"}, {"amount": "10", "refund_id": "8"}]
    assert len({back.key for data in told for back in reversals(**data)}) == len(told)
    assert reversals(amount="10") == reversals(amount="10")
    kept = [{"sku": "A", "quantity": 0, "amount": amount} for amount in "56"]
    assert len({back.key for line in kept for back in reversals(lines=[line])}) == 2


def test_a_cancellation_concerns_the_whole_order() -> None:
    (reversal,) = parse(generic("order.canceled", order_id="1")).reversals
    assert (reversal.kind, reversal.is_whole) == (ReversalKind.CANCELLATION, True)


def test_a_customer_who_says_no_says_no() -> None:
    change = parse(generic("customer.updated", id="77", email="ada@example.com", accepts_marketing=False))
    assert change == CustomerSeen(
        Buyer("77", "ada@example.com", consent=ConsentStatement(ConsentState.DENIED, "generic", None))
    )


def test_a_customers_record_is_as_of_when_it_was_changed() -> None:
    told = generic("customer.updated", id="77", updated_at="2026-03-01T10:00:00Z")
    assert parse(told).at == PLACED
    assert parse(generic("customer.updated", id="77")).at is None


def test_a_product_says_only_what_it_says() -> None:
    seen = parse(generic("product.updated", sku="A", title="Bell", price="4.50", currency="EUR"))
    assert isinstance(seen, ProductSeen)
    assert (seen.product.price_minor, seen.product.states_stock) == (450, False)
    stocked = parse(generic("product.updated", sku="A", title="Bell", stock=None)).product
    assert stocked == replace(seen.product, price_minor=None, currency="", states_stock=True, stock=None)


def test_a_product_says_what_is_struck_through_and_what_buyers_think_or_says_nothing_of_it() -> None:
    told = {"sku": "A", "title": "Bell", "price": "4.50", "currency": "EUR"}
    bell = parse(generic("product.updated", **told, compare_at_price="6.00", rating=4.6, rating_count=12)).product
    assert (bell.compare_at_minor, bell.rating, bell.rating_count) == (600, 4.6, 12)
    assert parse(generic("product.updated", **told, compare_at_price=None)).product.compare_at_minor == 0
    silent = parse(generic("product.updated", **told)).product
    assert (silent.compare_at_minor, silent.rating, silent.rating_count) == (None, None, None)


def test_a_product_says_what_it_costs_in_other_currencies_or_takes_that_back_or_says_nothing_of_it() -> None:
    told = {"sku": "A", "title": "Bell"}
    abroad = [{"currency": "chf", "price": "4.90", "compare_at_price": "6"}, {"currency": "JPY", "price": 700}]
    bell = parse(generic("product.updated", **told, prices=abroad)).product
    assert bell.prices == {"CHF": {"minor": 490, "compare_at": 600}, "JPY": {"minor": 700, "compare_at": None}}
    assert parse(generic("product.updated", **told, prices=None)).product.prices == {}
    assert parse(generic("product.updated", **told)).product.prices is None


def test_a_product_says_what_it_costs_the_shop_or_takes_that_back_or_says_nothing_of_it() -> None:
    told = {"sku": "A", "title": "Bell", "price": "4.50", "currency": "EUR"}
    bell = parse(generic("product.updated", **told, cost="2.10")).product
    assert (bell.states_cost, bell.cost_minor) == (True, 210)
    back = parse(generic("product.updated", **told, cost=None)).product
    assert (back.states_cost, back.cost_minor) == (True, None)
    silent = parse(generic("product.updated", **told)).product
    assert (silent.states_cost, silent.cost_minor) == (False, None)


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (generic_order(order_id=None), "data.order_id"),
        (generic("product.updated", sku="A", title="Bell", prices=[{"price": "5"}]), "data.prices[0].currency"),
        (generic("product.updated", sku="A", title="Bell", prices=[{"currency": "CHF"}]), "data.prices[0].price"),
        (generic("product.updated", sku="A", title="Bell", prices={"CHF": 5}), "data.prices"),
        (generic_order(currency="EURO"), "data.currency"),
        (generic_order(placed_at="9999-01-01"), "data.placed_at"),
        (generic_order(lines=[{"sku": "A", "quantity": -1}]), "data.lines[0].quantity"),
        (generic_order(lines=[{"title": "no sku"}]), "data.lines[0].sku"),
        (generic_order(lines="none"), "data.lines"),
        (generic_order(customer="ada"), "data.customer"),
        ({"type": "order.completed"}, "data.currency"),
        (generic("order.refunded"), "data.order_id"),
        (generic("order.refunded", order_id="1", amount="10"), "data.currency"),
        (generic("customer.updated"), "data.id"),
        (generic("product.updated", sku="A", title="B", price=1), "data.currency"),
        (generic("product.updated", sku="A", title="B", compare_at_price=1), "data.currency"),
        (generic("product.updated", sku="A", title="B", cost=1), "data.currency"),
        (generic("product.updated", sku="A", title="B", currency="EUR", cost=-1), "data.cost"),
        (generic("product.updated", sku="A", title="B", rating=5.1), "data.rating"),
    ],
)
def test_what_cannot_be_understood_is_named(payload: dict[str, Any], field: str) -> None:
    with pytest.raises(UnprocessableError) as caught:
        parse(payload)
    assert caught.value.field == field


def test_an_unknown_type_says_nothing_and_a_missing_one_is_a_fault() -> None:
    assert SHOP.parse("order.shipped", b'{"type": "order.shipped"}') == ()
    with pytest.raises(UnprocessableError, match=r"^type: is missing"):
        SHOP.parse(SHOP.topic({}, b"{}"), b"{}")


@pytest.mark.parametrize("secret", ["whsec_", "whsec_not base64!", "a passphrase"])
def test_a_secret_that_is_none_stops_the_start(secret: str) -> None:
    with pytest.raises(ConfigError, match="AFTERCART_GENERIC_SECRET"):
        Generic(secret)


def test_an_id_with_characters_that_cannot_be_seen_is_refused_and_not_mended() -> None:
    """Without them it might be another order's."""
    with pytest.raises(UnprocessableError, match=r"data\.order_id"):
        parse({**generic_order(), "data": {**generic_order()["data"], "order_id": "10\u000001"}})
