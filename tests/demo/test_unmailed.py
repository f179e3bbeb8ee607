"""Every order that came in and got no mail is listed, with the reason."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import insert, update

from aftercart.db.tables import decisions, sends
from aftercart.demo.unmailed import unmailed_orders
from aftercart.demo.why import why_order
from tests.rows import MONDAY, Rows, a_database


def _end(rows: Rows, order_id: int, recipient_id: int, state: str, reason: str | None) -> None:
    send_id = rows.send(order_id, recipient_id, sent_at=None)
    with rows.db.write() as connection:
        connection.execute(update(sends).where(sends.c.id == send_id).values(state=state, reason=reason))


def _refuse(rows: Rows, order_id: int, campaign: str, reason: str) -> None:
    decision = {"at": MONDAY, "stage": "enroll", "campaign": campaign, "order_id": order_id, "outcome": "skip"}
    with rows.db.write() as connection:
        connection.execute(insert(decisions), {**decision, "reason": reason, "inputs": {}})


def test_orders_are_told_with_the_reason_that_says_most(tmp_path: Path) -> None:
    rows = Rows(a_database(tmp_path))
    ada, ben = rows.recipient(), rows.recipient("ben@example.com")
    mailed, skipped, waiting, refused, guest, unseen = (
        rows.order(who, MONDAY + timedelta(hours=hour)) for hour, who in enumerate((ada, ben, ada, ben, None, ada))
    )
    rows.order(ada, imported=True)
    rows.send(mailed, ada)
    _end(rows, skipped, ben, "skipped", "no_consent")
    _end(rows, waiting, ada, "scheduled", None)
    for campaign, reason in (("bikes", "not_in_audience"), ("accessories", "order_too_old")):
        _refuse(rows, refused, campaign, reason)
    _refuse(rows, guest, "bikes", "not_in_audience")
    told = unmailed_orders(rows.db)
    assert [(order.number, order.reason, order.waits) for order in told] == [
        (unseen, "undecided", True),
        (guest, "not_in_audience", False),
        (refused, "order_too_old", False),
        (waiting, "waiting", True),
        (skipped, "no_consent", False),
    ], "the newest first"
    assert told[1].recipient == ""
    assert told[3].sentence == "Due on 2 Mar 2026, 10:00 UTC."
    assert told[4].sentence == "The person has not agreed to marketing mail."
    assert told[4].recipient == "ben@example.com"
    rows.db.close()


def test_an_order_that_no_campaign_took_is_explained_by_all_of_them(tmp_path: Path) -> None:
    rows = Rows(a_database(tmp_path))
    order_id = rows.order(rows.recipient())
    other_shop = rows.order(rows.recipient("ben@example.com"), shop="shopify", shop_order_id="1001")
    for campaign in ("bikes", "accessories"):
        _refuse(rows, order_id, campaign, "order_too_old")
    _refuse(rows, other_shop, "bikes", "no_email")
    told = why_order(rows.db)(order_id)
    assert [(step["stage"], step["outcome"]) for step in told] == [
        ("Order", ""),
        ("Enrollment", "order_too_old"),
        ("Enrollment", "order_too_old"),
    ], "and not by what became of another shop's order of the same number"
    assert {step["campaign"] for step in told[1:]} == {"bikes", "accessories"}
    rows.db.close()
