"""What doctor says of work that lies there."""

from functools import partial
from pathlib import Path

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import decisions
from aftercart.doctor.backlog import check_backlog
from aftercart.doctor.finding import Finding
from aftercart.doctor.traffic import Traffic
from aftercart.ledger import store as ledger
from aftercart.testing import engine, run_due
from tests.cast import DAY, HOUR, MONDAY, Shop, campaign, clock_of, customer, order, rows, tell


def found(app: App) -> list[Finding]:
    now, settings = app.clock(), app.settings
    held_back = partial(Traffic(app.traffic.names, app.traffic.limits_of).is_held_back, now=now)
    return list(check_backlog(settings.database, settings.inbox, now, held_back))


def test_what_waits_for_a_limit_that_others_used_up_again_is_not_late(tmp_path: Path) -> None:
    """Doctor called late what `/readyz` did not: campaigns take turns, so a told instant passes."""
    shop = Shop(tmp_path / "shop").write(campaign(quiet="null"), brand="senders: [{limits: [2 per day]}]\n")
    with engine(tmp_path, SteppedClock(MONDAY), sender_url=f"file:{tmp_path}/out", **shop.files) as app:
        for number in range(4):
            order(app, str(number), customer(number))
        clock_of(app).step(3 * DAY)
        run_due(app)
        turns = [row["until"] for row in rows(app, decisions) if row["reason"] == "provider_throttled"]
        clock_of(app).move_to(max(turns) + HOUR)
        with app.db.write() as connection:
            ledger.beat(connection, "here", 1, app.clock())
        for _ in range(2):
            assert app.traffic.take("file", "example.com") is None
        assert [one.level for one in found(app)] == ["fine"]


def test_webhooks_that_could_not_be_understood_are_told_of(tmp_path: Path) -> None:
    with engine(tmp_path, SteppedClock(MONDAY), **Shop(tmp_path / "shop").write(campaign()).files) as app:
        tell(app, "order.completed", {"order_id": "1"})
        tell(app, "order.completed", {"order_id": "2"})
        run_due(app)
        told = found(app)
    assert [one.level for one in told] == ["warn", "fine"]
    assert "2 webhooks could not be understood" in told[0].found
    assert "aftercart events --state failed" in told[0].do
