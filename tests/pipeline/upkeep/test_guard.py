"""A campaign that annoys too many people pauses itself, says so, and waits for a person."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.consent.standing import ConsentRules
from aftercart.db.session import Database
from aftercart.db.tables import clicks, decisions, enrollments, orders, pauses, recipients, sends
from aftercart.ids import new_id
from aftercart.ledger import store as ledger
from aftercart.ledger.store import Claim
from aftercart.pipeline import rights
from aftercart.pipeline.recipients.permission import Terms, come_back, leave_topic, note_leaving
from aftercart.pipeline.recipients.prefer import Posted, keep_choice
from aftercart.pipeline.recipients.record import Leaving, keep_leaving
from aftercart.pipeline.sending.people import look_up
from aftercart.pipeline.upkeep.guard import resume
from aftercart.pipeline.upkeep.tidy import tidy
from aftercart.policy import store as policy
from aftercart.policy.guard import Toll
from aftercart.policy.preferences import Choice
from aftercart.reports.explain import explain
from aftercart.reports.words import in_words
from aftercart.testing import engine, run_due, run_until
from tests.cast import (
    ADA,
    BIKE,
    DAY,
    HOUR,
    MONDAY,
    Shop,
    Statements,
    campaign,
    click,
    clock_of,
    customer,
    fates,
    only_send,
    order,
    outbox,
    rows,
)

SMALL = "guard: {at_least: 20, at_least_unsubscribes: 5, over: 7d}\n"
DUE = MONDAY + 3 * DAY + HOUR
MINUTES = timedelta(minutes=1)
Open = Callable[..., App]


@pytest.fixture
def open_app(tmp_path: Path, database_url: str) -> Iterator[Open]:
    """An engine with one campaign, `accessories`, and these lines in its brand file."""
    opened = []

    def with_brand(brand: str = SMALL, *campaigns: str) -> App:
        shop = Shop(tmp_path / "shop").write(*(campaigns or [campaign()]), brand=brand)
        entered = engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files)
        opened.append(entered)
        return entered.__enter__()

    yield with_brand
    for entered in opened:
        entered.__exit__(None, None, None)


def sent(db: Database, at: Any, *, mails: int, complaints: int = 0, left: int = 0, name: str = "accessories") -> None:
    """Mails of a campaign that were sent, each to somebody else; some complained, some others left."""
    ids: list[UUID] = [new_id() for _ in range(mails)]
    with db.write() as connection:
        who = {"first_name": "", "locale": "", "time_zone": "", "country": "", "created_at": at}
        people = [{"email": f"{id_}@example.com", **who} for id_ in ids]
        numbers = list(connection.execute(recipients.insert().returning(recipients.c.id), people).scalars())
        bought = {"shop": "generic", "state": "completed", "currency": "EUR", "total_minor": 1, "country": ""}
        bought |= {"region": "", "placed_at": at, "source_updated_at": at, "imported": True}
        order_rows = [
            {"shop_order_id": str(id_), "recipient_id": n, **bought} for id_, n in zip(ids, numbers, strict=True)
        ]
        order_ids = list(connection.execute(orders.insert().returning(orders.c.id), order_rows).scalars())
        about = [
            {"campaign": name, "order_id": order_id, "recipient_id": n, "created_at": at}
            for order_id, n in zip(order_ids, numbers, strict=True)
        ]
        run = {"campaign_version": "v1", "state": "completed"}
        runs = list(
            connection.execute(enrollments.insert().returning(enrollments.c.id), [run | one for one in about]).scalars()
        )
        plain = {"step": "complements", "config_version": "v1", "priority": 50, "attempt": 1, "tries": 1}
        times = dict.fromkeys(("due_at", "valid_until", "wake_at", "sent_at"), at)
        mail_rows = [
            {
                **about[n], **plain, **times, "id": ids[n], "enrollment_id": runs[n],
                "state": "complained" if n < complaints else "sent",
            }
            for n in range(mails)
        ]  # fmt: skip
        connection.execute(sends.insert(), mail_rows)
        for id_ in ids[complaints : complaints + left]:
            note_leaving(connection, f"one_click:{id_}", at)


def paused(app: App) -> list[tuple[str, str]]:
    return [(row["scope"], row["name"]) for row in rows(app, pauses) if row["lifted_at"] is None]


def test_a_campaign_that_annoys_pauses_itself_and_its_mails_wait_for_a_person(open_app: Open) -> None:
    app = open_app("guard: {at_least: 20, complaints: 2%}\n")
    order(app, "1", ADA)
    sent(app.db, MONDAY, mails=100, complaints=6, name="accessories")
    sent(app.db, MONDAY, mails=400, name="other")
    with capture_logs() as logs:
        tidy(app)
    assert paused(app) == [("campaign", "accessories")]
    assert [line["log_level"] for line in logs if line["event"] == "paused_itself"] == ["error"]
    run_until(app, DUE)
    assert fates(app)[0] == ("scheduled", "guard")
    assert outbox(app).messages == []
    told = [moment for moment in only_story(app).moments if moment.reason == "guard"]
    assert len(told) == 1, "a mail that goes on waiting for a person is no new decision each time"
    assert "Because complaints came to 6% (6 of 100 mails), and the limit is 2%" in " ".join(
        in_words("gate", told[0].facts)
    )
    assert [pause.name for pause in resume(app, "accessories", by="Grace")] == ["accessories"]
    run_due(app)
    assert fates(app)[0] == ("sent", "sent")
    (kept,) = rows(app, pauses)
    assert (kept["lifted_at"], kept["lifted_by"], kept["figures"]["count"]) == (app.clock(), "Grace", 6)


def only_story(app: App) -> Any:
    with app.db.read() as connection:
        return explain(connection, "1").orders[0]


def test_what_counted_before_a_person_let_it_go_on_counts_no_more(open_app: Open) -> None:
    app = open_app()
    sent(app.db, MONDAY - HOUR, mails=100, complaints=5)
    tidy(app)
    assert ("campaign", "accessories") in paused(app)
    for name in ("accessories", None):
        resume(app, name, by="Grace")
    clock_of(app).step(6 * MINUTES)
    tidy(app)
    assert paused(app) == []
    sent(app.db, app.clock(), mails=100, complaints=5)
    clock_of(app).step(6 * MINUTES)
    tidy(app)
    assert ("campaign", "accessories") in paused(app)
    assert len(rows(app, pauses)) == 4, "both twice: what was lifted stays on record"


def test_all_mail_pauses_when_no_campaign_alone_annoys_too_much(open_app: Open) -> None:
    app = open_app("guard: {at_least: 100}\n")
    order(app, "1", ADA)
    for number in range(4):
        sent(app.db, MONDAY, mails=90, complaints=3, name=f"c{number}")
    tidy(app)
    assert paused(app) == [("brand", "")]
    run_until(app, DUE)
    assert fates(app)[0] == ("scheduled", "guard")
    assert resume(app, None, by="Grace")
    run_due(app)
    assert fates(app)[0] == ("sent", "sent")


@pytest.mark.parametrize(
    ("brand", "figures", "is_paused"),
    [
        ("guard: {at_least: 20}\n", {"complaints": 5}, True),
        ("guard: {at_least: 20, enabled: false}\n", {"complaints": 5}, False),
        ("guard: {at_least: 20, complaints: 10%}\n", {"complaints": 5}, False),
        ("guard: {at_least: 20, at_least_complaints: 6}\n", {"complaints": 5}, False),
        ("guard: {at_least: 20}\n", {"left": 10}, True),
        ("guard: {at_least: 20, unsubscribes: 10%}\n", {"left": 10}, False),
        ("guard: {at_least: 20, at_least_unsubscribes: 11}\n", {"left": 10}, False),
        ("guard: {at_least: 101}\n", {"complaints": 50}, False),
        ("guard: {at_least: 20, over: 30d}\n", {"complaints": 5, "at": MONDAY - 20 * DAY}, True),
        ("guard: {at_least: 20, over: 10d}\n", {"complaints": 5, "at": MONDAY - 20 * DAY}, False),
        ("", {"mails": 99, "complaints": 50}, False),
        ("", {"complaints": 2}, False),
        ("", {"complaints": 3}, True),
    ],
    ids=[
        "complaints",
        "off",
        "higher-c",
        "few-c",
        "left",
        "higher-u",
        "few-u",
        "few",
        "long",
        "short",
        "few-default",
        "chance-default",
        "default",
    ],
)
def test_the_brand_file_says_when(open_app: Open, brand: str, figures: dict[str, Any], is_paused: bool) -> None:
    app = open_app(brand)
    sent(app.db, **{"at": MONDAY, "mails": 100, **figures})
    tidy(app)
    assert bool(paused(app)) is is_paused


def test_a_pause_takes_back_what_was_claimed(open_app: Open) -> None:
    """Nothing of it leaves any more, whichever worker holds it."""
    app = open_app()
    order(app, "1", ADA)
    clock_of(app).move_to(DUE)
    send_id = only_send(app)["id"]
    with app.db.write() as connection:
        ledger.claim(connection, [Claim(send_id, 1, "Subject", None, "t", "c", "recommendations")], DUE, None)
    sent(app.db, DUE, mails=100, complaints=5)
    tidy(app)
    with app.db.write() as connection:
        start = ledger.Start(send_id, 1, "<1@example.com>")
        assert ledger.begin(connection, [start], "test", DUE) == set()


def test_two_engines_that_look_at_once_pause_it_once(open_app: Open) -> None:
    app = open_app()
    sent(app.db, MONDAY, mails=100, complaints=5)
    tidy(app)
    app.witness._last.clear()
    tidy(app)
    assert len(rows(app, pauses)) == 2, "the campaign and all mail"


def test_looking_takes_a_few_queries_however_many_mails_there_are(open_app: Open) -> None:
    app = open_app("guard: {at_least: 100000}\n")
    counted = []
    for _ in range(2):
        sent(app.db, MONDAY, mails=100, left=40)
        with Statements(app.db) as statements, app.db.read() as connection:
            policy.tolls(connection, MONDAY - DAY)
        counted.append(len(statements))
    assert counted[0] == counted[1] <= 4


def test_nothing_is_let_go_on_that_is_not_paused(open_app: Open) -> None:
    app = open_app()
    assert resume(app, "accessories", by="Grace") == []
    assert rows(app, decisions) == []


# ---------------------------------------------------------------- one person


RECEIPT = (
    "campaign: receipt\nstatus: active\nclass: transactional\ntrigger: order.completed\n"
    "steps: [{id: receipt, after: 1h, template: plain}]\n"
)


def test_a_pause_holds_no_mail_that_is_owed_and_such_mail_does_not_pause_itself(open_app: Open) -> None:
    app = open_app("double_opt_in: true\nguard: {at_least: 20}\n", RECEIPT)
    sent(app.db, MONDAY, mails=100, complaints=6, name="receipt")
    tidy(app)
    assert paused(app) == [("brand", "")]
    order(app, "1", ADA)
    run_until(app, MONDAY + 2 * HOUR)
    assert ["/y/" in mail.html for mail in outbox(app).mails_to(str(ADA["email"]))] == [True, False]


def test_who_ignores_mails_gets_half_as_many_until_they_click(open_app: Open) -> None:
    app = open_app(
        "frequency_cap: [1 per 2d]\nguard: {tighten_after: 2}\n",
        campaign(after="1h", at="null", valid_for="1h", quiet="null", more_steps=steps(3, 5, 7, 10)),
    )
    order(app, "1", ADA, [BIKE])
    run_until(app, MONDAY + 8 * DAY)
    assert went(app) == {"complements": True, "d3": True, "d5": False, "d7": True}, "4 days apart after the second"
    told = [line for moment in only_story(app).moments for line in in_words(moment.kind, moment.facts)]
    assert any("That is half of what the caps say" in line for line in told)
    click(app, outbox(app).messages[-1])
    run_until(app, MONDAY + 12 * DAY)
    assert went(app)["d10"]


def test_a_click_that_was_archived_is_no_ignored_mail(open_app: Open) -> None:
    """A mail of long ago counts neither for nor against its reader."""
    app = open_app(
        "frequency_cap: [1 per 2d]\nguard: {tighten_after: 2}\n",
        campaign(after="1h", at="null", valid_for="1h", quiet="null", more_steps=steps(3)),
    )
    order(app, "1", ADA, [BIKE])
    run_until(app, MONDAY + 4 * DAY)
    for mail in outbox(app).messages:
        click(app, mail)
    clock_of(app).step(500 * DAY)
    assert tidy(app) == 1
    assert rows(app, clicks) == []
    with app.db.read() as connection:
        person = policy.persons_of(connection, [only["recipient_id"] for only in rows(app, sends)])
        assert look_up(connection, app, [], person, app.clock()).tired == frozenset()


def steps(*days: int) -> str:
    return "\n".join(f"  - {{id: d{n}, after: {n}d, valid_for: 1h, template: plain}}" for n in days)


def went(app: App) -> dict[str, bool]:
    ended = {row["step"]: row["state"] for row in rows(app, sends) if row["state"] != "scheduled"}
    return {step: state == "sent" for step, state in sorted(ended.items(), key=lambda item: (len(item[0]) < 4, item))}


def test_nobody_is_tired_of_mails_unless_the_brand_file_says_when(open_app: Open) -> None:
    calm = campaign(after="1h", at="null", valid_for="1h", quiet="null", more_steps=steps(3, 5))
    app = open_app("frequency_cap: [1 per 2d]\n", calm)
    order(app, "1", customer(1), [BIKE])
    run_until(app, MONDAY + 6 * DAY)
    assert all(went(app).values())


def test_nobody_is_expected_to_click_in_what_they_are_owed(open_app: Open) -> None:
    calm = campaign(after="3d", at="null", valid_for="1h", quiet="null", more_steps=steps(5))
    receipts = RECEIPT.replace("steps: [", "steps: [{id: thanks, after: 0s, template: plain}, ")
    app = open_app("frequency_cap: [1 per 2d]\nguard: {tighten_after: 2}\n", calm, receipts)
    order(app, "1", customer(1), [BIKE])
    run_until(app, MONDAY + 6 * DAY)
    assert went(app) == {"d5": True, "complements": True, "receipt": True, "thanks": True}


def test_who_takes_a_topic_up_again_has_left_none(open_app: Open) -> None:
    """Another one that was off before stays off; nobody leaves by that, nor by coming back for one topic alone."""
    app = open_app()
    order(app, "1", ADA)
    run_until(app, DUE)
    mail = only_send(app)
    topics = {"recommendations", "news", "offers"}
    terms = Terms(ConsentRules(), app.address_hashes)

    def left_when_these_are_wanted(*wanted: str) -> int:
        clock_of(app).step(HOUR)
        posted = Posted(lambda _: Choice(topics=frozenset(wanted)), lambda *_: "", "", app.clock())
        with app.db.write() as connection:
            keep_choice(connection, mail["recipient_id"], mail["id"], posted, lambda _: topics, terms)
            return policy.tolls(connection, MONDAY)["accessories"].unsubscribes

    with app.db.write() as connection:
        leave_topic(connection, mail["recipient_id"], "ada@example.com", ["news", "offers"], "operator", MONDAY)
    assert left_when_these_are_wanted("recommendations", "news") == 0
    assert left_when_these_are_wanted("news") == 1


@pytest.mark.parametrize("then", ["nothing", "comes back", "is forgotten"])
def test_from_how_many_mails_people_left_stays_known_whatever_they_do_then(open_app: Open, then: str) -> None:
    app = open_app()
    order(app, "1", ADA)
    run_until(app, DUE)
    mail = only_send(app)
    with app.db.write() as connection:
        for _ in range(2):
            keep_leaving(connection, Leaving(mail["recipient_id"], mail["id"], "one_click", app.clock()))
        if then == "comes back":
            come_back(connection, mail["recipient_id"], "test", app.clock())
    if then == "is forgotten":
        rights.erase(app, "ada@example.com")
    with app.db.read() as connection:
        assert policy.tolls(connection, MONDAY) == {"accessories": Toll(1, 0, 1)}
    assert [moment.reason for moment in only_story(app).moments if moment.kind == "leave"] == ["unsubscribed"]
