"""What one mail stumbles over does not stop the others."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select

from aftercart.bootstrap import App
from aftercart.db.tables import decisions, picks, recipients, sends, suppressions
from aftercart.pipeline.sending.send import deliver
from aftercart.testing import run_due, run_until
from tests.cast import (
    ADA,
    BIKE,
    BODY,
    DAY,
    HELMET,
    HOUR,
    MONDAY,
    SHELF,
    Shop,
    campaign,
    clock_of,
    customer,
    fates,
    order,
    outbox,
    refund,
    rows,
    stock_up,
)
from tests.pipeline.conftest import Open

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
"""10:00 in Paris, three days after Monday."""


# ---------------------------------------------------------------- what the engine itself stumbles over
class Stumbling:
    """A recommender that cannot stand one product."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def recommend(self, connection: Any, requests: Any) -> Any:
        if any(anchor.sku == "POISON" for request in requests for anchor in request.anchors):
            raise ZeroDivisionError("nobody thought of this product")
        return self._inner.recommend(connection, requests)


def test_an_order_that_the_recommender_stumbles_over_does_not_stop_its_batch(open_app: Open, shop: Shop) -> None:
    """T06, T07: one poison mail at the head; nine others leave on time, and it ends with a reason."""
    step = "recommend: {slots: 2, at_least: 1, fallback: [best_sellers]}, template: plain"
    shop.write(campaign(valid_for="10m").replace("template: plain", step))
    app = open_app()
    for number in range(10):
        sku = "POISON" if number == 0 else "HELMET"
        order(app, str(number), customer(number), [{**HELMET, "sku": sku}])
    stock_up(app, ["LAMP"])
    order(app, "past", {"email": "past@example.com"}, [{**HELMET, "sku": "LAMP"}])
    stumbling: Any = Stumbling(app.recommender)
    poisoned = replace(app, recommender=stumbling)
    run_until(poisoned, DUE)
    assert len(outbox(app).messages) == 9
    waiting = next(row for row in rows(app, sends) if row["state"] == "scheduled")
    assert waiting["reason"] == "template_error"
    (why,) = [row["inputs"]["error"] for row in rows(app, decisions) if row["send_id"] == waiting["id"]]
    assert why == "ZeroDivisionError: nobody thought of this product"
    run_until(poisoned, DUE + HOUR)
    assert ("skipped", "expired") in fates(app)


def test_the_kill_switch_holds_everything_until_it_expires(open_app: Open, shop: Shop) -> None:
    shop.write(campaign(valid_for="2h"), brand="paused: true\n")
    stopped = open_app()
    order(stopped, "1", ADA)
    run_until(stopped, DUE + 4 * DAY)
    assert fates(stopped) == [("skipped", "expired")]
    assert outbox(stopped).messages == []


def test_mails_that_fell_due_while_the_engine_was_down_go_or_expire(open_app: Open) -> None:
    """T11: after four hours they go; after four days they are no longer worth it."""
    app = open_app()
    order(app, "1", ADA)
    order(app, "2", customer(2))
    late = open_app(DUE + 4 * HOUR)
    run_due(late)
    assert fates(late) == [("sent", "sent")] * 2
    order(late, "3", customer(3))
    very_late = open_app(DUE + 11 * DAY, hold_after_hours=24 * 14)
    run_due(very_late)
    assert fates(very_late)[-1] == ("skipped", "expired")


def test_a_person_whose_address_is_on_the_list_gets_nothing(app: App) -> None:
    order(app, "1", ADA)
    row = {"email": "ada@example.com", "scope": "all", "reason": "manual", "source": "import", "at": MONDAY}
    with app.db.write() as connection:
        connection.execute(insert(suppressions), row)
    run_until(app, DUE)
    assert fates(app) == [("skipped", "suppressed")]
    with app.db.read() as connection:
        assert connection.execute(select(decisions.c.inputs)).scalars().all()[-1]["suppressed_for"] == "manual"


# ---------------------------------------------------------------- what stands in the way of others
def test_a_mail_with_a_broken_template_does_not_hold_others(open_app: Open, shop: Shop) -> None:
    """A slip of the pen in the more important campaign must not cost the other its mails."""
    one = {"caps": "[1 per 1d]", "quiet": "null"}
    low, high = campaign("low", priority=10, **one), campaign("high", priority=90, template="broken", **one)
    shop.template("broken", BODY.replace("Shop</a>", "Shop</a> {{ 1 // (order.lines[0].quantity - 1) }}"))
    shop.write(low, high)
    app = open_app()
    order(app, "1", ADA)
    run_until(app, DUE + HOUR)
    by_campaign = {row["campaign"]: (row["state"], row["reason"]) for row in rows(app, sends)}
    assert by_campaign == {"low": ("sent", "sent"), "high": ("scheduled", "template_error")}


def test_two_mails_of_one_batch_offer_a_person_different_products(open_app: Open, shop: Shop) -> None:
    offers = "recommend: {slots: 3, at_least: 1, fallback: [best_sellers]}, template: plain"
    both = [campaign(name).replace("template: plain", offers) for name in ("one", "two")]
    shop.write(*both)
    app = open_app()
    stock_up(app)
    for number, sku in enumerate(SHELF):
        order(app, f"past-{number}", customer(number, accepts_marketing=None), [{**HELMET, "sku": sku}])
    order(app, "1", ADA)
    run_until(app, DUE)
    hers = {row["id"]: row["campaign"] for row in rows(app, sends) if row["recipient_id"] == recipient_of(app, ADA)}
    offered = [{row["sku"] for row in rows(app, picks) if row["send_id"] == send_id} for send_id in hers]
    assert [len(skus) for skus in offered] == [3, 3]
    assert offered[0].isdisjoint(offered[1])


def recipient_of(app: App, who: dict[str, object]) -> int:
    return next(int(row["id"]) for row in rows(app, recipients) if row["email"] == who["email"])


def interrupted(app: App, act: Callable[[], object]) -> App:
    """The same engine, but for what happens while it renders its first mail."""
    plain, acted = app.renderer, list[object]()

    class Meddling:
        def template(self, name: str, locale: str, subject: str | None = None) -> object:
            if not acted:
                acted.append(True)
                act()
            return plain.template(name, locale, subject)

        def __getattr__(self, name: str) -> Any:
            return getattr(plain, name)

    renderer: Any = Meddling()
    return replace(app, renderer=renderer)


def test_a_mail_that_cannot_be_claimed_yet_takes_no_slot(open_app: Open, shop: Shop) -> None:
    """Its order changes while it is prepared: the other mail of the batch gets the only slot of the day."""
    one = {"caps": "[1 per 1d]", "quiet": "null"}
    shop.write(campaign("low", priority=10, **one), campaign("high", priority=90, **one))
    app = open_app()
    order(app, "1", ADA, [BIKE, HELMET])
    order(app, "2", ADA, [HELMET])
    clock_of(app).move_to(DUE)
    ids = [row["id"] for row in rows(app, sends)]
    deliver(interrupted(app, lambda: refund(app, "1", "BIKE")), ids)
    sent = [row for row in rows(app, sends) if row["state"] == "sent"]
    assert len(sent) == len(outbox(app).messages) == 1


def test_a_mail_whose_order_changes_while_it_is_prepared_is_made_anew(app: App) -> None:
    order(app, "1", ADA, [BIKE, HELMET])
    clock_of(app).move_to(DUE)
    run_due(interrupted(app, lambda: refund(app, "1", "BIKE")))
    assert outbox(app).messages == []
    run_until(app, DUE + HOUR)
    (mail,) = outbox(app).messages
    assert "Helmet" in mail.text
    assert "Road bike" not in mail.text


def test_two_workers_offer_a_person_different_products(open_app: Open, shop: Shop) -> None:
    """Both look at what she was offered before; the one that claims later sees the other's mail and begins anew."""
    offers = "recommend: {slots: 3, at_least: 1, fallback: [best_sellers]}, template: plain"
    shop.write(*(campaign(name).replace("template: plain", offers) for name in ("one", "two")))
    app = open_app()
    stock_up(app)
    for number, sku in enumerate(SHELF):
        order(app, f"past-{number}", customer(number, accepts_marketing=None), [{**HELMET, "sku": sku}])
    order(app, "1", ADA)
    clock_of(app).move_to(DUE)
    one, two = (row["id"] for row in rows(app, sends) if row["recipient_id"] == recipient_of(app, ADA))
    deliver(interrupted(app, lambda: deliver(app, [two])), [one])
    assert len(outbox(app).mails_to("ada@example.com")) == 1
    run_until(app, DUE + HOUR)
    assert len(outbox(app).mails_to("ada@example.com")) == 2
    offered = [{row["sku"] for row in rows(app, picks) if row["send_id"] == send_id} for send_id in (one, two)]
    assert [len(skus) for skus in offered] == [3, 3]
    assert offered[0].isdisjoint(offered[1])
