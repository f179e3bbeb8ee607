"""What came of an experiment, told from people whose orders are known; on each kind of database."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from math import ceil
from random import Random
from typing import Any

import pytest
from sqlalchemy import insert, update

from aftercart.campaigns.schema import Campaign
from aftercart.db.session import Database
from aftercart.db.tables import campaign_versions, decisions, exposures, orders, recipients, sends
from aftercart.exchange.rates import Rate, table
from aftercart.experiments.sequential import Standing
from aftercart.reports.earned.experiments import ExperimentReport, experiments_of
from aftercart.reports.earned.trial_words import NOT_TESTABLE, belief, sentences
from tests.rows import MONDAY, Rows

DAY = timedelta(days=1)
KEY = "step:accessories/complements/subject@1"
WINDOW_OVER = MONDAY + 16 * DAY


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    with closing(Database(database_url)) as opened:
        yield opened


def file(db: Database, of: str = "v1", at: Any = MONDAY, **says: Any) -> None:
    """The campaign's file as it was seen then."""
    experiment = {"name": "subject", "variants": [{"id": "b", "subject": "B"}], **says}
    step = {"id": "complements", "after": "3d", "template": "plain", "experiment": experiment}
    about = {"campaign": "accessories", "status": "active", "trigger": "order.completed", "steps": [step]}
    definition = Campaign.model_validate(about).definition()
    row = {"campaign": "accessories", "version": of, "definition": definition, "first_seen_at": at}
    with db.write() as connection:
        connection.execute(insert(campaign_versions).values(row))


def crowd(
    db: Database,
    arm: str,
    people: int,
    buyers: int,
    *,
    at: Any = MONDAY,
    key: str = KEY,
    version: str = "v1",
    cents: int = 5000,
) -> list[int]:
    """People of an arm who counted from an instant on; so many of them ordered two days later."""
    with db.write() as connection:
        who = {"first_name": "", "locale": "", "time_zone": "", "country": "", "created_at": at}
        emails = [{"email": f"{key}{arm}{version}{at:%d%H%M%S%f}{n}@example.com", **who} for n in range(people)]
        ids = list(connection.execute(insert(recipients).returning(recipients.c.id), emails).scalars())
        about = {"experiment": key, "arm": arm, "config_hash": version, "at": at, "counted_at": at}
        connection.execute(insert(exposures), [{**about, "recipient_id": id_} for id_ in ids])
        usual = {
            "shop": "generic", "state": "completed", "currency": "EUR", "total_minor": cents,
            "country": "", "region": "",
            "placed_at": at + 2 * DAY, "source_updated_at": at, "imported": False,
        }  # fmt: skip
        bought = [{**usual, "shop_order_id": f"{key}{id_}", "recipient_id": id_} for id_ in ids[:buyers]]
        if bought:
            connection.execute(insert(orders), bought)
    return ids


def found(db: Database, until: Any = WINDOW_OVER) -> ExperimentReport:
    with db.read() as connection:
        return experiments_of(connection, "accessories", "EUR", until)[0]


def told(db: Database, until: Any = WINDOW_OVER) -> list[str]:
    return list(sentences(found(db, until), "en_US"))


def test_a_variant_that_sells_more_is_better_once_windows_are_over(db: Database) -> None:
    file(db, people=1000)
    crowd(db, "control", 400, 30)
    crowd(db, "b", 400, 90)
    assert told(db, MONDAY + 13 * DAY) == [
        "b: too early to say. People count once 14 days are over, and each arm needs 100 of them."
    ]
    report = found(db)
    assert [(one.arm, one.people, one.ordered, one.spent) for one in report.arms] == [
        ("control", 400, 30, 150_000),
        ("b", 400, 90, 450_000),
    ]
    verdict = report.verdict("b")
    assert verdict is not None
    assert verdict.standing is Standing.BETTER
    assert told(db)[0].startswith("b is better: +15.00 points a person beside control, with 95 % certainty between +")
    (revenue,) = (one for one in report.beside if one.metric == "revenue")
    assert revenue.estimate == pytest.approx(750)
    assert revenue.p < 0.05


def test_one_that_runs_says_how_many_more_people_it_needs_and_in_how_many_days_they_come(db: Database) -> None:
    file(db, people=5000)
    crowd(db, "control", 400, 30)
    crowd(db, "b", 400, 34)
    crowd(db, "b", 1, 0, at=WINDOW_OVER - DAY)
    days = (WINDOW_OVER - MONDAY) / DAY
    (sentence,) = told(db)
    assert f"4,200 more people, each with an order: {ceil(4_200 / (801 / days))} days at the pace so far" in sentence


def test_one_into_which_nobody_comes_any_more_is_told_as_what_it_came_to(db: Database) -> None:
    """It was taken out of its file, say: nobody would have come in the days that its report named."""
    file(db, people=5000)
    for arm, buyers in (("control", 30), ("b", 34)):
        crowd(db, arm, 400, buyers)
        crowd(db, arm, 9, 2, at=WINDOW_OVER - DAY)
    (sentence, still) = told(db, WINDOW_OVER + 20 * DAY)
    assert still == "Nobody new came into it in the last 14 days: this is what it came to."
    assert sentence.startswith("b: not decided. ")
    assert "pace" not in sentence
    file(db, "v2", WINDOW_OVER, version=2)
    crowd(db, "control", 1, 0, at=WINDOW_OVER, key=KEY.replace("@1", "@2"), version="v2")
    with db.read() as connection:
        _, old = experiments_of(connection, "accessories", "EUR", WINDOW_OVER + 20 * DAY)
    (still, sentence) = sentences(old, "en_US")
    assert still.startswith("A later version has drawn new lots: this is what it came to. 18 people do not count, as")
    assert "pace" not in sentence


def test_one_that_ended_with_few_people_is_not_told_to_wait(db: Database) -> None:
    file(db)
    crowd(db, "control", 40, 3)
    crowd(db, "b", 40, 3)
    assert told(db, WINDOW_OVER + DAY)[0] == "b: too few people to say anything: each arm needs 100 of them."


def test_orders_before_or_after_the_window_and_refunded_ones_do_not_count(db: Database) -> None:
    file(db)
    rows = Rows(db)
    (ada,) = crowd(db, "b", 1, 0)
    crowd(db, "control", 1, 0)
    rows.order(ada, MONDAY - DAY, total_minor=100)
    rows.order(ada, MONDAY + 13 * DAY, total_minor=1_000)
    rows.order(ada, MONDAY + 13 * DAY, total_minor=10_000, state="refunded")
    rows.order(ada, MONDAY + 15 * DAY, total_minor=100_000)
    assert found(db).arms[1].spent == 1_000


def test_a_person_of_two_addresses_is_one_in_the_arm_that_counted_first(db: Database) -> None:
    file(db)
    (ada,) = crowd(db, "control", 1, 1)
    (again,) = crowd(db, "b", 1, 1, at=MONDAY + DAY)
    with db.write() as connection:
        connection.execute(update(recipients).where(recipients.c.id == ada).values(merged_into=again))
    report = found(db, WINDOW_OVER + DAY)
    assert [(one.arm, one.people, one.spent) for one in report.arms] == [("control", 1, 10_000), ("b", 0, 0)]


def test_an_old_report_stays_as_it_was_when_lots_are_drawn_anew(db: Database) -> None:
    file(db)
    crowd(db, "control", 150, 12)
    b = crowd(db, "b", 150, 14)
    restart = MONDAY + 20 * DAY
    before = found(db, restart)
    file(db, "v2", restart, version=2)
    for arm in ("control", "b"):
        crowd(db, arm, 120, 30, at=restart, key=KEY.replace("@1", "@2"), version="v2")
    rows = Rows(db)
    for id_ in b:
        rows.order(id_, restart + DAY)
    with db.read() as connection:
        new, old = experiments_of(connection, "accessories", "EUR", restart + 30 * DAY)
    assert (new.version, old.version, old.replaced) == (2, 1, True)
    assert (old.arms, old.verdicts, old.looked_at) == (before.arms, before.verdicts, before.looked_at)
    assert [one.people for one in new.arms] == [120, 120]


def test_what_decides_is_what_the_file_said_when_it_began(db: Database) -> None:
    file(db)
    crowd(db, "control", 5, 1)
    file(db, "v2", MONDAY + DAY, metric="revenue", people=500, window="1d", control_weight=3)
    report = found(db)
    assert (report.metric, report.planned, report.window_days) == ("conversion", None, 14)
    assert [one.share for one in report.arms] == [0.75, 0.25]


def test_arms_of_odd_sizes_are_not_trusted_and_weights_that_changed_are_no_alarm(db: Database) -> None:
    file(db)
    file(db, "v2", MONDAY + DAY, control_weight=9)
    crowd(db, "control", 200, 10)
    crowd(db, "b", 200, 60)
    crowd(db, "control", 180, 10, at=MONDAY + DAY, version="v2")
    crowd(db, "b", 20, 3, at=MONDAY + DAY, version="v2")
    assert not found(db, WINDOW_OVER + DAY).sorted_by_something
    crowd(db, "b", 90, 3, at=MONDAY + 2 * DAY, version="v2")
    (line,) = told(db, WINDOW_OVER + 2 * DAY)
    assert line.startswith("Do not trust this")


def test_a_bandit_is_labeled_and_nothing_of_it_is_tested(db: Database) -> None:
    file(db, mode="bandit")
    crowd(db, "control", 200, 10)
    crowd(db, "b", 200, 90)
    report = found(db)
    assert told(db) == [NOT_TESTABLE]
    assert (report.verdicts, report.beside) == ((), ())
    assert [one.ordered for one in report.arms] == [10, 90]


def test_arms_of_odd_sizes_are_not_trusted_and_nothing_else_is_said_of_them(db: Database) -> None:
    file(db)
    crowd(db, "control", 200, 20)
    crowd(db, "b", 120, 60)
    assert told(db) == [
        "Do not trust this: the arms are of sizes that chance does not make, so something sorts people."
    ]
    assert (found(db).sorted_by_something, found(db).verdicts, found(db).beside) == (True, (), ())


def test_what_is_only_to_look_at_names_its_arm(db: Database) -> None:
    file(db, variants=[{"id": "b", "subject": "B"}, {"id": "c", "subject": "C"}])
    for arm in ("control", "b", "c"):
        crowd(db, arm, 120, 20)
    report = found(db)
    lines = [belief(verdict, report, "en_US") for verdict in report.verdicts]
    assert [line.partition(":")[0] for line in lines] == ["b", "c"]


def test_clicks_and_those_who_left_are_people_of_their_arm(db: Database) -> None:
    file(db)
    rows = Rows(db)
    ada, ben = crowd(db, "b", 2, 0)
    for who in (ada, ben):
        order_id = rows.order(who, MONDAY - DAY)
        send = rows.send(order_id, who, MONDAY)
        with db.write() as connection:
            connection.execute(update(sends).where(sends.c.id == send).values(experiment=KEY, variant="b"))
        rows.click(send, who, MONDAY + DAY, "human" if who == ada else "machine")
        if who == ben:
            left = {"stage": "leave", "campaign": "accessories", "order_id": order_id, "send_id": send}
            with db.write() as connection:
                connection.execute(
                    insert(decisions).values(**left, at=MONDAY + DAY, outcome="left", reason="unsubscribed", inputs={})
                )
    (b,) = (one for one in found(db).arms if one.arm == "b")
    assert (b.mails, b.clicked, b.left, b.complained) == (2, 1, 1, 0)


def test_what_the_database_adds_up_is_what_is_added_up_person_by_person(db: Database) -> None:
    """With and without rates: large amounts, refunds, two addresses, the borders of each span, windows over at
    midnight and just after, and every thing that a mail can come to."""
    file(db)
    file(db, of="v2", at=MONDAY + DAY, variants=[{"id": "b", "subject": "B", "weight": 2}])
    rows, dice, step = Rows(db), Random(3), timedelta(microseconds=1)
    midnight = MONDAY.replace(hour=0)
    starts = [MONDAY, midnight - step, midnight, midnight + step, MONDAY + 30 * DAY]
    spans = [-365 * DAY, step - 365 * DAY, -DAY, timedelta(0), step, 14 * DAY, 14 * DAY + step]
    people = [
        (who, start, version)
        for start in starts
        for arm in ("control", "b")
        for version in ("v1", "v2")
        for who in crowd(db, arm, 12, 2, at=start, version=version)
    ]
    with db.write() as connection:
        for (one, *_), (other, *_) in zip(people[::11], people[1::11], strict=False):
            connection.execute(update(recipients).where(recipients.c.id == one).values(merged_into=other))
    for who, start, _ in people:
        for _ in range(dice.randrange(3)):
            about = {"state": dice.choice(["completed", "completed", "refunded", "placed"])}
            about["currency"] = dice.choice(["EUR", "EUR", "USD", "JPY"])
            bought = rows.order(who, start + dice.choice(spans), total_minor=dice.randrange(10**5), **about)
            if not dice.randrange(6):
                rows.line(bought, "LAMP", 1, 2_000)
                rows.reversal(bought, "r", sku="LAMP", quantity=1)
        if dice.randrange(3):
            _mail(db, rows, dice, who, start)
    rates = table("EUR", [Rate("USD", MONDAY.date(), Decimal("0.91"))])
    until = MONDAY + 40 * DAY
    with db.read() as connection:
        for by in (None, rates):
            few, many = (experiments_of(connection, "accessories", "EUR", until, by, many) for many in (999, 0))
            assert few == many
        assert sum(arm.waiting for arm in few[0].arms) > 30
        assert all(min(arm.mails, arm.ordered, arm.clicked, arm.left, arm.complained) > 3 for arm in few[0].arms)


def _mail(db: Database, rows: Rows, dice: Random, who: int, start: Any) -> None:
    """A mail of the experiment that came to something, in time or just too late."""
    late = [timedelta(0), DAY, 14 * DAY, 14 * DAY + timedelta(microseconds=1)]
    order_id = rows.order(who, start - DAY)
    send = rows.send(order_id, who, start + dice.choice(late))
    state = dice.choice(["sent", "delivered", "complained", "bounced", "failed"])
    with db.write() as connection:
        connection.execute(update(sends).where(sends.c.id == send).values(experiment=KEY, variant="b", state=state))
    for _ in range(dice.randrange(3)):
        rows.click(send, who, start + dice.choice(late), dice.choice(["human", "machine"]))
    if dice.randrange(2):
        left = {"stage": "leave", "campaign": "accessories", "order_id": order_id, "send_id": send, "inputs": {}}
        with db.write() as connection:
            at = start + dice.choice(late)
            connection.execute(insert(decisions).values(**left, at=at, outcome="left", reason="unsubscribed"))


def test_it_is_told_in_json(db: Database) -> None:
    file(db)
    crowd(db, "control", 30, 5)
    assert found(db).as_json()["arms"][0]["conversion"] == pytest.approx(5 / 30)
