"""The list of sends: one line for each planned mail (T10)."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import sends
from aftercart.reports.sends import counts, listed
from aftercart.reports.status import numbers
from aftercart.testing import engine, run_until
from tests.cast import ADA, BEN, CHIKA, HOUR, MONDAY, Shop, campaign, clock_of, order, rows, tell_raw

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    shop = Shop(tmp_path / "shop").write(campaign())
    with engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        for order_id, who in (("1", ADA), ("2", BEN), ("3", CHIKA)):
            order(app, order_id, who)
        run_until(app, DUE - HOUR)
        yield app


def test_every_planned_mail_is_one_line_with_its_last_state(app: App) -> None:
    with app.db.read() as connection:
        lines = list(listed(connection))
    assert {line["order_id"]: (line["state"], line["reason"]) for line in lines} == {
        "1": ("scheduled", None),
        "2": ("scheduled", None),
        "3": ("sent", "sent"),
    }
    chika = next(line for line in lines if line["order_id"] == "3")
    assert chika["email"] == "chika@example.com"
    assert chika["sent_at"] == "2026-03-05T01:00:00+00:00"
    assert chika["subject"] == "About order 3"
    assert json.loads(json.dumps(chika)) == chika


def test_the_list_is_newest_first_and_can_be_cut_and_filtered(app: App) -> None:
    ids = [str(row["id"]) for row in rows(app, sends)]
    with app.db.read() as connection:
        assert [line["send_id"] for line in listed(connection)] == ids[::-1]
        assert [line["send_id"] for line in listed(connection, limit=1)] == ids[-1:]
        assert len(list(listed(connection, state="scheduled"))) == 2
        assert len(list(listed(connection, reason="sent", campaign="accessories"))) == 1
        assert list(listed(connection, campaign="another")) == []


def test_the_counts_add_up(app: App) -> None:
    run_until(app, DUE)
    with app.db.read() as connection:
        assert counts(connection) == {("sent", "sent"): 2, ("skipped", "no_consent"): 1}


def test_the_numbers_tell_how_late_the_engine_is(app: App) -> None:
    """T12: lateness is a number that an alarm can watch."""
    tell_raw(app, b"<order/>")
    clock_of(app).move_to(DUE + HOUR)  # no worker runs
    with app.db.read() as main, app.inbox_db.read() as waiting:
        found = numbers(main, waiting, app.clock())
    assert found.lateness_s == 3600
    assert found.sends == {"scheduled": 2, "sent": 1}
    assert found.events == {"processed": 3, "failed": 1, "waiting": 0}
