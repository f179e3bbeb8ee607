"""Stored orders happen again; held against an engine that lived through them, and against what nobody could know."""

import csv
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from aftercart.backtest import source
from aftercart.backtest.report import Report
from aftercart.backtest.run import Wanted, backtest, replayed
from aftercart.backtest.sandbox import numbered_ids
from aftercart.backtest.story import story
from aftercart.bootstrap import App
from aftercart.campaigns.loader import load_on_trial
from aftercart.clock import SteppedClock
from aftercart.db.tables import consents, picks, sends
from aftercart.errors import ConfigError
from aftercart.pipeline.incoming.load import load_orders
from aftercart.pipeline.learning.train import train
from aftercart.testing import engine, run_until, settings_for
from tests.cast import BEN, CHIKA, DAY, HOUR, SHELF, Shop, clock_of, customer, order, outbox, refund, stock_up

START = datetime(2026, 3, 2, tzinfo=UTC)
END = START + 7 * DAY
CAMPAIGN = """\
campaign: accessories
status: draft
trigger: order.completed
steps:
  - id: complements
    after: 2d
    at: "10:00"
    valid_for: 2d
    template: offer
    recommend: {slots: 1}
limits: {frequency_cap: [1 per 3d], quiet_hours: "21:00-08:00"}
holdout: 20%
"""
BODY = """\
<mjml><mj-body><mj-section><mj-column>
<mj-text>Hi {{ recipient.first_name or "you" }}{% for pick in picks %}
<a href="{{ pick.url }}">{{ pick.title }}</a> {% endfor %}</mj-text>
<mj-text><a href="{{ links.unsubscribe }}">Leave</a> {{ brand.postal_address }}</mj-text>
</mj-column></mj-section></mj-body></mjml>
"""


def week(app: App) -> None:
    """What happens from START on, told to an engine as a shop tells it; the engine lives on meanwhile."""
    for number in range(30):
        run_until(app, START + number * 5 * HOUR + timedelta(minutes=7))
        order(app, f"w{number}", customer(number % 9), [{"sku": SHELF[number % 8], "quantity": 1, "unit_price": "20"}])
        run_until(app, app.clock() + HOUR)
        if number == 6:
            refund(app, "w4")
    order(app, "ben", BEN)
    run_until(app, app.clock() + HOUR)
    order(app, "chika", CHIKA)
    run_until(app, START + 20 * DAY)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop").write(CAMPAIGN).template("offer", BODY)


def past(app: App, file: Path, *extra: tuple[str, ...]) -> None:
    """Ninety orders of February from which a model can learn."""
    rows = [
        (
            f"p{n}",
            f"c{n % 17}",
            f"customer{n % 17}@example.com",
            (START - timedelta(days=20) + n * 4 * HOUR).isoformat(),
            sku,
            "1",
            "20.00",
        )
        for n in range(90)
        for sku in (SHELF[n % 8], SHELF[(n + 1 + n % 2) % 8])
    ]
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("order_id", "customer_id", "email", "ordered_at", "sku", "quantity", "unit_price"))
        writer.writerows([*rows, *extra])
    load_orders(app.db, file, START, app.address_hashes)


@pytest.fixture
def lived(shop: Shop, tmp_path: Path) -> Iterator[App]:
    """An engine that lived through the week, with its campaign let loose, and a model trained at its start."""
    shop.write(CAMPAIGN.replace("draft", "active"))
    with engine(tmp_path / "live", SteppedClock(START - DAY), **shop.files) as built:
        app = replace(built, new_id=numbered_ids())
        stock_up(app, SHELF)
        past(app, tmp_path / "past.csv")
        run_until(app, START)
        train(app.db, app.settings.models_dir, app.clock)
        week(app)
        yield app


def tried(shop: Shop, app: App, tmp_path: Path, **wanted: Any) -> Report:
    settings = settings_for(tmp_path / "back", **shop.files)
    trial = load_on_trial(settings.campaigns_dir, settings.campaigns_dir, settings.templates_dir)
    (report,) = backtest(settings, app.db, [trial], replace(Wanted(START, END), **wanted))
    return report


def test_a_backtest_does_what_an_engine_did_that_lived_through_it(lived: App, shop: Shop, tmp_path: Path) -> None:
    """Every decision with its facts, every mail with its picks, and the mails themselves: byte for byte."""
    with lived.db.read() as connection:
        expected = list(story(connection))
    settings = settings_for(tmp_path / "live", **shop.files)
    trial = load_on_trial(settings.campaigns_dir, settings.campaigns_dir, settings.templates_dir)
    folder = tmp_path / "run"
    folder.mkdir()
    with (
        closing(source.take(lived.db, folder)) as facts,
        replayed(settings, facts, folder / "0", trial, Wanted(START, END)) as run,
        run.sandbox.app.db.read() as connection,
    ):
        assert list(story(connection)) == expected
        mails = {mail.send_id: mail for mail in outbox(lived).messages}
        assert len(run.sandbox.outbox.samples) == min(len(mails), 12)
        assert all(sample == mails[sample.send_id] for sample in run.sandbox.outbox.samples)
    reasons = {line.split('"reason": ')[1].split(",")[0] for line in expected}
    assert {'"sent"', '"holdout"', '"no_consent"', '"order_refunded"', '"frequency_cap"'} <= reasons


def test_what_only_sells_later_is_never_shown_before(shop: Shop, tmp_path: Path) -> None:
    """A lamp that everybody buys with everything, from the fourth day on: before it the engine must not know of it."""
    shop.write(CAMPAIGN.replace("slots: 1", "slots: 8"))
    with engine(tmp_path / "live", SteppedClock(END), **shop.files) as app:
        stock_up(app, (*SHELF, "NOVELTY"))
        news = START + 3 * DAY
        later = [
            (f"n{n}", f"x{n}", f"x{n}@example.com", (news + n * HOUR).isoformat(), sku, "1", "20.00")
            for n in range(60)
            for sku in (SHELF[n % 8], "NOVELTY")
        ]
        early = [
            (f"e{n}", f"y{n}", f"y{n}@example.com", (START + 2 * n * HOUR).isoformat(), SHELF[n % 8], "1", "20.00")
            for n in range(60)
        ]
        past(app, tmp_path / "past.csv", *later, *early)
        settings = settings_for(tmp_path / "back", **shop.files)
        trial = load_on_trial(settings.campaigns_dir, settings.campaigns_dir, settings.templates_dir)
        wanted = Wanted(START, END, train_every=5 * DAY, suppose_consent=True)
        folder = tmp_path / "run"
        folder.mkdir()
        with closing(source.take(app.db, folder)) as facts:
            source.suppose_all_agree(facts)
            with (
                replayed(settings, facts, folder / "0", trial, wanted) as run,
                run.sandbox.app.db.read() as connection,
            ):
                mails = select(sends.c.sent_at, picks.c.sku).join(picks, picks.c.send_id == sends.c.id)
                shown = [(row.sent_at, row.sku) for row in connection.execute(mails)]
    before = {sku for at, sku in shown if at < news}
    assert len(before) > 3
    assert "NOVELTY" not in before
    assert "NOVELTY" in {sku for at, sku in shown if at > news + 2 * DAY}, "else this test could not fail"


def test_orders_without_address_or_consent_are_tried_as_if_they_had_them(shop: Shop, tmp_path: Path) -> None:
    with engine(tmp_path / "live", SteppedClock(END), **shop.files) as app:
        stock_up(app, SHELF)
        rows = [(f"n{n}", f"x{n}", "", (START + n * HOUR).isoformat(), SHELF[n % 8], "1", "20.00") for n in range(40)]
        past(app, tmp_path / "past.csv", *rows)
        as_known = tried(shop, app, tmp_path)
        supposed = tried(shop, app, tmp_path, suppose_consent=True)
        with app.db.read() as connection:
            assert connection.execute(select(consents)).all() == []
    assert (as_known.orders, as_known.planned, as_known.mails) == (40, 0, 0)
    assert as_known.without_address == 40
    assert [stop.reason for stop in as_known.refused] == ["no_email"]
    assert supposed.mails > 20
    assert sum(supposed.by_day.values()) == sum(supposed.by_hour) == supposed.mails
    assert {stop.reason for stop in supposed.stopped} == {"holdout"}
    assert supposed.mails + sum(stop.count for stop in supposed.stopped) == supposed.planned == 40


def test_where_nobody_bought_again_no_chooser_is_said_to_be_ahead(shop: Shop, tmp_path: Path) -> None:
    later = END + 40 * DAY
    with engine(tmp_path / "live", SteppedClock(later), **shop.files) as app:
        stock_up(app, SHELF)
        rows = [(f"n{n}", f"x{n}", "", (START + n * HOUR).isoformat(), SHELF[n % 8], "1", "20.00") for n in range(40)]
        last = ("last", "x99", "", (later - DAY).isoformat(), SHELF[0], "1", "20.00")
        past(app, tmp_path / "past.csv", *rows, last)
        guesses = tried(shop, app, tmp_path, suppose_consent=True).guesses
    assert all(guess.mails > 20 and guess.hits == 0 for guess in guesses)
    assert {guess.ahead for guess in guesses} == {None}


def test_who_said_no_is_not_mailed_even_if_all_are_supposed_to_agree(shop: Shop, tmp_path: Path) -> None:
    with engine(tmp_path / "live", SteppedClock(START), **shop.files) as app:
        stock_up(app, SHELF)
        past(app, tmp_path / "past.csv")
        clock_of(app).step(HOUR)
        order(app, "ben", BEN, [{"sku": "LAMP", "quantity": 1, "unit_price": "20"}])
        report = tried(shop, app, tmp_path, suppose_consent=True)
    assert [(stop.reason, stop.count) for stop in report.stopped] == [("no_consent", 1)]


def test_a_time_without_orders_is_refused_and_says_when_there_are_some(shop: Shop, tmp_path: Path) -> None:
    with engine(tmp_path / "live", SteppedClock(START), **shop.files) as app:
        stock_up(app, SHELF)
        past(app, tmp_path / "past.csv")
        with pytest.raises(ConfigError, match="those on record are from 2026-02-10 to 2026-02-24"):
            tried(shop, app, tmp_path, start=START + 99 * DAY, end=START + 100 * DAY)
