"""A campaign is edited, paused, broken or gone while its mails are planned."""

from datetime import UTC, datetime

from aftercart.db.tables import decisions, enrollments, sends
from aftercart.testing import run_due, run_until
from tests.cast import (
    ADA,
    CHIKA,
    DAY,
    HOUR,
    MONDAY,
    Shop,
    campaign,
    customer,
    fates,
    order,
    outbox,
    rows,
)
from tests.pipeline.conftest import Open

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
"""10:00 in Paris, three days after Monday."""


def test_an_edit_that_changes_nothing_keeps_the_schedule(open_app: Open, shop: Shop) -> None:
    """T45"""
    app = open_app()
    order(app, "1", ADA)
    before = rows(app, sends)
    shop.write("# only a comment\n" + campaign(after="72h").replace("after: 72h", "after: 3d"))
    again = open_app(MONDAY + HOUR)
    order(again, "1", ADA)
    run_until(again, DUE - HOUR)
    assert rows(again, sends) == before


def test_an_edited_delay_holds_for_orders_that_enter_from_then_on(open_app: Open, shop: Shop) -> None:
    """T45, with numbers: what is planned for Thursday 10:00 stays there, the next order's mail comes two days later."""
    first = open_app()
    order(first, "1", ADA)
    shop.write(campaign(after="5d"))
    app = open_app(MONDAY + HOUR)
    order(app, "1", ADA)  # the shop tells of it again, which changes nothing
    order(app, "2", CHIKA)
    planned = [row["due_at"] for row in rows(app, sends)]
    assert planned == [DUE, datetime(2026, 3, 8, 1, tzinfo=UTC)]  # 10:00 on Sunday, after Monday 24:00 in Tokyo
    assert len({row["campaign_version"] for row in rows(app, enrollments)}) == 2
    run_until(app, MONDAY + 10 * DAY)
    assert [row["sent_at"] for row in rows(app, sends)] == planned


def test_a_mail_whose_step_was_removed_is_canceled(open_app: Open, shop: Shop) -> None:
    order(open_app(), "1", ADA)
    shop.write(campaign().replace("id: complements", "id: other"))
    app = open_app(DUE)
    run_due(app)
    assert fates(app) == [("canceled", "campaign_inactive")]


def test_a_mail_whose_campaign_was_made_a_draft_is_canceled(open_app: Open, shop: Shop) -> None:
    order(open_app(), "1", ADA)
    shop.write(campaign(status="draft"))
    app = open_app(DUE)
    run_due(app)
    assert fates(app) == [("canceled", "campaign_inactive")]


def test_a_campaign_file_that_is_gone_for_a_moment_loses_no_mail(open_app: Open, shop: Shop) -> None:
    """Editors save, and deployments deploy, by removing a file and writing it anew."""
    order(open_app(), "1", ADA)
    shop.write()
    app = open_app(DUE)
    run_due(app)
    assert fates(app) == [("scheduled", "campaign_missing")]
    shop.write(campaign())
    again = open_app(DUE)
    run_until(again, DUE + HOUR)
    assert fates(again) == [("sent", "sent")]


def test_the_mails_of_a_campaign_that_never_comes_back_expire(open_app: Open, shop: Shop) -> None:
    shop.write(campaign(valid_for="4h"))
    order(open_app(), "1", ADA)
    shop.write()
    app = open_app(DUE)
    run_until(app, DUE + DAY)
    assert fates(app) == [("skipped", "expired")]
    assert outbox(app).messages == []
    assert [row["reason"] for row in rows(app, decisions)] == ["enrolled", "campaign_missing", "expired"]


def test_a_paused_campaign_waits_and_goes_on_with_each_mail_once(open_app: Open, shop: Shop) -> None:
    """T02: a pause in the middle doubles nothing and loses nothing."""
    app = open_app()
    order(app, "1", ADA)
    order(app, "2", customer(2), placed_at=(MONDAY + HOUR).isoformat())
    order(app, "3", CHIKA)
    run_until(app, DUE - HOUR)  # Chika has hers
    shop.write(campaign(status="paused"))
    paused = open_app(DUE, hold_after_hours=24)
    run_until(paused, DUE + 5 * HOUR)
    assert outbox(paused).messages == []
    assert fates(paused).count(("scheduled", "campaign_paused")) == 2
    shop.write(campaign())
    resumed = open_app(DUE + 5 * HOUR, hold_after_hours=24)
    run_until(resumed, DUE + DAY)
    assert sorted(mail.recipient for mail in outbox(resumed).messages) == ["ada@example.com", "customer2@example.com"]
    assert [mail.recipient for mail in outbox(app).messages] == ["chika@example.com"]


def test_a_broken_template_holds_its_mails_until_it_is_mended(open_app: Open, shop: Shop) -> None:
    order(open_app(), "1", ADA)
    mended = (shop.folder / "templates" / "plain" / "body.mjml").read_text()
    shop.template("plain", mended.replace("recipient.first_name", "recipient.nickname"))
    app = open_app(DUE)
    run_until(app, DUE + HOUR)
    assert fates(app) == [("scheduled", "template_error")]
    errors = [row["inputs"]["error"] for row in rows(app, decisions) if row["reason"] == "template_error"]
    assert len(errors) == 1
    assert "nickname" in errors[0]
    shop.template("plain", mended)
    again = open_app(DUE + HOUR)
    run_until(again, DUE + 2 * HOUR)
    assert len(outbox(again).mails_to("ada@example.com")) == 1
