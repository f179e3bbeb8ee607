"""What is long over is packed away, and nobody who asks for it notices."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db import packing
from aftercart.db.tables import archives, attempts, attributions, clicks, decisions, events, feedback, picks, sends
from aftercart.delivery.base import Outcome
from aftercart.ledger.store import Choice, tallying
from aftercart.pipeline.recipients.record import find_link
from aftercart.pipeline.sending.retry import retry
from aftercart.pipeline.upkeep.tidy import tidy
from aftercart.policy.store import counted_sends
from aftercart.reports.explain import explain
from aftercart.reports.sends import counts
from aftercart.testing import engine, run_until
from tests.cast import (
    ADA,
    BIKE,
    DAY,
    HELMET,
    HOUR,
    MONDAY,
    Shop,
    answer,
    campaign,
    click,
    clock_of,
    customer,
    fates,
    links_in,
    order,
    outbox,
    rows,
    stock_up,
    tell,
)

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
YEARS_LATER = DUE + 500 * DAY
HOT = (decisions, attempts, picks, clicks, events, feedback)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop").write(campaign(quiet="null"))


def hot(app: App) -> dict[str, int]:
    """How many rows stand in the tables that are worked on."""
    with app.db.read() as connection:
        return {t.name: connection.execute(select(func.count()).select_from(t)).scalar_one() for t in HOT}


def told(app: App, name: str) -> object:
    with app.db.read() as connection:
        return explain(connection, name).plain()


def a_mail_with_a_click(app: App) -> None:
    order(app, "1", ADA)
    run_until(app, DUE)
    clock_of(app).step(HOUR)
    (mail,) = outbox(app).messages
    click(app, mail)
    row = {"event_id": 0, "source": "esp:postmark", "kind": "delivered", "effect": "delivered"}
    with app.db.write() as connection:
        about = {"send_id": mail.send_id, "recipient_id": rows(app, sends)[0]["recipient_id"]}
        connection.execute(feedback.insert(), {**row, **about, "fact_key": "1", "at": DUE, "heard_at": DUE})


def test_nobody_who_asks_later_notices_that_it_was_packed(app: App) -> None:
    a_mail_with_a_click(app)
    names = ("1", "ada@example.com", str(rows(app, sends)[0]["id"]))
    before = [told(app, name) for name in names]
    clock_of(app).move_to(YEARS_LATER)
    assert tidy(app) == 1
    assert hot(app) == dict.fromkeys(hot(app), 0)
    assert [told(app, name) for name in names] == before
    assert tidy(app) == 0


def test_the_links_of_old_mails_lead_on(app: App) -> None:
    a_mail_with_a_click(app)
    clock_of(app).move_to(YEARS_LATER)
    tidy(app)
    (mail,) = outbox(app).messages
    found = find_link(app.db, app.tokens, links_in(mail)[0])
    assert found is not None
    assert click(app, mail) == found.url
    assert hot(app)["clicks"] == 1


def test_caps_and_counts_are_the_same(app: App) -> None:
    a_mail_with_a_click(app)
    clock_of(app).move_to(YEARS_LATER)

    def numbers() -> object:
        with app.db.read() as connection:
            people = {row["recipient_id"] for row in rows(app, sends)}
            slots = counted_sends(connection, {person: person for person in people}, MONDAY, YEARS_LATER)
            return slots, counts(connection), fates(app)

    before = numbers()
    tidy(app)
    assert numbers() == before


def test_what_earned_credit_keeps_its_click(app: App) -> None:
    a_mail_with_a_click(app)
    clock_of(app).step(HOUR)
    order(app, "2", {**ADA, "accepts_marketing": False}, [HELMET])
    credit = rows(app, attributions)
    assert len(credit) == 1
    clock_of(app).move_to(YEARS_LATER)
    before = told(app, "2")
    tidy(app)
    assert hot(app)["clicks"] == 1
    assert rows(app, attributions) == credit
    assert told(app, "2") == before
    tell(app, "order.refunded", {"order_id": "2"})
    assert rows(app, attributions)[0]["reversed_minor"] == 8_000


def test_an_order_that_comes_in_again_after_years_enrolls_nobody(app: App) -> None:
    """T44: its webhook is no longer there, its enrollment is."""
    a_mail_with_a_click(app)
    placed = MONDAY.isoformat()
    clock_of(app).move_to(YEARS_LATER)
    tidy(app)
    order(app, "1", ADA, placed_at=placed)
    run_until(app, YEARS_LATER + 9 * DAY)
    assert len(outbox(app).messages) == 1


def test_what_is_young_or_still_waits_stays(app: App) -> None:
    a_mail_with_a_click(app)
    young = hot(app)
    clock_of(app).step(399 * DAY)
    assert tidy(app) == 0
    assert hot(app) == young


def test_an_order_of_which_a_mail_still_waits_stays_as_a_whole(tmp_path: Path, database_url: str) -> None:
    in_two_years = '  - {id: later, after: 700d, at: "10:00", valid_for: 1d, template: plain}'
    shop = Shop(tmp_path / "shop").write(campaign(quiet="null", more_steps=in_two_years))
    with engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        a_mail_with_a_click(app)
        clock_of(app).move_to(YEARS_LATER)
        assert tidy(app) == 0
        run_until(app, MONDAY + 700 * DAY)
        assert len(outbox(app).messages) == 2
        clock_of(app).step(500 * DAY)
        assert tidy(app) == 1


def test_news_about_an_archived_order_is_archived_beside_it(app: App) -> None:
    a_mail_with_a_click(app)
    clock_of(app).move_to(YEARS_LATER)
    tidy(app)
    tell(app, "order.refunded", {"order_id": "1"})
    clock_of(app).step(500 * DAY)
    before = told(app, "1")
    assert tidy(app) == 1
    assert len(rows(app, archives)) == 2
    assert told(app, "1") == before


def test_webhooks_about_products_are_forgotten_and_failed_ones_kept(app: App) -> None:
    stock_up(app, ["BIKE"])
    tell(app, "order.completed", {"order_id": "broken"})
    assert sorted(row["state"] for row in rows(app, events)) == ["failed", "processed"]
    clock_of(app).move_to(YEARS_LATER)
    tidy(app)
    assert [row["state"] for row in rows(app, events)] == ["failed"]


def test_a_failed_mail_of_long_ago_is_not_tried_again(app: App) -> None:
    """What was attempted is packed away, so nobody could say that it did not go after all."""
    outbox(app).answers["ada@example.com"] = [answer(Outcome.REJECTED, "554 no", code=554)]
    order(app, "1", ADA)
    run_until(app, DUE)
    clock_of(app).move_to(YEARS_LATER)
    tidy(app)
    (refused,) = retry(app, Choice(), valid_for=DAY)
    assert "in the archive" in str(refused.refused)


def test_it_goes_on_where_its_time_was_up(app: App) -> None:
    for number in range(120):
        order(app, str(number), customer(number), [BIKE])
    run_until(app, DUE)
    clock_of(app).move_to(YEARS_LATER)
    assert 0 < tidy(app, budget_s=0) < 120
    left = 120 - len(rows(app, archives))
    assert sum(tidy(app, budget_s=0) for _ in range(5)) == left
    assert hot(app) == dict.fromkeys(hot(app), 0)


def test_what_was_archived_can_be_put_back(app: App) -> None:
    """By a downgrade of the schema; also more than is put back in one go."""
    a_mail_with_a_click(app)
    before = {table.name: rows(app, table) for table in HOT}
    clock_of(app).move_to(YEARS_LATER)
    tidy(app)
    with app.db.write() as connection:
        (mine,) = connection.execute(archives.select()).mappings()
        nothing = {**mine, "content": packing.packed({})}
        ids = range(mine["id"] + 1, mine["id"] + 2 * packing.AT_ONCE)
        connection.execute(archives.insert(), [{**nothing, "id": id_} for id_ in ids])
        connection.execute(archives.insert(), [{**mine, "id": ids[-1] + 1}])
        connection.execute(archives.delete().where(archives.c.id == mine["id"]))
        packing.put_back(connection)
    assert {table.name: rows(app, table) for table in HOT} == before


def test_sends_are_counted_once_a_minute_and_not_each_time_somebody_asks(app: App) -> None:
    order(app, "1", ADA)
    with app.db.read() as connection:
        assert tallying.kept(connection, sends) == {("scheduled", None): 1}, "counted at once where nobody has yet"
    tidy(app)
    order(app, "2", customer(2))
    with app.db.read() as connection:
        assert tallying.kept(connection, sends).total() == 1
    tidy(app)
    with app.db.read() as connection:
        assert tallying.kept(connection, sends).total() == 2
        assert tallying.kept(connection, events) == {("processed", None): 2}


def test_a_pass_counts_a_slice_however_slow_the_machine_is(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aftercart.pipeline.upkeep.tidy.COUNTING_S", 0)
    order(app, "1", ADA)
    tidy(app)
    order(app, "2", customer(2))
    with app.db.read() as connection:
        assert tallying.kept(connection, sends).total() == 1


def test_webhooks_that_failed_are_told_at_once(app: App) -> None:
    order(app, "1", ADA)
    tidy(app)
    tell(app, "order.completed", {"order_id": "broken"})
    with app.db.read() as connection:
        assert tallying.kept(connection, events) == {("processed", None): 1, ("failed", None): 1}


def test_a_large_table_is_counted_a_slice_at_a_time(app: App) -> None:
    """What a slice has counted is told when the last one has been."""
    for number in range(5):
        order(app, str(number), customer(number))
    with app.db.write() as connection:
        assert [tallying.count_on(connection, sends, 2) for _ in range(2)] == [False, False]
    with app.db.write() as connection:
        assert tallying.count_on(connection, sends, 2)
        assert tallying.kept(connection, sends) == {("scheduled", None): 5}
        assert tallying.count_on(connection, sends, 9), "and so does the next round"
        assert tallying.kept(connection, sends) == {("scheduled", None): 5}


def test_reports_about_mails_that_nobody_knows_are_forgotten(app: App) -> None:
    row = {"event_id": 0, "source": "mail", "kind": "delivered", "effect": "no_such_mail", "at": MONDAY}
    with app.db.write() as connection:
        connection.execute(feedback.insert(), [{**row, "fact_key": "1", "heard_at": MONDAY}])
        connection.execute(feedback.insert(), [{**row, "fact_key": "2", "heard_at": YEARS_LATER - DAY}])
    clock_of(app).move_to(YEARS_LATER)
    tidy(app)
    assert [row["fact_key"] for row in rows(app, feedback)] == ["2"]


def test_archives_go_for_good_where_somebody_has_set_when(tmp_path: Path, database_url: str) -> None:
    shop = Shop(tmp_path / "shop").write(campaign(quiet="null"))
    settings: dict[str, Any] = {**shop.files, "forget_after_days": 200}
    with engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **settings) as app:
        a_mail_with_a_click(app)
        clock_of(app).move_to(YEARS_LATER)
        tell(app, "order.completed", {"order_id": "broken"})
        for days, kept in ((0, 1), (199, 1), (2, 0)):
            clock_of(app).step(days * DAY)
            tidy(app)
            assert (len(rows(app, archives)), len(rows(app, events))) == (kept, kept)
