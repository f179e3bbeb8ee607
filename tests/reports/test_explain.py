"""Why did Ada get this mail, or not get it? By the name of an order, a send or a person."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import sends
from aftercart.delivery.base import Outcome
from aftercart.demo.unmailed import unmailed_orders
from aftercart.policy.reason import ASKED_AGAIN, Reason
from aftercart.recommendation.asking.guards import Guard
from aftercart.recommendation.models.blend import Component
from aftercart.reports.explain import KINDS, Explanation, explain
from aftercart.reports.words import CLICKS, GUARDS, KEPT, PARTS, TELL, answer_in_words, in_words
from aftercart.testing import engine, run_until
from aftercart.tracking.bots import Verdict
from tests.cast import (
    ADA,
    BEN,
    HELMET,
    HOUR,
    MONDAY,
    Shop,
    answer,
    campaign,
    click,
    clock_of,
    customer,
    leave,
    only_send,
    order,
    outbox,
    refund,
    rows,
    stock_up,
    tell,
    tell_woocommerce,
)
from tests.intake.payloads import woo_order

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    shop = Shop(tmp_path / "shop").write(campaign())
    with engine(tmp_path, SteppedClock(MONDAY), **shop.files) as app:
        yield app


def explained(app: App, name: str) -> Explanation:
    with app.db.read() as connection:
        return explain(connection, name)


def sentences(app: App, order_id: str) -> list[str]:
    (story,) = explained(app, order_id).orders
    return [moment.sentence for moment in story.moments]


def test_the_story_of_a_sent_mail_is_told_in_order(app: App) -> None:
    order(app, "1001", ADA)
    run_until(app, DUE)
    assert sentences(app, "1001") == [
        "The order was placed.",
        "Webhook “order.completed” came in and was processed.",
        "The order entered the campaign.",
        "Nothing spoke against the mail; it was prepared and claimed for sending.",
        "Attempt 1 by recording: The mail was handed to the mail provider.",
    ]


def test_a_mail_tells_where_it_stands_now(app: App) -> None:
    order(app, "1001", ADA)
    (story,) = explained(app, "1001").orders
    assert [send.sentence for send in story.sends] == ["Due at 2026-03-05 09:00 UTC."]
    entered = next(moment for moment in story.moments if moment.kind == "enroll")
    assert in_words("enroll", entered.facts) == [
        "The mail “complements” is planned for 5 March 2026, 10:00 (Europe/Paris: their own time zone), "
        "worth sending until 8 March 2026, 10:00."
    ]
    run_until(app, DUE)
    (story,) = explained(app, "1001").orders
    assert [(send.state, send.sentence) for send in story.sends] == [
        ("sent", "The mail was handed to the mail provider.")
    ]
    assert explained(app, story.sends[0].send_id).orders[0].sends == story.sends


def test_a_mail_that_is_planned_for_later_than_its_delay_says_tells_why(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop").write(campaign(), brand="not_on: [2026-03-05]\n")
    with engine(tmp_path, SteppedClock(MONDAY), **shop.files) as app:
        order(app, "1001", ADA)
        (story,) = explained(app, "1001").orders
    entered = next(moment for moment in story.moments if moment.kind == "enroll")
    assert in_words("enroll", entered.facts) == [
        "The mail “complements” is planned for 6 March 2026, 10:00 (Europe/Paris: their own time zone), "
        "worth sending until 9 March 2026, 10:00.",
        "Quiet hours: 21:00-08:00.",
        "No mail goes out on 2026-03-05.",
    ]


def test_each_time_that_a_mail_waits_longer_is_told(tmp_path: Path) -> None:
    """A cap, and then, because another campaign's mail was faster, the same cap once more."""
    one: dict[str, Any] = {"caps": "[1 per 1d]", "quiet": "null", "valid_for": "5d"}
    shop = Shop(tmp_path / "shop").write(campaign(**one), campaign("fast", priority=90, **one))
    with engine(tmp_path, SteppedClock(MONDAY), **shop.files) as app:
        order(app, "1001", ADA)
        clock_of(app).step(HOUR)
        order(app, "1002", ADA, [HELMET])
        run_until(app, DUE + timedelta(days=4))
        waits = [
            (moment.send_id, moment.facts["until"])
            for story in explained(app, "ada@example.com").orders
            for moment in story.moments
            if "until" in moment.facts
        ]
        assert len(waits) == len(set(waits)) == 6, "of four mails the last waits three times"


def test_a_mail_in_doubt_says_so(app: App) -> None:
    order(app, "1001", ADA)
    outbox(app).answers["ada@example.com"] = [answer(Outcome.UNKNOWN, "connection lost after the body")]
    run_until(app, DUE)
    (story,) = explained(app, "1001").orders
    assert "nobody knows whether it went" in story.moments[-1].sentence
    assert "nobody knows whether it went" in story.sends[0].sentence


def test_a_refund_is_told_as_what_took_the_mail_back(app: App) -> None:
    order(app, "1001", ADA)
    clock_of(app).step(HOUR)
    refund(app, "1001")
    assert sentences(app, "1001")[-2:] == [
        "The whole order was refunded.",
        "The order was refunded in full.",
    ]


def test_a_mail_that_did_not_go_says_why_and_on_what_facts(app: App) -> None:
    order(app, "1001", BEN)
    run_until(app, DUE)
    (story,) = explained(app, "1001").orders
    last = story.moments[-1]
    assert (last.reason, last.sentence) == ("no_consent", "The person has not agreed to marketing mail.")
    assert last.facts["consent"] == "denied"
    assert last.facts["local_time"] == "2026-03-05T10:00:00+01:00"


def test_a_mail_that_expired_says_what_kept_it(tmp_path: Path) -> None:
    text = campaign(caps="[1 per 1d]", valid_for="5h")
    with engine(tmp_path, SteppedClock(MONDAY), **Shop(tmp_path / "shop").write(text).files) as app:
        order(app, "1001", ADA)
        order(app, "1002", ADA)
        run_until(app, DUE)
        (late,) = (s for s in explained(app, "ada@example.com").orders if s.sends[0].reason == "expired")
        kept = "It could not go out while it was still worth sending: the frequency caps held it until then."
        assert late.moments[-1].sentence == late.sends[0].sentence == kept
        assert not any("Besides" in line for line in in_words("gate", late.moments[-1].facts))
        assert unmailed_orders(app.db)[0].sentence == kept


def test_whatever_makes_a_mail_wait_has_words_for_the_mail_that_expires_over_it() -> None:
    waits = ASKED_AGAIN | {Reason.QUIET_HOURS, Reason.FREQUENCY_CAP, Reason.OUTRANKED}
    assert waits <= set(KEPT)
    paused = answer_in_words("expired", "paused")
    assert paused == ("It could not go out while it was still worth sending: all sending was switched off until then.")


def test_who_left_with_one_click_is_not_said_never_to_have_agreed(app: App) -> None:
    order(app, "1001", ADA)
    run_until(app, DUE)
    sent = only_send(app)
    leave(app, sent["recipient_id"], sent["id"])
    order(app, "1002", {**ADA, "accepts_marketing": None}, [HELMET])
    run_until(app, DUE + timedelta(days=9))
    (story,) = explained(app, "1002").orders
    assert story.sends[0].sentence == "The person has unsubscribed."
    assert in_words("gate", story.moments[-1].facts)[-1] == "Besides: The person has not agreed to marketing mail."


def test_an_order_that_waits_for_its_payment_says_so(app: App) -> None:
    tell_woocommerce(app, "order.created", woo_order(status="on-hold", date_paid_gmt=None))
    assert sentences(app, "812")[-1] == "The order is not paid or not completed yet."


def test_a_send_is_explained_without_its_neighbors(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop").write(campaign("one"), campaign("two"))
    with engine(tmp_path, SteppedClock(MONDAY), **shop.files) as app:
        order(app, "1001", ADA)
        run_until(app, DUE)
        one, two = rows(app, sends)
        (story,) = explained(app, str(one["id"])).orders
        named = {moment.send_id for moment in story.moments}
        assert str(one["id"]) in named
        assert str(two["id"]) not in named


def test_a_person_is_explained_with_what_they_said_and_all_their_orders(app: App) -> None:
    order(app, "1001", ADA)
    run_until(app, DUE)
    sent = only_send(app)
    clock_of(app).step(HOUR)
    click(app, outbox(app).messages[0])
    leave(app, sent["recipient_id"], sent["id"])
    clock_of(app).step(HOUR)
    order(app, "1002", {**ADA, "accepts_marketing": None}, [HELMET])
    found = explained(app, " Ada@Example.com ")
    assert [story.order_id for story in found.orders] == ["1002", "1001"]
    (person,) = found.people
    assert [moment.kind for moment in person.moments] == ["consent", "consent", "suppression"]
    assert any(moment.kind == "click" for moment in found.orders[1].moments)
    assert found.orders[0].moments[-1].kind == "attribution"


def test_a_person_is_found_by_an_address_of_any_script(app: App) -> None:
    order(app, "1001", {**ADA, "email": "jörg@exämple.de"})
    for name in ("jörg@exämple.de", "JÖRG@Exämple.DE", "jörg@xn--exmple-cua.de"):
        assert [story.order_id for story in explained(app, name).orders] == ["1001"]


def test_an_order_may_bear_a_uuid_or_an_at_sign(app: App) -> None:
    """Shops number their orders as they like."""
    for order_id in (str(uuid4()), uuid4().hex, "2026@77"):
        order(app, order_id, ADA)
        assert [story.order_id for story in explained(app, order_id).orders] == [order_id]


def test_a_webhook_that_never_became_an_order_is_found_by_its_order(app: App) -> None:
    tell(app, "order.refunded", {"order_id": "1001"})
    found = explained(app, "1001")
    assert found.orders == ()
    assert [moment.sentence for moment in found.events] == ["Webhook “order.refunded” of generic: processed."]


@pytest.mark.parametrize("name", ["1001", "nobody@example.com", "0198c2e4-7a10-7000-8000-000000000000", "", " "])
def test_nothing_goes_by_an_unknown_name(app: App, name: str) -> None:
    assert not explained(app, name)


def test_an_explanation_survives_json(app: App) -> None:
    order(app, "1001", ADA)
    refund(app, "1001", "HELMET")
    clock_of(app).step(timedelta(minutes=1))
    run_until(app, DUE)
    for name in ("1001", "ada@example.com", str(only_send(app)["id"])):
        plain = explained(app, name).plain()
        assert json.loads(json.dumps(plain)) == json.loads(json.dumps(plain, default=str))
        assert plain["orders"][0]["order_id"] == "1001"


# ---------------------------------------------------------------- in words


def test_the_facts_of_a_refusal_are_sentences(app: App) -> None:
    order(app, "1001", BEN)
    run_until(app, DUE)
    (story,) = explained(app, "1001").orders
    assert in_words("gate", story.moments[-1].facts) == [
        "Where they live it was 5 March 2026, 10:00 (Europe/Paris: their own time zone).",
        "Worth sending until 8 March 2026, 10:00.",
        "Consent to marketing mail: denied.",
        "Quiet hours: 21:00-08:00.",
    ]


def test_who_never_said_anything_is_told_with_where_a_yes_would_come_from(app: App) -> None:
    paid = {"date_created_gmt": MONDAY.isoformat(), "date_paid_gmt": MONDAY.isoformat(), "date_modified_gmt": None}
    tell_woocommerce(app, "order.created", woo_order(**paid))
    order(app, "1001", {**ADA, "accepts_marketing": None})
    run_until(app, MONDAY + timedelta(days=4))
    for order_id, words in (("812", "order meta `accepts_marketing`"), ("1001", "`accepts_marketing: true`")):
        (story,) = explained(app, order_id).orders
        assert story.moments[-1].reason == "no_consent"
        told = " ".join(in_words("gate", story.moments[-1].facts))
        assert "they never said anything." in told
        assert words in told
        assert "docs/consent.md" in told


def test_a_pick_goes_with_a_product_by_its_name_also_where_the_order_gave_none(tmp_path: Path) -> None:
    offers = "recommend: {slots: 1, at_least: 1}, template: plain"
    text = campaign().replace("template: plain", offers)
    with engine(tmp_path, SteppedClock(MONDAY), **Shop(tmp_path / "shop").write(text).files) as app:
        stock_up(app)
        for number in range(3):
            order(app, f"past{number}", customer(number), [HELMET, {**HELMET, "sku": "LAMP"}])
        order(app, "1001", ADA, [{**HELMET, "title": ""}])
        run_until(app, DUE)
        assert any("because “Helmet” was bought" in sentence for sentence in sentences(app, "1001"))


def test_a_quantity_is_a_whole_number_where_it_is_one(app: App) -> None:
    order(app, "1001", ADA, [{**HELMET, "quantity": 6}])
    tell(app, "order.refunded", {"order_id": "1001", "lines": [{"sku": "HELMET", "quantity": 5}]})
    (story,) = explained(app, "1001").orders
    told = [line for moment in story.moments for line in in_words(moment.kind, moment.facts)]
    assert "Quantity: 5." in told


def test_the_facts_of_an_order_that_stayed_out_are_sentences(tmp_path: Path) -> None:
    bikes_only = campaign().replace("trigger: order.completed", "trigger: order.completed\naudience: {country: [DE]}")
    with engine(tmp_path, SteppedClock(MONDAY), **Shop(tmp_path / "shop").write(bikes_only).files) as app:
        order(app, "1001", ADA)
        (story,) = explained(app, "1001").orders
        assert in_words("enroll", story.moments[-1].facts) == [
            "Bought: BIKE.",
            "Worth €900.00.",
            "Ordered 2 March 2026, 14:00 UTC.",
            "Sent to FR.",
        ]


def test_caps_picks_and_other_stops_are_told(tmp_path: Path) -> None:
    offers = "recommend: {slots: 3, at_least: 1, fallback: [best_sellers]}, template: plain"
    text = campaign(caps="[1 per 1d]", valid_for="5h").replace("template: plain", offers)
    with engine(tmp_path, SteppedClock(MONDAY), **Shop(tmp_path / "shop").write(text).files) as app:
        stock_up(app)
        order(app, "past", customer(9, accepts_marketing=None), [HELMET])
        order(app, "1001", ADA)
        order(app, "1002", ADA)
        run_until(app, DUE)
        told = {
            (moment.kind, line)
            for story in explained(app, "ada@example.com").orders
            for moment in story.moments
            for line in in_words(moment.kind, moment.facts)
        }
        assert ("gate", "At most 1 per 1d; counted so far: none.") in told
        assert ("gate", "At most 1 per 1d; counted so far: 1 (5 March 2026, 10:00).") in told
        assert ("gate", "Products found to recommend: 1.") in told
        assert ("attempt", "The provider said: 250 ok") in told
        picked = {m.sentence for s in explained(app, "ada@example.com").orders for m in s.moments if m.kind == "pick"}
        assert picked == {"Slot 1: “Helmet” (a best seller)."}


def test_a_person_is_told_what_they_were_offered_and_until_when_it_is_not_offered_again(tmp_path: Path) -> None:
    recommends = campaign(template="plain, recommend: {slots: 2, fallback: [best_sellers]}")
    shop = Shop(tmp_path / "shop").write(recommends)
    with engine(tmp_path, SteppedClock(MONDAY), **shop.files) as app:
        stock_up(app, ("BIKE", "LAMP"))
        order(app, "past", {"email": "past@example.com"}, [{**HELMET, "sku": "LAMP"}])
        order(app, "1001", ADA)
        run_until(app, DUE)
        (person,) = explained(app, "ada@example.com").people
    (offer,) = [moment for moment in person.moments if moment.kind == "offer"]
    assert offer.at == DUE
    assert offer.sentence == "“Lamp” (LAMP) was offered to them; no mail offers it again before 2026-05-04."


def test_what_was_left_out_is_told_in_the_guards_words() -> None:
    facts = {"picks": 1, "filtered": {"owned": 2, "near_duplicate": 1}, "model": "20260301T000000Z-1"}
    gate = {"local_time": MONDAY.isoformat(), "valid_until": MONDAY.isoformat(), "zone": "UTC", "consent": "granted"}
    told = in_words("gate", {**gate, **facts, "zone_from": "utc", "stops": ["frequency_cap", "outranked"]})
    assert "Products found to recommend: 1 (model 20260301T000000Z-1)." in told
    assert "Left out: 2 bought before, 1 nearly the same as what was bought." in told
    assert told[-1] == "Besides: A more important mail to the same person needs the slot."


def test_every_guard_has_words() -> None:
    assert {guard.value for guard in Guard} <= set(GUARDS)


def test_whatever_is_told_of_an_order_or_a_person_has_words() -> None:
    assert {*KINDS, "consent", "confirmation", "suppression", "preference", "refusal", "offer"} == set(TELL)


def test_every_verdict_about_a_click_has_words() -> None:
    assert set(get_args(Verdict.__annotations__["reason"])) == set(CLICKS)


def test_money_is_told_as_people_write_it_and_only_what_there_is(app: App) -> None:
    order(app, "1001", ADA)
    run_until(app, DUE)
    clock_of(app).step(HOUR)
    click(app, outbox(app).messages[0])
    clock_of(app).step(HOUR)
    order(app, "1002", {**ADA, "accepts_marketing": None}, [HELMET])
    (story,) = explained(app, "1002").orders
    assert in_words("order", story.moments[0].facts) == ["Worth €80.00."]
    assert in_words("attribution", story.moments[-1].facts) == ["Credited with €80.00."]
    refund(app, "1002")
    (credit,) = (moment for moment in explained(app, "1002").orders[0].moments if moment.kind == "attribution")
    assert in_words("attribution", credit.facts) == [
        "Credited with €80.00.",
        "Of that, €80.00 was taken back since.",
    ]


def test_what_was_sent_back_is_told_with_its_quantity_and_worth() -> None:
    facts = {"quantity": 5.0, "amount_minor": 4500, "currency": "EUR"}
    assert in_words("reversal", facts) == ["Quantity: 5.", "Worth €45.00."]
    assert in_words("reversal", {"quantity": None, "amount_minor": None, "currency": "EUR"}) == []


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        ({"orders": 411, "orders_together": 6}, "Bought together in 6 of the 411 past orders that hold this product."),
        ({"orders": 6, "orders_together": 6}, "Bought together in 6 past orders."),
        ({"orders": 1}, "Bought in 1 past order."),
    ],
)
def test_how_often_a_pick_was_bought_and_how_often_together_is_one_sentence(
    evidence: dict[str, int], told: str
) -> None:
    pick = {"sku": "HELMET", "score": 1.2345, "rank": 3}
    assert in_words("pick", {**pick, **evidence}) == [told, "Product HELMET, number 3 of all by score (1.23)."]


def test_the_parts_of_a_score_are_told_with_the_weightiest_first() -> None:
    pick = {"sku": "HELMET", "score": 2.6, "rank": 1, "orders": 3, "parts": {"followed": -0.4, "lightfm": 3.0}}
    told = in_words("pick", pick)[-1]
    assert told == "The score: +3.00 from the model (LightFM), -0.40 from what others bought next."


def test_every_part_of_a_score_has_its_words() -> None:
    assert set(PARTS) == set(Component)
