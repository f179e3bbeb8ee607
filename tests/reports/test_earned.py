"""What a campaign earned, on each kind of database: told from people whose spending is known."""

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from sqlalchemy import insert, update

from aftercart.db.session import Database
from aftercart.db.tables import campaign_versions, exposures, recipients, sends
from aftercart.exchange.rates import Rate, table
from aftercart.pipeline.attribute import attribute
from aftercart.reports.earned import report_on
from aftercart.reports.earned.against_holdout import AgainstHoldout, against_holdout
from aftercart.reports.earned.funnel import Stage
from aftercart.reports.earned.spending import spending
from aftercart.reports.earned.words import headline, headlines
from tests.rows import MONDAY, Rows

DAY = timedelta(days=1)
UNTIL = MONDAY + 60 * DAY
CAMPAIGN = "campaign:accessories"


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    with closing(Database(database_url)) as opened:
        yield opened


def assign(db: Database, recipient_id: int, arm: str, experiment: str = CAMPAIGN) -> None:
    row = {"experiment": experiment, "recipient_id": recipient_id, "arm": arm, "config_hash": "v1", "at": MONDAY}
    with db.write() as connection:
        connection.execute(insert(exposures).values(row))


def crowd(db: Database, treated: int, held_out: int, *, spend_treated: int, spend_held_out: int) -> None:
    """People of both arms who each buy once, for about so much."""
    rows, dice = Rows(db), Random(1)
    with db.write() as connection:
        about = {"campaign": "accessories", "version": "v1", "definition": {"holdout": "50%"}, "first_seen_at": MONDAY}
        connection.execute(insert(campaign_versions).values(about))
    for number in range(treated + held_out):
        who = rows.recipient(f"p{number}@example.com")
        arm, spend = ("treated", spend_treated) if number < treated else ("holdout", spend_held_out)
        assign(db, who, arm)
        before = dice.randrange(1000, 5000)
        rows.order(who, MONDAY - 9 * DAY, total_minor=before)
        rows.order(who, MONDAY + 3 * DAY, total_minor=spend + before + dice.randrange(-300, 300))


def found(db: Database, experiment: str = CAMPAIGN) -> AgainstHoldout:
    with db.read() as connection:
        return against_holdout(connection, experiment, "EUR", UNTIL)[0]


def test_what_people_spend_more_than_the_holdout_is_what_was_earned(db: Database) -> None:
    crowd(db, 60, 60, spend_treated=3000, spend_held_out=1000)
    told = found(db)
    assert (told.treated, told.held_out) == (60, 60)
    assert told.earned is not None
    assert told.earned.low < 60 * 2000 < told.earned.high
    assert told.earned.decides
    assert told.more_people == 0
    words = headline(told, "en_US")
    assert words.startswith("It earned €1,")
    assert "60 people who may get its mails, 60 who get none" in words


def test_who_was_held_out_and_mailed_since_is_told_of(db: Database) -> None:
    """While the file names no holdout nobody holds them back, and the report still called them those who get none."""
    crowd(db, 60, 60, spend_treated=3000, spend_held_out=1000)
    rows, held = Rows(db), range(61, 65)
    for number, who in enumerate(held):
        order = rows.order(who, MONDAY + 5 * DAY, shop_order_id=f"held {number}")
        rows.send(order, who, MONDAY + (6 if number < 3 else -6) * DAY)
    told = found(db)
    assert (told.held_out, told.let_go) == (60, 3)
    assert "3 of those who get none got mails all the same" in headline(told, "en_US")


def test_what_it_says_of_no_currency_it_says_once(db: Database) -> None:
    crowd(db, 20, 20, spend_treated=3000, spend_held_out=1000)
    Rows(db).order(1, MONDAY + DAY, currency="SEK", shop_order_id="in kronor")
    with db.read() as connection:
        both = against_holdout(connection, CAMPAIGN, "EUR", UNTIL)
    assert [one.currency for one in both] == ["EUR", "SEK"]
    (line,) = headlines(both, "en_US")
    assert line.startswith("Too early to say")


def test_mail_that_is_owed_to_everybody_lets_nobody_of_the_brand_s_holdout_go(db: Database) -> None:
    rows = Rows(db)
    for number, arm in enumerate(["treated", "holdout", "holdout"]):
        assign(db, rows.recipient(f"p{number}@example.com"), arm, "brand")
    with db.write() as connection:
        about = {"campaign": "thanks", "version": "v7", "definition": {"class": "transactional"}}
        connection.execute(insert(campaign_versions).values(first_seen_at=MONDAY, **about))
    owed = rows.send(rows.order(2), 2, MONDAY + DAY)
    with db.write() as connection:
        connection.execute(update(sends).where(sends.c.id == owed).values(config_version="v7"))
    assert found(db, "brand").let_go == 0
    rows.send(rows.order(3), 3, MONDAY + DAY)
    assert found(db, "brand").let_go == 1


def test_where_nothing_differs_nobody_wins(db: Database) -> None:
    crowd(db, 40, 40, spend_treated=1000, spend_held_out=1000)
    told = found(db)
    assert told.earned is not None
    assert not told.earned.decides
    assert "can still be chance" in headline(told, "en_US")


def test_a_loss_that_can_be_chance_is_called_a_loss(db: Database) -> None:
    crowd(db, 60, 60, spend_treated=1000, spend_held_out=1050)
    words = headline(found(db), "en_US")
    assert re.match(r"It may have lost €[\d,.]+, but that can still be chance\. With 95 % certainty between -€", words)


def test_what_was_spent_before_makes_it_sharper(db: Database) -> None:
    """Most of what tells people apart is how much they spend anyway: the bounds are narrower than without it."""
    crowd(db, 60, 60, spend_treated=1000, spend_held_out=1000)
    told = found(db)
    assert told.spending is not None
    assert told.spending.high - told.spending.low < 500, "people differ by thousands"


def test_few_people_say_nothing(db: Database) -> None:
    crowd(db, 10, 4, spend_treated=3000, spend_held_out=1000)
    assert headline(found(db), "en_US") == (
        "Too early to say: 10 people who may get its mails, 4 who get none. Each group needs at least 30."
    )


def test_groups_of_odd_sizes_are_not_trusted(db: Database) -> None:
    crowd(db, 90, 35, spend_treated=3000, spend_held_out=1000)
    assert found(db).sorted_by_something
    assert headline(found(db), "en_US").startswith("Do not trust this comparison")


def test_without_a_holdout_nothing_is_claimed(db: Database) -> None:
    rows = Rows(db)
    assign(db, rows.recipient(), "treated")
    with db.read() as connection:
        assert against_holdout(connection, CAMPAIGN, "EUR", UNTIL) == []
    assert headline(None, "en_US").startswith("Nobody is held out")


def test_refunds_other_currencies_and_orders_before_do_not_count(db: Database) -> None:
    rows = Rows(db)
    ada, ben = rows.recipient("ada@example.com"), rows.recipient("ben@example.com")
    assign(db, ada, "treated")
    assign(db, ben, "holdout")
    rows.order(ada, MONDAY - DAY, total_minor=100_000)
    kept = rows.order(ada, MONDAY + DAY, total_minor=5_000)
    rows.line(kept, "LAMP", 1, 2_000)
    rows.reversal(kept, "r1", sku="LAMP", quantity=1)
    rows.order(ada, MONDAY + DAY, total_minor=7_000, state="canceled")
    rows.order(ada, MONDAY + DAY, total_minor=900, currency="USD")
    with db.read() as connection:
        euros, dollars = against_holdout(connection, CAMPAIGN, "EUR", UNTIL)
    assert (euros.spent_treated, euros.spent_held_out) == (3_000, 0)
    assert (dollars.currency, dollars.spent_treated) == ("USD", 900)


def test_the_orders_of_many_people_are_those_of_few(db: Database) -> None:
    rows = Rows(db)
    ada, ben, other = (rows.recipient(f"{name}@example.com") for name in ("ada", "ben", "other"))
    with db.write() as connection:
        connection.execute(update(recipients).where(recipients.c.id == ada).values(merged_into=ben))
    kept = rows.order(ada, total_minor=5_000)
    rows.line(kept, "LAMP", 1, 2_000)
    rows.reversal(kept, "r1", sku="LAMP", quantity=1)
    for who, state in ((ben, "canceled"), (ben, "placed"), (other, "completed")):
        rows.order(who, state=state)
    rows.order(ben, UNTIL + DAY)
    with db.read() as connection:
        few, many = (
            sorted((row.person, worth.minor) for row, worth in spending(connection, [ben], UNTIL, many=many))
            for many in (9, 0)
        )
    assert few == many == [(ben, 0), (ben, 3_000)]


def test_with_rates_all_money_is_of_one_kind_but_what_they_do_not_know(db: Database) -> None:
    """Each order by its own day."""
    rates = table("EUR", [Rate("USD", (MONDAY + 2 * DAY).date(), Decimal("0.5"))])
    rows = Rows(db)
    ada, ben = rows.recipient("ada@example.com"), rows.recipient("ben@example.com")
    assign(db, ada, "treated")
    assign(db, ben, "holdout")
    rows.order(ada, MONDAY + DAY, total_minor=1_000)
    rows.order(ada, MONDAY + DAY, total_minor=70, currency="USD")
    rows.order(ada, MONDAY + 3 * DAY, total_minor=600, currency="USD")
    with db.read() as connection:
        found = against_holdout(connection, CAMPAIGN, "EUR", UNTIL, rates)
    assert [(one.currency, one.spent_treated) for one in found] == [("EUR", 1_300), ("USD", 70)]


def test_the_credit_of_each_order_is_converted_by_its_day(db: Database) -> None:
    later = (MONDAY + 2 * DAY).date()
    rates = table("EUR", [Rate("USD", MONDAY.date(), Decimal("0.5")), Rate("USD", later, Decimal(2))])
    rows = Rows(db)
    ada = rows.recipient("ada@example.com")
    sent = rows.send(rows.order(ada), ada, MONDAY)
    rows.link(sent)
    rows.click(sent, ada, MONDAY)
    for days in (1, 3):
        bought = rows.order(ada, MONDAY + days * DAY, total_minor=100, currency="USD")
        with db.write() as connection:
            attribute(connection, [bought], {}, UNTIL)
    with db.read() as connection:
        told = report_on(connection, "accessories", "EUR", UNTIL, rates=rates)
    assert (told.total.credited, told.rates) == ({"EUR": 250}, rates.version)
    assert _stage(db, "accessories").credited == {"USD": 200}


def test_what_the_database_adds_up_is_what_is_added_up_person_by_person(db: Database) -> None:
    """To the last digit, with and without rates: large amounts, refunds, two addresses, the borders of each span."""
    rows, dice = Rows(db), Random(2)
    people = [rows.recipient(f"p{number}@example.com") for number in range(90)]
    step = timedelta(microseconds=1)
    instants = [MONDAY + off for off in (-365 * DAY, step - 365 * DAY, -DAY, timedelta(0), step, 9 * DAY, 70 * DAY)]
    with db.write() as connection:
        for number in range(0, 90, 9):
            one, other = people[number], people[number + 1]
            connection.execute(update(recipients).where(recipients.c.id == one).values(merged_into=other))
    for number, who in enumerate(people):
        assign(db, who, "holdout" if number % 3 else "treated")
        for _ in range(dice.randrange(5)):
            about = {"state": dice.choice(["completed", "completed", "completed", "refunded", "placed", "test"])}
            about["currency"] = dice.choice(["EUR", "EUR", "USD", "JPY"])
            bought = rows.order(who, dice.choice(instants), total_minor=dice.randrange(9 * 10**9), **about)
            if not dice.randrange(6):
                rows.line(bought, "LAMP", 1, 2_000)
                rows.reversal(bought, "r", sku="LAMP", quantity=1)
    rates = table("EUR", [Rate("USD", MONDAY.date(), Decimal("0.91"))])
    with db.read() as connection:
        for by in (None, rates):
            few, many = (against_holdout(connection, CAMPAIGN, "EUR", UNTIL, by, many=many) for many in (99, 0))
            assert few == many
            assert few[0].spent_treated > 0
            assert few[0].ordering


def test_two_addresses_of_a_person_are_one_person(db: Database) -> None:
    rows = Rows(db)
    ada, again, ben = (rows.recipient(f"{name}@example.com") for name in ("ada", "ada2", "ben"))
    with db.write() as connection:
        connection.execute(update(recipients).where(recipients.c.id == ada).values(merged_into=again))
    for who, arm in ((ada, "treated"), (again, "treated"), (ben, "holdout")):
        assign(db, who, arm)
    rows.order(ada, MONDAY + DAY, total_minor=1_000)
    rows.order(again, MONDAY + 2 * DAY, total_minor=1_000)
    told = found(db)
    assert (told.treated, told.spent_treated) == (1, 2_000)


def test_the_funnel_counts_mails_clicks_and_credit_by_step(db: Database) -> None:
    rows = Rows(db)
    ada, ben = rows.recipient("ada@example.com"), rows.recipient("ben@example.com")
    sent = rows.send(rows.order(ada), ada, MONDAY + DAY)
    held = rows.send(rows.order(ben), ben, None)
    with db.write() as connection:
        connection.execute(update(sends).where(sends.c.id == held).values(state="skipped", reason="holdout"))
        name = connection.execute(sends.select().where(sends.c.id == sent)).one()
    rows.link(sent)
    rows.click(sent, ada, MONDAY + DAY, "machine")
    assert _stage(db, name.campaign).clicked == 0
    rows.click(sent, ada, MONDAY + DAY)
    rows.click(sent, ada, MONDAY + DAY)
    stage = _stage(db, name.campaign)
    assert (stage.planned, stage.sent, stage.clicked, stage.ordered) == (2, 1, 1, 0)
    assert stage.withheld == {"holdout": 1}


def _stage(db: Database, campaign: str) -> Stage:
    with db.read() as connection:
        told = report_on(connection, campaign, "EUR", UNTIL)
    return told.total
