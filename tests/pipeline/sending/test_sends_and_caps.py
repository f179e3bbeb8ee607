"""Mails over a frequency cap wait, make way, or end; told from outside, on each kind of database."""

from datetime import UTC, datetime

from aftercart.db.tables import decisions, sends
from aftercart.pipeline.sending.dispatch import dispatch
from aftercart.testing import run_due, run_until
from tests.cast import (
    ADA,
    DAY,
    HELMET,
    HOUR,
    Shop,
    campaign,
    clock_of,
    customer,
    fates,
    order,
    rows,
)
from tests.pipeline.conftest import Open

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
"""10:00 in Paris, three days after Monday."""


def test_a_mail_over_the_cap_waits_for_the_exact_instant_and_goes(open_app: Open, shop: Shop) -> None:
    """T15, T18: the next slot is the oldest counted mail plus the window, and the held mail is not lost."""
    shop.write(campaign(caps="[1 per 1d]", quiet="null"))
    app = open_app()
    order(app, "1", ADA)
    order(app, "2", ADA, [HELMET])
    run_until(app, DUE)
    sent, held = sorted(rows(app, sends), key=lambda row: str(row["state"]), reverse=True)
    assert (held["state"], held["reason"], held["due_at"]) == ("scheduled", "frequency_cap", DUE + DAY)
    run_until(app, DUE + DAY)
    assert [row["sent_at"] for row in rows(app, sends) if row["id"] == held["id"]] == [DUE + DAY]
    assert sent["sent_at"] == DUE


def test_a_mail_whose_slot_comes_too_late_expires_and_says_so(open_app: Open, shop: Shop) -> None:
    """T18: every mail that a cap stopped ends with a reason."""
    shop.write(campaign(caps="[1 per 30d]", quiet="null"))
    app = open_app()
    order(app, "1", ADA)
    order(app, "2", ADA, [HELMET])
    run_until(app, DUE)
    assert sorted(fates(app)) == [("sent", "sent"), ("skipped", "expired")]
    why = [row["inputs"]["stops"] for row in rows(app, decisions) if row["reason"] == "expired"]
    assert why == [["frequency_cap"]]


def test_a_batch_in_which_everybody_is_capped_ends_in_one_pass(open_app: Open, shop: Shop) -> None:
    """T17: deferred mails are not due any more, so the same batch is not read for ever."""
    shop.write(campaign(caps="[1 per 1d]", quiet="null", valid_for="10d"))
    app = open_app()
    for number in range(5):
        order(app, f"a{number}", customer(number))
        order(app, f"b{number}", customer(number), [HELMET])
    clock_of(app).move_to(DUE)
    run_due(app)
    assert dispatch(app) == 0
    assert sorted(fates(app)) == [("scheduled", "frequency_cap")] * 5 + [("sent", "sent")] * 5
    told = [row["reason"] for row in rows(app, decisions)]
    assert told.count("frequency_cap") == 5


def test_a_mail_deferred_for_one_reason_is_recorded_once(open_app: Open, shop: Shop) -> None:
    """T19: a mail that goes on waiting writes nothing."""
    shop.write(campaign(status="active"))
    app = open_app()
    order(app, "1", ADA)
    shop.write(campaign(), brand="paused: true\n")
    paused = open_app(DUE, hold_after_hours=24)
    run_until(paused, DUE + 6 * HOUR)
    assert [row["reason"] for row in rows(app, decisions)] == ["enrolled", "paused"]


def test_two_places_are_enough_for_two_mails_of_one_batch(open_app: Open, shop: Shop) -> None:
    """The more important mail, which has its slot already, is not waited for as well."""
    two = {"caps": "[2 per 1d]", "quiet": "null"}
    shop.write(campaign("low", priority=10, **two), campaign("high", priority=90, **two))
    app = open_app()
    order(app, "1", ADA)
    run_until(app, DUE)
    assert fates(app) == [("sent", "sent"), ("sent", "sent")]


def test_the_more_important_mail_gets_the_only_slot(open_app: Open, shop: Shop) -> None:
    one = {"caps": "[1 per 1d]", "quiet": "null"}
    shop.write(campaign("low", priority=10, **one), campaign("high", priority=90, at='"12:00"', **one))
    app = open_app()
    order(app, "1", ADA)
    run_until(app, DUE + 5 * HOUR)
    by_campaign = {row["campaign"]: (row["state"], row["reason"]) for row in rows(app, sends)}
    assert by_campaign == {"low": ("scheduled", "frequency_cap"), "high": ("sent", "sent")}


def test_a_mail_does_not_make_way_for_one_that_will_not_go(open_app: Open, shop: Shop) -> None:
    """Both mails of the more important campaign fall on Monday at ten, so the first of them goes to nobody."""
    two = {"caps": "[2 per 1d]", "quiet": "null"}
    second = '  - {id: second, after: 4d, at: "10:00", valid_for: 3d, template: plain}'
    low = campaign("low", priority=10, after="5d", at='"09:00"', **two)
    shop.write(low, campaign("high", priority=90, more_steps=second, **two), brand="send_on: [mon-fri]\n")
    wednesday, monday = DUE - DAY, DUE + 4 * DAY
    app = open_app(wednesday)
    order(app, "1", ADA)
    run_until(app, monday)
    fate_of = {(row["campaign"], row["step"]): (row["reason"], row["sent_at"]) for row in rows(app, sends)}
    assert fate_of == {
        ("low", "complements"): ("sent", monday - HOUR),
        ("high", "complements"): ("expired", None),
        ("high", "second"): ("sent", monday),
    }


def test_a_mail_that_a_pause_holds_does_not_hold_others(open_app: Open, shop: Shop) -> None:
    one = {"caps": "[1 per 1d]", "quiet": "null"}
    low, high = campaign("low", priority=10, **one), campaign("high", priority=90, **one)
    shop.write(low, high)
    order(open_app(), "1", ADA)
    shop.write(low, high.replace("status: active", "status: paused"))
    app = open_app(DUE)
    run_due(app)
    by_campaign = {row["campaign"]: (row["state"], row["reason"]) for row in rows(app, sends)}
    assert by_campaign == {"low": ("sent", "sent"), "high": ("scheduled", "campaign_paused")}
