"""What came of mails week by week, on each kind of database: counted from a story that is known, and told again."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import attempts, attributions, decisions, feedback, model_versions, picks, refusals, sends
from aftercart.exchange.rates import Rate, table
from aftercart.pipeline.learning.survey import survey
from aftercart.pipeline.learning.weeks import count_weeks
from aftercart.reports.counting.kept import Basis
from aftercart.reports.weekly import CohortWeek, Domain, annoying, cohorts, domains, pairs, parts
from aftercart.testing import engine
from tests.cast import clock_of
from tests.rows import MONDAY, Rows

DAY = timedelta(days=1)
WEEK = date(2026, 3, 2)
TESTED = {"comparison": {"lightfm": {"ndcg10": 0.25, "hr10": 0.5}}}


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    with engine(tmp_path, SteppedClock(MONDAY + 3 * DAY), database_url=database_url) as app:
        yield app


class Week:
    """Forty people are mailed on Monday about a bike, each with a lamp (chosen by the model) and a bell."""

    def __init__(self, app: App) -> None:
        self.rows, self._app = Rows(app.db), app
        for sku in ("BIKE", "LAMP", "BELL"):
            self.rows.product(sku, url=f"https://shop.example/{sku.lower()}")
        self._put(model_versions, {"version": "m1", "state": "serving", "trained_at": MONDAY, "checksum": ""}, TESTED)
        self.people = [self.rows.recipient(f"p{n}@{'big' if n < 20 else f'own{n}'}.example") for n in range(40)]
        self.mails = [self.mail(who, MONDAY) for who in self.people]

    def mail(self, who: int, at: datetime) -> UUID:
        """One with both products; each links to its page."""
        sent = self.rows.send(self.rows.order(who, at - 3 * DAY), who, at)
        self.set(sent, model_version="m1")
        for slot, (sku, source) in enumerate((("LAMP", "lightfm"), ("BELL", "best_sellers")), start=1):
            about = {"send_id": sent, "slot": slot, "sku": sku, "title": sku, "because": "BIKE", "source": source}
            self._put(picks, about | {"score": 1.0, "evidence": {}})
            self.rows.link(sent, f"https://shop.example/{sku.lower()}?utm_source=x", position=slot - 1)
        return sent

    def set(self, mail: UUID, **values: Any) -> None:
        with self._app.db.write() as connection:
            connection.execute(update(sends).where(sends.c.id == mail).values(**values))

    def bought(self, number: int, sku: str, click: int) -> None:
        """In an order that is credited to their mail, for 40.00 EUR of which 10.00 are paid back."""
        order = self.rows.order(self.people[number], MONDAY + 2 * DAY, total_minor=4_000)
        self.rows.line(order, sku, 1, 4_000)
        self.rows.reversal(order, "r", amount_minor=1_000, kind="adjustment")
        credit = {"model": "last_click", "order_id": order, "send_id": self.mails[number], "click_id": click}
        self._put(attributions, credit | {"amount_minor": 4_000, "currency": "EUR", "created_at": MONDAY})

    def refused(self, number: int, sku: str) -> None:
        """ "Less like this", by the reader of that mail."""
        said = {"recipient_id": self.people[number], "kind": "sku", "value": sku, "why": "less_like_this"}
        self._put(refusals, said | {"at": MONDAY + DAY})

    def left(self, number: int) -> None:
        """By a link of their mail."""
        with self._app.db.read() as connection:
            order_id = connection.execute(sends.select().where(sends.c.id == self.mails[number])).one().order_id
        about = {"at": MONDAY + DAY, "stage": "leave", "campaign": "accessories", "order_id": order_id}
        self._put(decisions, about | {"outcome": "left", "reason": "unsubscribed", "inputs": {}}, self.mails[number])

    def told(self, number: int, kind: str) -> None:
        """What a mail server reported of a mail."""
        about = {"event_id": number, "source": "x", "fact_key": f"{number}{kind}", "kind": kind, "at": MONDAY}
        self._put(feedback, about | {"send_id": self.mails[number], "heard_at": MONDAY})

    def tried(self, number: int, outcome: str) -> None:
        """How a mail was first handed over."""
        about = {"send_id": self.mails[number], "attempt": 1, "provider": "smtp", "message_id": "", "outcome": outcome}
        self._put(attempts, about | {"started_at": MONDAY})

    def _put(self, into: Any, row: dict[str, Any], more: Any = None) -> None:
        extra = {model_versions: "facts", decisions: "send_id"}.get(into)
        with self._app.db.write() as connection:
            connection.execute(into.insert(), row | ({extra: more} if extra else {}))


def test_a_pair_counts_what_people_did_with_this_product(app: App) -> None:
    """Whoever opens the link to the lamp has not opened that to the bell; leaving counts for all that was shown."""
    week = Week(app)
    week.rows.click(week.mails[0], week.people[0], MONDAY + DAY, "machine")
    click = week.rows.click(week.mails[1], week.people[1], MONDAY + DAY)
    week.rows.click(week.mails[1], week.people[1], MONDAY + DAY)
    week.bought(1, "LAMP", click)
    week.refused(2, "BELL")
    week.left(3)
    for _ in range(2):  # twice is once
        count_weeks(app)
    with app.db.read() as connection:
        found = pairs(connection, "accessories", WEEK)
        assert pairs(connection, "another", WEEK) == pairs(connection, None, WEEK + 7 * DAY) == []
        served = parts(connection, WEEK)
    lamp, bell = sorted(found, key=lambda pair: pair.sku, reverse=True)
    assert (lamp.anchor, lamp.pick, lamp.mails) == ("BIKE", "LAMP", 40)
    assert (lamp.clicked, lamp.bought, lamp.refused, lamp.left_after) == (1, 1, 0, 1)
    assert (bell.clicked, bell.bought, bell.refused, bell.left_after) == (0, 0, 1, 1)
    assert annoying(found) == [bell, lamp]
    assert [(p.source, p.picks, p.clicked, p.bought, p.ndcg10) for p in served if p.model == "m1"] == [
        ("best_sellers", 40, 0, 0, None), ("lightfm", 40, 1, 1, 0.25),
    ]  # fmt: skip


def test_what_comes_late_is_counted_the_next_day_and_not_after_a_month(app: App) -> None:
    week = Week(app)
    count_weeks(app)
    for days in (20, 28, 40):
        week.rows.click(week.mails[days // 2], week.people[days // 2], MONDAY + days * DAY)
        clock_of(app).step(MONDAY + days * DAY + timedelta(hours=1) - app.clock())
        count_weeks(app)
        with app.db.read() as connection:
            assert sum(pair.clicked for pair in pairs(connection, None, WEEK)) == (1 if days == 20 else 2)


def test_what_a_stop_of_six_weeks_has_left_uncounted_is_counted_once_it_is_over(app: App) -> None:
    """The engine stood still from Thursday of the first week on, while mail services and readers did not."""
    week = Week(app)
    count_weeks(app)
    for number, days in enumerate((4, 9)):
        click = week.rows.click(week.mails[number], week.people[number], MONDAY + days * DAY)
        week.bought(number, "LAMP", click)
        week.mail(week.people[number], MONDAY + days * DAY)
    clock_of(app).step(42 * DAY)
    for _ in range(2):  # twice is once
        count_weeks(app)
        with app.db.read() as connection:
            found = pairs(connection, None, WEEK)
            (cohort,) = cohorts(connection, Basis.MAILED, WEEK)
        assert [(pair.mails, pair.bought) for pair in found] == [(42, 0), (42, 2)]
        assert [(told.mails, told.clicked, told.orders) for told in cohort.weeks[:2]] == [(41, 1, 4), (1, 1, 0)]
        clock_of(app).step(DAY)


def test_two_that_count_at_the_same_time_do_not_stand_in_each_others_way(app: App) -> None:
    """A second scheduler is harmless."""
    Week(app)
    together = Barrier(2)

    def both() -> None:
        for _ in range(6):
            together.wait(timeout=30)
            survey(app)

    with ThreadPoolExecutor(2) as pool:
        faults = [done.exception() for done in [pool.submit(both) for _ in range(2)]]
    assert faults == [None, None]
    with app.db.read() as connection:
        assert [pair.mails for pair in pairs(connection, None, WEEK)] == [40, 40]


def test_domains_of_few_people_are_told_together(app: App) -> None:
    week = Week(app)
    for number in (0, 1, 2, 20):
        week.set(week.mails[number], state="bounced")
    week.told(0, "soft_bounce")
    week.told(0, "hard_bounce")
    week.told(1, "soft_bounce")
    week.told(2, "refused")
    week.set(week.mails[3], state="delivered", tries=2)
    week.tried(3, "deferred")
    week.set(week.mails[4], state="complained", tries=2)
    week.tried(4, "held")
    week.set(week.mails[5], state="failed", reason="hard_bounce", sent_at=None)
    week.set(week.mails[6], state="failed", reason="gave_up", sent_at=None)
    week.set(week.mails[7], state="failed", reason="template_error", sent_at=None)
    count_weeks(app)
    with app.db.read() as connection:
        big, others = domains(connection, WEEK)
    assert big == Domain(
        "big.example", sent=17, refused=2, deferred=1, delivered=2, bounced=3, hard_bounced=2, soft_bounced=1,
        complained=1,
    )  # fmt: skip
    assert (others.domain, others.sent, others.bounced) == ("", 20, 1)


def test_a_cohort_is_followed_from_its_first_mail_or_order(app: App) -> None:
    """They ordered three days before their first mail: that made them a cohort of the week before, by orders."""
    week = Week(app)
    click = week.rows.click(week.mails[1], week.people[1], MONDAY + DAY)
    week.bought(1, "LAMP", click)
    week.left(3)
    count_weeks(app)
    clock_of(app).step(8 * DAY)
    week.mail(week.people[0], MONDAY + 8 * DAY)
    week.rows.order(week.people[0], MONDAY + 9 * DAY, total_minor=1_000, currency="USD")
    week.mail(week.rows.recipient("new@own.example"), MONDAY + 9 * DAY)
    count_weeks(app)
    rates = table("EUR", [Rate("USD", (MONDAY + 8 * DAY).date(), Decimal("0.5"))])
    with app.db.read() as connection:
        new, first = cohorts(connection, Basis.MAILED, WEEK)
        converted = cohorts(connection, Basis.MAILED, WEEK, rates)[1]
        by_order = cohorts(connection, Basis.ORDERED, WEEK - 7 * DAY)
    assert (new.week, new.people, first.week, first.people) == (WEEK + 7 * DAY, 1, WEEK, 40)
    assert first.weeks[0] == CohortWeek(mails=40, clicked=1, leavers=1, orders=2, revenue={"EUR": 13_000})
    assert first.weeks[1].mails == 1
    assert (first.weeks[1].orders, first.weeks[1].revenue) == (1, {"USD": 1_000})
    assert converted.weeks[1].revenue == {"EUR": 500}
    assert [(cohort.week, cohort.people, cohort.weeks[0].orders) for cohort in by_order] == [
        (WEEK, 1, 1), (WEEK - 7 * DAY, 40, 40),
    ]  # fmt: skip
