"""Several addresses of one customer are one person: what they say under one of them holds for all."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.consent.standing import ConsentRules
from aftercart.db.tables import address_moves, consents, customers, exposures, picks, preferences, recipients, sends
from aftercart.pipeline.recipients.permission import Terms, come_back, leave, lock, permission
from aftercart.pipeline.recipients.prefer import Posted, keep_choice
from aftercart.pipeline.recipients.record import Leaving, keep_leaving, who_leaves
from aftercart.pipeline.recipients.refuse import Wish, find_offered, refuse, refused_by, take_back
from aftercart.pipeline.sending.hand_over import hand_over
from aftercart.pipeline.sending.send import claim
from aftercart.policy import store as policy
from aftercart.policy.preferences import Choice, RefusalKind, RefusalWhy, Refused
from aftercart.policy.suppression import SuppressionReason
from aftercart.testing import engine, run_until
from tests.cast import (
    ADA,
    BEN,
    BIKE,
    DAY,
    HELMET,
    HOUR,
    MONDAY,
    SHELF,
    Shop,
    campaign,
    clock_of,
    fates,
    order,
    outbox,
    rows,
    stock_up,
    tell,
)

OLD, NEW, BENS = "ada@example.com", "ada.new@example.com", "ben@example.com"
DUE = MONDAY + 3 * DAY + HOUR
Open = Callable[..., App]


@pytest.fixture
def open_app(tmp_path: Path, database_url: str) -> Iterator[Open]:
    opened = []

    def with_campaign(text: str = "", brand: str = "") -> App:
        shop = Shop(tmp_path / "shop").write(text or campaign(quiet="null"), brand=brand)
        entered = engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files)
        opened.append(entered)
        return entered.__enter__()

    yield with_campaign
    for entered in opened:
        entered.__exit__(None, None, None)


@pytest.fixture
def app(open_app: Open) -> App:
    return open_app()


def moves(app: App, to: str = NEW, **said: Any) -> None:
    """Ada's own record at the shop has another address."""
    silent = {name: value for name, value in ADA.items() if name != "accepts_marketing"}
    tell(app, "customer.updated", {**silent, "email": to, **said})


def id_of(app: App, email: str) -> int:
    with app.db.read() as connection:
        return int(connection.execute(select(recipients.c.id).where(recipients.c.email == email)).scalar_one())


def leaves(app: App, email: str) -> None:
    (mail, *_) = [row for row in rows(app, sends) if row["recipient_id"] == id_of(app, email)]
    with app.db.write() as connection:
        keep_leaving(connection, Leaving(mail["recipient_id"], mail["id"], "one_click", app.clock()))


def suppressed(app: App, email: str, reason: SuppressionReason) -> None:
    with app.db.write() as connection:
        policy.suppress(connection, [email], reason, "test", app.clock())


def test_who_left_by_one_address_is_not_mailed_at_the_next(app: App) -> None:
    order(app, "1", ADA)
    run_until(app, DUE)
    leaves(app, OLD)
    clock_of(app).step(DAY)
    moves(app, accepts_marketing=True)
    order(app, "2", {**ADA, "email": NEW}, [HELMET])
    run_until(app, DUE + 10 * DAY)
    assert outbox(app).mails_to(NEW) == []
    assert fates(app)[1] == ("skipped", "unsubscribed")


def test_a_yes_goes_along_and_so_does_a_later_no(app: App) -> None:
    order(app, "1", ADA)
    moves(app)
    order(app, "2", {"email": NEW}, [HELMET])
    run_until(app, DUE)
    assert len(outbox(app).mails_to(NEW)) == 1
    tell(app, "consent.changed", {"customer": {"email": OLD}, "accepts_marketing": False})
    order(app, "3", {"email": NEW}, [HELMET])
    run_until(app, DUE + 10 * DAY)
    assert len(outbox(app).mails_to(NEW)) == 1
    assert fates(app)[2] == ("skipped", "no_consent")


@pytest.mark.parametrize("reason", list(SuppressionReason), ids=str)
def test_a_dead_mailbox_is_left_behind_and_nothing_else(app: App, reason: SuppressionReason) -> None:
    order(app, "1", ADA)
    moves(app)
    suppressed(app, OLD, reason)
    order(app, "2", {"email": NEW}, [HELMET])
    run_until(app, DUE)
    goes_on = reason in ("hard_bounce", "soft_bounces")
    assert outbox(app).mails_to(OLD) == []
    assert bool(outbox(app).mails_to(NEW)) is goes_on


def denied(app: App) -> None:
    tell(app, "consent.changed", {"customer": {"email": OLD}, "accepts_marketing": False})


def complained(app: App) -> None:
    suppressed(app, OLD, SuppressionReason.COMPLAINT)


def bounced(app: App) -> None:
    suppressed(app, OLD, SuppressionReason.HARD_BOUNCE)


@pytest.mark.parametrize(
    ("says", "goes"), [(denied, False), (complained, False), (bounced, True)], ids=["denied", "complained", "bounced"]
)
def test_a_word_about_the_other_address_counts_at_the_last_instant(
    app: App, says: Callable[[App], None], goes: bool
) -> None:
    order(app, "1", {**ADA, "id": "other", "email": NEW})
    order(app, "2", ADA)
    moves(app)
    clock_of(app).move_to(DUE)
    mine = [row["id"] for row in rows(app, sends) if row["recipient_id"] == id_of(app, NEW)]
    claimed = claim(app, mine)
    assert len(claimed) == 1
    clock_of(app).step(timedelta(seconds=1))
    says(app)
    hand_over(app, claimed)
    assert bool(outbox(app).mails_to(NEW)) is goes


def test_a_yes_of_the_other_address_is_enough_at_the_last_instant(app: App) -> None:
    order(app, "1", ADA)
    moves(app)
    order(app, "2", {"email": NEW}, [HELMET])
    clock_of(app).move_to(DUE)
    claimed = claim(app, [row["id"] for row in rows(app, sends) if row["recipient_id"] == id_of(app, NEW)])
    hand_over(app, claimed)
    assert len(outbox(app).mails_to(NEW)) == 1


def test_a_yes_does_not_travel_to_another_customer_who_moves_to_the_same_mailbox(app: App) -> None:
    """Ada agreed and Ben said nothing; now both have the family's address."""
    silent = {name: value for name, value in BEN.items() if name != "accepts_marketing"}
    order(app, "1", ADA)
    order(app, "2", silent)
    moves(app, "family@example.com")
    tell(app, "customer.updated", {**silent, "email": "family@example.com"})
    run_until(app, DUE)
    assert [message.recipient for message in outbox(app).messages] == [OLD]
    assert fates(app)[1] == ("skipped", "no_consent")
    order(app, "3", {"email": "family@example.com"}, [HELMET])
    run_until(app, DUE + 10 * DAY)
    assert len(outbox(app).mails_to("family@example.com")) == 1


def test_not_even_at_the_last_instant(app: App) -> None:
    """The statement that lets a mail go asks by itself: here Ben's own yes left the ledger since the claim."""
    silent = {name: value for name, value in BEN.items() if name != "accepts_marketing"}
    order(app, "1", ADA)
    order(app, "2", {**silent, "accepts_marketing": True})
    clock_of(app).move_to(DUE)
    claimed = claim(app, [row["id"] for row in rows(app, sends) if row["recipient_id"] == id_of(app, BENS)])
    moves(app, "family@example.com")
    tell(app, "customer.updated", {**silent, "email": "family@example.com"})
    with app.db.write() as connection:
        connection.execute(consents.delete().where(consents.c.recipient_id == id_of(app, BENS)))
    hand_over(app, claimed)
    assert outbox(app).mails_to(BENS) == []


def test_the_pages_of_either_address_tell_the_same_and_whoever_comes_back_does_so_at_the_newest(app: App) -> None:
    order(app, "1", ADA)
    order(app, "2", {**ADA, "id": "other", "email": NEW})
    moves(app)
    old, new = id_of(app, OLD), id_of(app, NEW)
    terms = Terms(ConsentRules(), app.address_hashes)
    mails = {row["recipient_id"]: row["id"] for row in rows(app, sends)}
    clock_of(app).step(HOUR)
    leaves(app, OLD)
    leaver = who_leaves(app.db, app.tokens, app.tokens.unsubscribe(new, mails[new]))
    assert leaver is not None
    assert leaver.has_left
    clock_of(app).step(HOUR)
    with app.db.write() as connection:
        assert not permission(connection, new, terms, app.clock()).may_market
        lock(connection, new)
        come_back(connection, new, "test", app.clock())
    clock_of(app).step(HOUR)
    with app.db.write() as connection:
        assert [permission(connection, id_, terms, app.clock()).may_market for id_ in (old, new)] == [False, True]
        leave(connection, old, OLD, "again", app.clock())
    with app.db.read() as connection:
        assert not permission(connection, new, terms, app.clock()).may_market


def test_a_late_webhook_of_an_older_record_brings_no_address_back(app: App) -> None:
    order(app, "1", ADA)
    clock_of(app).step(HOUR)
    moves(app)
    clock_of(app).step(HOUR)
    moves(app, OLD, updated_at=(MONDAY + HOUR / 2).isoformat())
    assert [row["recipient_id"] for row in rows(app, customers)] == [id_of(app, NEW)]
    assert [(row["recipient_id"], row["at"]) for row in rows(app, address_moves)] == [(id_of(app, OLD), MONDAY + HOUR)]


# ---------------------------------------------------------------- what they chose


def chooses(app: App, email: str, **what: Any) -> None:
    """On their preference page."""
    chosen = {"locale": "", "time_zone": "", "at_most": "", "snoozed_until": None, "updated_at": app.clock()}
    with app.db.write() as connection:
        connection.execute(preferences.insert(), {"recipient_id": id_of(app, email), **chosen, **what})


def test_the_cap_that_somebody_chose_goes_along_and_the_strictest_holds(app: App) -> None:
    order(app, "1", ADA)
    chooses(app, OLD, at_most="1 per 30d")
    run_until(app, DUE)
    moves(app)
    chooses(app, NEW, at_most="1 per 7d")
    clock_of(app).step(10 * DAY)
    order(app, "2", {"email": NEW}, [HELMET])
    run_until(app, app.clock() + 10 * DAY)
    assert outbox(app).mails_to(NEW) == []
    assert fates(app)[1] == ("skipped", "expired")


def test_a_break_goes_along(app: App) -> None:
    order(app, "1", ADA)
    chooses(app, OLD, snoozed_until=MONDAY + 30 * DAY)
    moves(app)
    chooses(app, NEW)
    order(app, "2", {"email": NEW}, [HELMET])
    run_until(app, MONDAY + 20 * DAY)
    assert outbox(app).messages == []


def test_the_language_and_the_time_zone_that_somebody_chose_go_along(app: App) -> None:
    order(app, "1", ADA)
    chooses(app, OLD, locale="de", time_zone="Asia/Tokyo")
    moves(app)
    order(app, "2", {"email": NEW}, [HELMET])
    chosen = {row["recipient_id"]: (row["locale"], row["time_zone"]) for row in rows(app, preferences)}
    assert chosen == dict.fromkeys((id_of(app, OLD), id_of(app, NEW)), ("de", "Asia/Tokyo"))
    due = {row["recipient_id"]: row["due_at"] for row in rows(app, sends)}
    assert due[id_of(app, NEW)].hour == 1, "10:00 in Tokyo"


def test_what_was_chosen_at_the_new_address_before_stays(app: App) -> None:
    order(app, "1", ADA)
    order(app, "2", {"email": NEW})
    chooses(app, OLD, locale="de", time_zone="Asia/Tokyo")
    chooses(app, NEW, time_zone="America/New_York", at_most="1 per 7d")
    moves(app)
    (kept,) = [row for row in rows(app, preferences) if row["recipient_id"] == id_of(app, NEW)]
    assert (kept["locale"], kept["time_zone"], kept["at_most"]) == ("de", "America/New_York", "1 per 7d")


def test_what_was_refused_stays_refused_until_it_is_taken_back_anywhere(app: App) -> None:
    order(app, "1", ADA)
    moves(app)
    old, new = id_of(app, OLD), id_of(app, NEW)
    lamp = Refused(RefusalKind.SKU, "LAMP")
    with app.db.write() as connection:
        refuse(connection, old, [lamp], RefusalWhy.HAVE_IT, MONDAY)
        person = policy.persons_of(connection, [new])
        assert refused_by(connection, person) == {old: {lamp}, new: {lamp}}
        take_back(connection, new, [lamp])
        assert refused_by(connection, person) == {}


def test_what_somebody_has_or_was_offered_under_one_address_is_not_offered_at_the_next(open_app: Open) -> None:
    step = "recommend: {slots: 3, at_least: 1, fallback: [best_sellers]}, template: plain"
    app = open_app(campaign(quiet="null").replace("template: plain", step))
    stock_up(app)
    shelf = {sku: {**BIKE, "sku": sku, "title": sku.title()} for sku in SHELF}
    for sku, line in shelf.items():
        order(app, f"past-{sku}", {"email": "past@example.com"}, [line])
    order(app, "0", ADA, [BIKE, shelf["LAMP"]])
    run_until(app, DUE)
    offered = [row["sku"] for row in rows(app, picks)]
    moves(app)
    order(app, "1", {"email": NEW}, [BIKE])
    run_until(app, app.clock() + 4 * DAY)
    assert len(outbox(app).mails_to(NEW)) == 1
    of_both = [row["sku"] for row in rows(app, picks)]
    assert (len(offered), len(of_both), len(set(of_both))) == (3, 6, 6)
    assert "LAMP" not in of_both


def test_a_page_shows_what_was_refused_under_another_address(app: App) -> None:
    order(app, "1", ADA)
    moves(app)
    order(app, "2", {"email": NEW}, [HELMET])
    (mail,) = [row["id"] for row in rows(app, sends) if row["recipient_id"] == id_of(app, NEW)]
    lamp = {"send_id": mail, "slot": 0, "sku": "LAMP", "title": "Lamp"}
    with app.db.write() as connection:
        connection.execute(picks.insert(), {**lamp, "because": "", "source": "x", "score": 1.0, "evidence": {}})
        refuse(connection, id_of(app, OLD), [Refused(RefusalKind.SKU, "LAMP")], RefusalWhy.HAVE_IT, MONDAY)
    offered = find_offered(app.db, Wish(id_of(app, NEW), mail, 0, RefusalWhy.HAVE_IT, MONDAY))
    assert offered is not None
    assert offered.is_refused


def test_who_ignored_mails_under_one_address_is_tired_under_the_next(app: App) -> None:
    order(app, "1", ADA)
    run_until(app, DUE)
    moves(app)
    old, new = id_of(app, OLD), id_of(app, NEW)
    with app.db.read() as connection:
        person = policy.persons_of(connection, [new])
        assert policy.ignored(connection, person, MONDAY - DAY) == {new: 1}
        assert policy.ignored(connection, {old: new}, MONDAY - DAY) == {new: 1}
    clock_of(app).step(DAY)
    order(app, "2", {"email": NEW}, [HELMET])
    with app.db.read() as connection:
        assert policy.ignored(connection, person, MONDAY - DAY) == {}


@pytest.mark.parametrize("held", [True, False], ids=["held_out", "treated"])
def test_the_arm_of_the_oldest_address_stays(open_app: Open, held: bool) -> None:
    """Whatever the new one would fall into by itself, or did."""
    app = open_app(campaign(quiet="null", holdout="50%"))
    order(app, "1", ADA)
    order(app, "2", {**ADA, "id": "other", "email": NEW})
    arms = {id_of(app, OLD): held, id_of(app, NEW): not held}
    with app.db.write() as connection:
        for id_, out in arms.items():
            arm = {"experiment": "campaign:accessories", "arm": "holdout" if out else "treated", "config_hash": "c"}
            connection.execute(exposures.insert(), {**arm, "recipient_id": id_, "at": MONDAY})
    for address in (NEW, "ada.newest@example.com"):
        moves(app, address)
    order(app, "3", {"email": "ada.newest@example.com"}, [HELMET])
    run_until(app, DUE + DAY)
    assert {state for state, _ in fates(app)} == {"skipped" if held else "sent"}


def test_the_page_of_the_new_address_shows_what_was_chosen_under_the_old_one_and_takes_it_back(app: App) -> None:
    order(app, "1", ADA)
    chooses(app, OLD, at_most="1 per 30d", snoozed_until=MONDAY + 30 * DAY)
    moves(app)
    old, new = id_of(app, OLD), id_of(app, NEW)
    (mail,) = rows(app, sends)
    terms = Terms(ConsentRules(), app.address_hashes)
    with app.db.write() as connection:
        refuse(connection, old, [Refused(RefusalKind.SKU, "LAMP")], RefusalWhy.HAVE_IT, MONDAY)
        nothing = Choice(topics=frozenset({"recommendations"}))
        topics_of = lambda _: {"recommendations"}  # noqa: E731
        posted = Posted(lambda _: nothing, lambda *_: "", "", app.clock())
        kept = keep_choice(connection, new, mail["id"], posted, topics_of, terms)
    assert kept is not None
    before, after = (person.choice for person in kept)
    assert (before.at_most, before.snoozed_until) == ("1 per 30d", MONDAY + 30 * DAY)
    assert before.refused == {Refused(RefusalKind.SKU, "LAMP")}
    assert after == nothing
    run_until(app, DUE)
    assert len(outbox(app).messages) == 1
