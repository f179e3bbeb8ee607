"""A mail comes back, or its reader complains: what becomes of the send and of the person."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db import inbox
from aftercart.db.tables import consents, enrollments, events, feedback, suppressions
from aftercart.delivery.base import Outcome
from aftercart.delivery.esp.from_url import esp_from_url
from aftercart.feedback.mailbox import mailbox_from_url
from aftercart.ids import new_id
from aftercart.pipeline.incoming.ingest import take_again, take_in
from aftercart.pipeline.recipients.collect import collect, store_mails
from aftercart.reports.explain import explain
from aftercart.testing import engine, run_due, run_until
from tests.cast import (
    ADA,
    DAY,
    HOUR,
    MONDAY,
    Shop,
    answer,
    campaign,
    clock_of,
    fates,
    only_send,
    order,
    outbox,
    rows,
)
from tests.feedback.letters import AWAY, FEEDBACK_LOOP, PERSON, POISON_MAIL, POSTFIX, letter
from tests.feedback.services import HOOKS, SETTING, Event
from tests.imap_server import imap_server
from tests.mail_services import fake_service
from tests.pipeline.recipients.mails_that_come_back import (
    FORGERY,
    FULL,
    bounce,
    effects,
    hook,
    mail_sent,
    reasons,
    shop_told,
)

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
BOTH = pytest.mark.parametrize("app", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def app(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[App]:
    url = f"sqlite:///{tmp_path / 'aftercart.db'}"
    if getattr(request, "param", "sqlite") == "postgresql":
        url = request.getfixturevalue("newest_postgres_url")
    with shop_told(tmp_path, url) as app:
        yield app


def story(app: App) -> list[str]:
    with app.db.read() as connection:
        told = explain(connection, "1")
    return [moment.sentence for moment in told.orders[0].moments if moment.kind == "feedback"]


def test_a_mail_carries_an_address_of_its_own_for_its_bounces(app: App) -> None:
    send_id = mail_sent(app)
    assert app.bounces is not None
    assert outbox(app).messages[0].bounce_to == app.bounces.of(send_id)


def test_who_leaves_by_mail_writes_to_that_address_and_gets_no_more_marketing(app: App) -> None:
    send_id = mail_sent(app)
    (message,) = outbox(app).messages
    assert f"<mailto:{message.bounce_to}?subject=unsubscribe>" in message.headers["List-Unsubscribe"]
    store_mails(app, [letter(PERSON, to=message.bounce_to).replace(b"Subject: Re: Goes well", b"Subject: unsubscribe")])
    take_in(app)
    assert [(row["email"], row["scope"], row["reason"]) for row in rows(app, suppressions)] == [
        ("ada@example.com", "brand", "unsubscribed")
    ]
    assert [row["state"] for row in rows(app, consents)] == ["granted", "denied"], "as if they had pressed a button"
    assert effects(app) == ["suppressed_unsubscribed"]
    assert only_send(app)["id"] == send_id
    assert story(app) == [
        "A mail to the bounce address told: the reader left, by a way beside our links. They get no more "
        "marketing mail."
    ]


@BOTH
def test_a_hard_bounce_ends_the_mail_and_the_address_is_never_mailed_again(app: App) -> None:
    bounce(app, mail_sent(app))
    send = only_send(app)
    assert (send["state"], send["reason"], send["counted_at"]) == ("bounced", "hard_bounce", None)
    assert reasons(app) == ["hard_bounce"]
    order(app, "2", ADA, placed_at=app.clock().isoformat())
    run_until(app, app.clock() + 5 * DAY)
    assert ("skipped", "suppressed") in fates(app)
    assert story(app) == [
        "A mail to the bounce address told: the mail came back, there is no such address. "
        "The mail has bounced. The address is not mailed any more."
    ]


def test_a_complaint_counts_at_once_and_is_told(app: App) -> None:
    bounce(app, mail_sent(app), FEEDBACK_LOOP)
    assert fates(app) == [("complained", "complained")]
    assert reasons(app) == ["complaint"]
    assert only_send(app)["counted_at"] is not None, "the mail has reached its reader"


@BOTH
def test_four_soft_bounces_in_a_row_cost_nothing_and_the_fifth_ends_it(app: App) -> None:
    """T50."""
    for number in range(1, 6):
        assert reasons(app) == []
        bounce(app, mail_sent(app, str(number)), **FULL)
        assert effects(app)[-1].split()[:2] == ["bounced", f"soft_bounce_{number}"]
    assert reasons(app) == ["soft_bounces"]


@BOTH
def test_a_mail_that_arrives_between_begins_the_count_anew(app: App) -> None:
    """T50."""
    for number in range(1, 4):
        bounce(app, mail_sent(app, str(number)), **FULL)
    hook(app, "postmark", Event("delivered", str(mail_sent(app, "4"))))
    for number in range(5, 8):
        bounce(app, mail_sent(app, str(number)), **FULL)
    assert effects(app)[-1] == "bounced soft_bounce_3"
    mail_sent(app, "8")
    clock_of(app).move_to(app.clock() + timedelta(days=6))  # nobody said so, but it has not come back either
    bounce(app, mail_sent(app, "9"), **FULL)
    assert effects(app)[-1] == "bounced soft_bounce_1"
    assert reasons(app) == []


def test_soft_bounces_long_ago_do_not_count(app: App) -> None:
    for number in range(1, 5):
        bounce(app, mail_sent(app, str(number)), **FULL)
    clock_of(app).move_to(app.clock() + timedelta(days=80))
    bounce(app, mail_sent(app, "5"), **FULL)
    assert reasons(app) == []


@pytest.mark.parametrize("name", ["postmark", "ses", "sendgrid"])
def test_an_event_told_ten_times_counts_once(app: App, name: str) -> None:
    """T49: services repeat themselves, with the same body or with another one around it."""
    send_id = mail_sent(app)
    for _ in range(10):
        hook(app, name, Event("soft", str(send_id), words="552 5.2.2 mailbox full"))
    assert effects(app) == ["bounced soft_bounce_1"]
    assert len(rows(app, events)) == 2


def test_a_notice_that_comes_by_two_ways_counts_once(app: App) -> None:
    send_id = mail_sent(app)
    bounce(app, send_id, **FULL)
    bounce(app, send_id, **FULL, headers="X-Another: way")
    assert effects(app) == ["bounced soft_bounce_1", "known_already"]


@BOTH
def test_reports_that_overtake_each_other_end_alike(app: App) -> None:
    send_id = str(mail_sent(app))
    for kind in ("hard", "delivered", "complaint"):
        hook(app, "brevo", Event(kind, send_id))
    assert fates(app) == [("complained", "complained")]
    hook(app, "brevo", Event("delivered", send_id, number=9))
    assert fates(app) == [("complained", "complained")]


@BOTH
def test_a_mail_in_doubt_is_settled_by_what_is_told_of_it(app: App) -> None:
    outbox(app).answers["ada@example.com"] = [answer(Outcome.UNKNOWN, "read timed out")]
    order(app, "1", ADA)
    run_until(app, DUE)
    assert fates(app) == [("unknown", "unknown_outcome")]
    hook(app, "resend", Event("delivered", str(only_send(app)["id"])))
    assert fates(app) == [("delivered", "delivered")]
    assert only_send(app)["sent_at"] is not None


@pytest.mark.parametrize(("kind", "fate"), [("open", "delivered"), ("taken", "settled_sent"), ("hard", "hard_bounce")])
def test_whatever_a_service_tells_of_a_mail_in_doubt_settles_it(app: App, kind: str, fate: str) -> None:
    outbox(app).answers["ada@example.com"] = [answer(Outcome.UNKNOWN, "read timed out")]
    order(app, "1", ADA)
    run_until(app, DUE)
    hook(app, "mailgun", Event(kind, str(only_send(app)["id"])))
    assert [reason for _, reason in fates(app)] == [fate]
    assert only_send(app)["sent_at"] == DUE


def test_what_a_service_counts_of_a_mail_that_has_gone_fills_no_table(app: App) -> None:
    """Opens and clicks; that it has a mail we have from its answer."""
    hook(app, "postmark", Event("open", str(mail_sent(app))))
    assert (fates(app), rows(app, feedback)) == ([("sent", "sent")], [])


def test_a_mail_that_a_service_took_and_refused_in_one_breath_is_not_sent_twice(app: App) -> None:
    """It answered 503, so the mail waits to be tried again; then its delivery is told."""
    outbox(app).answers["ada@example.com"] = [answer(Outcome.DEFERRED, "503", fault_is_ours=True)]
    order(app, "1", ADA)
    run_until(app, DUE)
    send = only_send(app)
    assert send["state"] == "scheduled"
    hook(app, "postmark", Event("delivered", str(send["id"])))
    assert fates(app) == [("delivered", "delivered")]
    assert rows(app, enrollments)[0]["state"] == "completed"
    run_until(app, DUE + 6 * HOUR)
    assert outbox(app).messages == []


@pytest.mark.parametrize("name", HOOKS)
def test_what_a_service_was_given_comes_back_by_its_webhook(tmp_path: Path, name: str) -> None:
    """The send's id survives the way out and back, where it travels as metadata and where it travels as a tag."""
    shop = Shop(tmp_path / "shop").write(campaign(quiet="null"))
    with fake_service(name) as service:
        sender = esp_from_url(service.url, {})
        settings: dict[str, Any] = {"esp_webhook_secrets": SETTING, "base_url": "https://mail.shop.example"}
        with engine(tmp_path, SteppedClock(MONDAY), sender=sender, **shop.files, **settings) as app:
            order(app, "1", ADA)
            run_until(app, DUE)
            assert fates(app) == [("sent", "sent")]
            (seen,) = service.seen
            hook(app, name, Event("hard", seen.metadata["send_id"]))
            assert fates(app) == [("bounced", "hard_bounce")]
            assert reasons(app) == ["hard_bounce"]


def test_an_out_of_office_reply_changes_nothing(app: App) -> None:
    """T22."""
    send_id = mail_sent(app)
    bounce(app, send_id, AWAY)
    assert (fates(app), reasons(app), effects(app)) == ([("sent", "sent")], [], ["nothing_to_do"])
    order(app, "2", ADA, placed_at=app.clock().isoformat())
    run_until(app, app.clock() + 5 * DAY)
    assert fates(app) == [("sent", "sent")] * 2


@pytest.mark.parametrize(
    ("form", "facts", "reason"),
    [
        (POSTFIX, {"to": FORGERY, "return_path": FORGERY}, "not_signed"),
        (POSTFIX, {"to": "bounces@shop.example", "return_path": ""}, "not_signed"),
        (FEEDBACK_LOOP, {"return_path": FORGERY}, "not_signed"),
        (PERSON, {}, "no_report"),
    ],
)
def test_what_is_forged_or_not_understood_changes_nothing_and_is_kept_with_the_reason(
    app: App, form: str, facts: dict[str, str], reason: str
) -> None:
    bounce(app, mail_sent(app), form, **facts)
    assert (fates(app), reasons(app), effects(app)) == ([("sent", "sent")], [], [])
    kept = rows(app, events)[-1]
    assert (kept["shop"], kept["state"]) == ("mail", "ignored")
    assert kept["error"].startswith(f"{reason}: ")


@pytest.mark.parametrize(
    ("event", "effect"),
    [
        (Event("hard", str(new_id())), "no_such_mail"),
        (Event("hard", "not an id"), "no_such_mail"),
        (Event("hard", "OURS", recipient="ben@example.com"), "another_address"),
    ],
)
def test_an_event_about_no_mail_of_ours_changes_nothing(app: App, event: Event, effect: str) -> None:
    send_id = str(mail_sent(app))
    named = Event(event.kind, event.send_id.replace("OURS", send_id), event.recipient)
    hook(app, "postmark", named)
    assert (fates(app), reasons(app), effects(app)) == ([("sent", "sent")], [], [effect])


def test_a_mail_that_never_left_cannot_bounce(app: App) -> None:
    order(app, "1", ADA)
    hook(app, "postmark", Event("hard", str(only_send(app)["id"])))
    assert (reasons(app), effects(app)) == ([], ["never_left"])
    run_until(app, DUE)
    assert fates(app) == [("sent", "sent")]


@BOTH
def test_a_batch_with_a_report_that_makes_no_sense_lets_the_others_through(app: App) -> None:
    """T06, T07."""
    send_id = mail_sent(app)
    assert app.bounces is not None
    store_mails(app, [b"\xff\x00 nonsense", letter(POSTFIX, to=app.bounces.of(send_id)), b""])
    order(app, "2", ADA, placed_at=app.clock().isoformat())
    take_in(app)
    assert fates(app)[0] == ("bounced", "hard_bounce")
    assert sorted(row["state"] for row in rows(app, events) if row["shop"] == "mail") == [
        "ignored",
        "ignored",
        "processed",
    ]
    assert take_again(app) == 0


@BOTH
def test_a_report_that_nobody_thought_of_fails_alone_and_says_why(app: App) -> None:
    """T07: anybody may write to the bounce address, and orders come in by the same door."""
    send_id = mail_sent(app)
    assert app.bounces is not None
    store_mails(app, [POISON_MAIL, letter(POSTFIX, to=app.bounces.of(send_id))])
    order(app, "2", ADA, placed_at=app.clock().isoformat())
    take_in(app)
    assert fates(app)[0] == ("bounced", "hard_bounce")
    (failed,) = [row for row in rows(app, events) if row["state"] == "failed"]
    assert failed["body"] == POISON_MAIL
    assert failed["error"].startswith("RecursionError: ")
    assert take_again(app) == 1, "an upgrade may know better"


@BOTH
def test_letters_that_are_none_in_a_report_cost_nobody_its_effect(app: App) -> None:
    """JSON may hold half a character, and no database takes one."""
    hook(app, "postmark", Event("hard", str(mail_sent(app)), words="550 5.1.1 x \ud800"))
    hook(app, "postmark", Event("hard", str(new_id()), recipient="\ud800"))
    assert reasons(app) == ["hard_bounce"]
    assert [row["state"] for row in rows(app, events)] == ["processed"] * 3


def test_the_mailbox_is_read_once_and_nothing_in_it_is_deleted(app: App) -> None:
    send_id = mail_sent(app)
    assert app.bounces is not None
    with imap_server() as box:
        box.put(letter(POSTFIX, to=app.bounces.of(send_id)))
        box.put(letter(PERSON))
        reading = replace(app, bounce_mailbox=mailbox_from_url(box.url))
        assert collect(reading) == 2
        assert collect(reading) == 0
        assert (len(box.mails), box.read) == (2, {1, 2})
    take_in(app)
    run_due(app)
    assert fates(app) == [("bounced", "hard_bounce")]


def test_a_mailbox_that_is_away_or_odd_is_tried_again_later(app: App) -> None:
    assert collect(app) == 0, "there is none"
    with imap_server() as box:
        box.put(letter(PERSON))
        reading = replace(app, bounce_mailbox=mailbox_from_url(box.url))
        box.refuses = {"UID STORE"}
        assert collect(reading) == 0
        box.refuses, box.forgets = set(), True
        assert collect(reading) == 0
    assert collect(reading) == 0
    with app.inbox_db.read() as connection:
        assert len(inbox.oldest(connection, 10)) == 1, "read three times, kept once"
