"""Mails for those who have not come back: a win-back, a replenishment. Whoever bought meanwhile is not written to."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.pipeline.sending.hand_over import hand_over
from aftercart.pipeline.sending.send import claim
from aftercart.testing import engine, run_until
from tests.cast import ADA, BIKE, DAY, HELMET, MONDAY, Shop, campaign, clock_of, fates, only_send, order, outbox, tell

CAMPAIGN = campaign("winback", after="30d", at="null", quiet="null")
DUE = MONDAY + 30 * DAY
Opened = Callable[[str], AbstractContextManager[App]]


@pytest.fixture
def opened(tmp_path: Path, database_url: str) -> Opened:
    """An engine whose one mail, 30 days after an order, is for those who have not bought this."""

    def open_(unless_bought: str) -> AbstractContextManager[App]:
        text = CAMPAIGN.replace("template: plain", f"template: plain, unless_bought: {unless_bought}")
        shop = Shop(tmp_path / "shop").write(text)
        return engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files)

    return open_


def test_who_has_ordered_meanwhile_is_written_to_about_their_last_order_alone(opened: Opened) -> None:
    with opened("anything") as app:
        order(app, "1", ADA, [BIKE])
        run_until(app, MONDAY + 10 * DAY)
        order(app, "2", ADA, [HELMET])
        run_until(app, DUE + 11 * DAY)
        assert sorted(fates(app)) == [("canceled", "bought_since"), ("sent", "sent")]
        assert [("Helmet" in mail.text) for mail in outbox(app).messages] == [True]


@pytest.mark.parametrize("ends", ["order.canceled", "order.refunded"])
def test_an_order_that_was_canceled_is_no_purchase_and_one_that_went_back_is(ends: str, opened: Opened) -> None:
    with opened("anything") as app:
        order(app, "1", ADA, [BIKE])
        run_until(app, MONDAY + 10 * DAY)
        order(app, "2", ADA, [HELMET])
        tell(app, ends, {"order_id": "2"})
        run_until(app, DUE + DAY)
        assert fates(app)[0] == (("sent", "sent") if ends == "order.canceled" else ("canceled", "bought_since"))


def test_an_order_one_moment_before_the_mail_counts_and_another_persons_does_not(opened: Opened) -> None:
    with opened("anything") as app:
        order(app, "1", ADA, [BIKE])
        order(app, "2", {**ADA, "id": "99", "email": "else@example.com"}, [BIKE])
        clock_of(app).step(30 * DAY)
        order(app, "3", ADA, [HELMET])
        run_until(app, DUE + DAY)
        assert [mail.recipient for mail in outbox(app).messages] == ["else@example.com"]


@pytest.mark.parametrize("address", ["ada@example.com", "ada@work.example"])
def test_an_order_between_the_claim_and_the_hand_over_recalls_the_mail(address: str, opened: Opened) -> None:
    with opened("anything") as app:
        order(app, "1", ADA, [BIKE])
        clock_of(app).step(30 * DAY)
        claimed = claim(app, [only_send(app)["id"]])
        assert len(claimed) == 1
        order(app, "2", {**ADA, "email": address}, [HELMET])
        hand_over(app, claimed)
        run_until(app, DUE + DAY)
        assert outbox(app).messages == []
        assert fates(app)[0] == ("canceled", "bought_since")


def test_what_the_same_account_bought_under_another_address_counts(opened: Opened) -> None:
    with opened("anything") as app:
        order(app, "1", ADA, [BIKE])
        run_until(app, MONDAY + 10 * DAY)
        order(app, "2", {"id": ADA["id"], "email": "ada@work.example"}, [HELMET])
        run_until(app, DUE + DAY)
        assert fates(app)[0] == ("canceled", "bought_since")


def test_what_was_bought_again_is_not_shown_and_where_all_was_there_is_no_mail(opened: Opened) -> None:
    with opened("the_same") as app:
        order(app, "1", ADA, [BIKE, HELMET])
        order(app, "2", {**ADA, "id": "99", "email": "else@example.com"}, [HELMET])
        run_until(app, MONDAY + 10 * DAY)
        order(app, "3", ADA, [HELMET])
        order(app, "4", {**ADA, "id": "99", "email": "else@example.com"}, [HELMET, BIKE])
        run_until(app, DUE + DAY)
        (mail,) = outbox(app).messages
        assert mail.recipient == "ada@example.com"
        assert ("Road bike" in mail.text, "Helmet" in mail.text) == (True, False)
        assert ("canceled", "bought_since") in fates(app)
