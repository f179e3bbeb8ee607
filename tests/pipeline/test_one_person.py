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
from aftercart.db.tables import recipients, sends
from aftercart.pipeline.hand_over import hand_over
from aftercart.pipeline.permission import Terms, come_back, leave, lock, permission
from aftercart.pipeline.record import Leaving, keep_leaving, who_leaves
from aftercart.pipeline.send import claim
from aftercart.policy import store as policy
from aftercart.policy.suppression import SuppressionReason
from aftercart.testing import engine, run_until
from tests.cast import ADA, DAY, HELMET, HOUR, MONDAY, Shop, campaign, clock_of, fates, order, outbox, rows, tell

NEW = "ada.new@example.com"
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
    leaves(app, ADA["email"])
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
    tell(app, "consent.changed", {"customer": {"email": ADA["email"]}, "accepts_marketing": False})
    order(app, "3", {"email": NEW}, [HELMET])
    run_until(app, DUE + 10 * DAY)
    assert len(outbox(app).mails_to(NEW)) == 1
    assert fates(app)[2] == ("skipped", "no_consent")


@pytest.mark.parametrize("reason", list(SuppressionReason), ids=str)
def test_a_dead_mailbox_is_left_behind_and_nothing_else(app: App, reason: SuppressionReason) -> None:
    order(app, "1", ADA)
    moves(app)
    suppressed(app, ADA["email"], reason)
    order(app, "2", {"email": NEW}, [HELMET])
    run_until(app, DUE)
    goes_on = reason in ("hard_bounce", "soft_bounces")
    assert outbox(app).mails_to(ADA["email"]) == []
    assert bool(outbox(app).mails_to(NEW)) is goes_on


def denied(app: App) -> None:
    tell(app, "consent.changed", {"customer": {"email": ADA["email"]}, "accepts_marketing": False})


def complained(app: App) -> None:
    suppressed(app, ADA["email"], SuppressionReason.COMPLAINT)


def bounced(app: App) -> None:
    suppressed(app, ADA["email"], SuppressionReason.HARD_BOUNCE)


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


def test_the_pages_of_either_address_tell_the_same_and_whoever_comes_back_comes_back(app: App) -> None:
    order(app, "1", ADA)
    order(app, "2", {**ADA, "id": "other", "email": NEW})
    moves(app)
    old, new = id_of(app, ADA["email"]), id_of(app, NEW)
    terms = Terms(ConsentRules(), app.address_hashes)
    mails = {row["recipient_id"]: row["id"] for row in rows(app, sends)}
    clock_of(app).step(HOUR)
    leaves(app, ADA["email"])
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
        assert all(permission(connection, id_, terms, app.clock()).may_market for id_ in (old, new))
        leave(connection, old, ADA["email"], "again", app.clock())
    with app.db.read() as connection:
        assert not permission(connection, new, terms, app.clock()).may_market
