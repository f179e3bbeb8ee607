"""The two "why" pages say what the database says."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from sqlalchemy import insert

from aftercart.db.tables import decisions, picks, products
from aftercart.demo.telling import described_decisions, described_picks
from aftercart.demo.why import why_mail, why_products
from aftercart.reports.words import in_words
from tests.rows import MONDAY, Rows, a_database

FACTS = {
    "local_time": "2026-03-02T21:00:00+09:00",
    "valid_until": "2026-03-05T01:00:00+00:00",
    "zone": "Asia/Tokyo",
    "zone_from": "recipient",
    "consent": "granted",
    "anchors_left": 1,
    "stops": ["quiet_hours"],
    "picks": 2,
    "filtered": {"alike": 1, "substitute": 8},
}


def test_products_are_explained_in_the_order_of_their_slots(tmp_path: Path) -> None:
    db = a_database(tmp_path)
    rows = Rows(db)
    ada = rows.recipient()
    send_id = rows.send(rows.order(ada), ada)
    with db.write() as connection:
        for sku, title in (("BIKE", "Road Bike, Red"), ("HELMET", "Aero Helmet")):
            product = {"sku": sku, "title": title, "price_minor": 14_900, "currency": "EUR", "image_url": f"/{sku}.png"}
            blank = dict.fromkeys(("category", "department", "brand", "family", "color", "description", "url"), "")
            connection.execute(insert(products), {**blank, **product, "published": True, "updated_at": MONDAY})
        chosen = {"send_id": send_id, "because": "BIKE", "source": "lightfm", "score": 2.5}
        facts = {"orders": 411, "orders_together": 212, "rank": 1}
        gone = {"slot": 1, "sku": "GONE", "title": "No longer sold", "because": "", "evidence": {}}
        connection.execute(insert(picks), {**chosen, **gone})
        connection.execute(
            insert(picks), {**chosen, "slot": 0, "sku": "HELMET", "title": "Aero Helmet", "evidence": facts}
        )
    helmet, gone_one = described_picks(why_products(db)(send_id))
    assert (helmet["title"], helmet["because_title"], helmet["price"]) == ("Aero Helmet", "Road Bike, Red", "€149.00")
    assert helmet["image_url"] == "/HELMET.png"
    assert helmet["source"] == "Chosen by the model"
    assert helmet["lines"] == [
        "Bought together in 212 of the 411 past orders that hold this product.",
        "Product HELMET, number 1 of all by score (2.5).",
    ]
    assert (gone_one["title"], gone_one["because_title"], gone_one["price"]) == ("No longer sold", "", "")
    assert why_products(db)(uuid4()) == []
    db.close()


def test_a_mail_is_explained_from_its_order_to_its_click_without_the_story_of_other_campaigns(tmp_path: Path) -> None:
    db = a_database(tmp_path)
    rows = Rows(db)
    ada = rows.recipient()
    order_id = rows.order(ada)
    send_id = rows.send(order_id, ada)
    morning = MONDAY + timedelta(hours=14)
    with db.write() as connection:
        about = {"campaign": "accessories", "order_id": order_id, "send_id": send_id, "stage": "gate"}
        held = {"at": MONDAY + timedelta(hours=12), "outcome": "defer", "reason": "quiet_hours", "until": morning}
        let_go = {"at": morning, "outcome": "allow", "reason": "allowed", "until": None}
        other = {**let_go, "campaign": "reviews", "send_id": None, "stage": "enroll", "reason": "not_in_audience"}
        for decision in (held, let_go, other):
            connection.execute(insert(decisions), {**about, **decision, "inputs": FACTS})
    rows.click(send_id, ada, morning + timedelta(hours=1))
    steps = described_decisions(why_mail(db)(send_id))
    assert [step["stage"] for step in steps] == ["Order", "Decision", "Decision", "Click"]
    assert [step["mood"] for step in steps] == ["plain", "wait", "good", "plain"]
    assert steps[0]["lines"] == ["Worth €100.00."]
    assert (
        "Left out: 1 nearly the same as another pick, 8 an alternative to what was bought, not an addition."
        in (steps[1]["lines"])
    )
    assert steps[1]["lines"] == in_words("gate", FACTS), "the words of `aftercart explain`"
    assert steps[3]["sentence"] == "A link was opened by a person, as far as one can tell."
    assert "too early or too late" in steps[1]["sentence"]
    assert why_mail(db)(uuid4()) == []
    db.close()
