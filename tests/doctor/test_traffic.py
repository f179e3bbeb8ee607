"""What doctor says of senders that take no mail just now: a limit is used up, or they are out of order."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.delivery.limits.breaker import FAULTS_TO_OPEN, Sign
from aftercart.doctor.finding import Finding
from aftercart.doctor.traffic import Traffic, check_traffic
from aftercart.testing import engine, run_due
from tests.cast import MONDAY, Shop, campaign, clock_of, customer, order

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
"""10:00 in Paris."""


@contextmanager
def shop_with(folder: Path, limits: str, people: int = 4, senders: str = "file:{}/out") -> Iterator[App]:
    """Its people's mails fell due, and as many went as may."""
    shop = Shop(folder / "shop").write(campaign(quiet="null"), brand=f"senders: [{{{limits}}}]\n")
    url = senders.format(folder)
    with engine(folder, SteppedClock(MONDAY), sender_url=url, **shop.files) as app:
        for number in range(people):
            order(app, str(number), customer(number))
        clock_of(app).move_to(DUE)
        run_due(app)
        yield app


def found(app: App) -> list[Finding]:
    traffic = Traffic(app.traffic.names, app.traffic.limits_of)
    return list(check_traffic(app.settings.database, traffic, app.clock()))


def test_a_day_s_limit_that_is_used_up_is_told_with_its_end_and_what_waits(tmp_path: Path) -> None:
    with shop_with(tmp_path, "limits: [1 per day]") as app:
        [one] = found(app)
    assert (one.check, one.level) == ("limits", "warn")
    assert one.found == (
        "file: the limit is used up (1 of 1 per day) until 2026-03-06 10:00 UTC; 3 mails wait for limits"
    )
    assert "`senders[].limits` in brand.yaml" in one.do


def test_it_is_free_at_the_instant_that_was_told(tmp_path: Path) -> None:
    with shop_with(tmp_path, "limits: [1 per day]", people=2) as app:
        clock_of(app).move_to(datetime(2026, 3, 6, 9, 59, 59, tzinfo=UTC))
        run_due(app)
        assert [one.level for one in found(app)] == ["warn"]
        clock_of(app).move_to(datetime(2026, 3, 6, 10, tzinfo=UTC))
        assert [one.level for one in found(app)] == ["fine"]


def test_a_warm_up_that_has_had_its_day_goes_on_at_midnight(tmp_path: Path) -> None:
    with shop_with(tmp_path, "warm_up: {since: 2026-03-05, per_day: [1, 2, 3]}") as app:
        [one] = found(app)
        assert one.level == "warn"
        assert "warm-up has had the mails of its day (1 of 1 per day) until 2026-03-06 00:00 UTC" in one.found
        assert "each day allows more" in one.do
        clock_of(app).move_to(datetime(2026, 3, 6, tzinfo=UTC))
        assert [one.level for one in found(app)] == ["fine"]


def test_its_last_day_ends_at_midnight_too(tmp_path: Path) -> None:
    with shop_with(tmp_path, "warm_up: {since: 2026-03-05, per_day: [1]}") as app:
        [one] = found(app)
    assert "until 2026-03-06 00:00 UTC" in one.found


def test_a_day_of_warm_up_that_allows_no_more_than_the_one_before_helps_nobody_at_midnight(tmp_path: Path) -> None:
    with shop_with(tmp_path, "warm_up: {since: 2026-03-05, per_day: [1, 1]}") as app:
        [one] = found(app)
    assert "until 2026-03-06 10:00 UTC" in one.found


def test_a_limit_for_some_mailboxes_names_them(tmp_path: Path) -> None:
    limits = "mailboxes: [{domains: [example.com], limits: [2 per hour]}]"
    with shop_with(tmp_path, limits) as app:
        [one] = found(app)
    assert one.level == "warn"
    assert "2 of 2 per hour to example.com) until 2026-03-05 10:01 UTC" in one.found
    assert "`senders[].mailboxes`" in one.do


def test_what_is_not_used_up_is_fine_and_so_is_a_pace(tmp_path: Path) -> None:
    with shop_with(tmp_path, "limits: [1 per second, 9 per day]", people=1) as app:
        [one] = found(app)
    assert (one.check, one.level) == ("limits", "fine")
    assert "1 of 9 per day" in one.found


def test_where_there_is_no_limit_nothing_is_said(tmp_path: Path) -> None:
    with shop_with(tmp_path, "limits: []") as app:
        assert found(app) == []


# ---------------------------------------------------------------- out of order


def break_down(app: App, sender: str) -> None:
    for _ in range(FAULTS_TO_OPEN):
        app.traffic.report(sender, Sign.FAULT, "421 4.3.2 too busy")


def test_a_sender_that_is_out_of_order_is_a_fault_with_the_words_of_its_provider(tmp_path: Path) -> None:
    with shop_with(tmp_path, "limits: []", senders="smtp://127.0.0.1:1", people=0) as app:
        break_down(app, "smtp:127.0.0.1")
        [one] = found(app)
        assert (one.check, one.level) == ("sender", "fault")
        assert "smtp:127.0.0.1 is given no mail before 09:00:15 UTC, after 5 faults in a row: 421 4.3.2" in one.found
        assert "nothing is lost" in one.do
        clock_of(app).step(timedelta(minutes=1))
        [one] = found(app)
    assert "no mail but one that tries it" in one.found


def test_where_another_takes_its_mails_it_is_a_warning(tmp_path: Path) -> None:
    with shop_with(tmp_path, "limits: []", senders="smtp://127.0.0.1:1 file:{}/out", people=0) as app:
        break_down(app, "smtp:127.0.0.1")
        [one] = found(app)
    assert (one.check, one.level) == ("sender", "warn")
    assert "the next one takes its mails" in one.found


@pytest.mark.parametrize("faults", [0, FAULTS_TO_OPEN - 1])
def test_some_faults_are_no_reason_to_say_anything(tmp_path: Path, faults: int) -> None:
    with shop_with(tmp_path, "limits: []", senders="smtp://127.0.0.1:1", people=0) as app:
        for _ in range(faults):
            app.traffic.report("smtp:127.0.0.1", Sign.FAULT, "421 4.3.2 too busy")
        assert found(app) == []
