"""Housekeeping: what is long over leaves the tables that are worked on, sends are counted for those who ask, and what
annoys too many people is paused.

Runs once a minute and never for long: the same thread hands out what is due. What is left waits for the next minute.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic

import structlog
from sqlalchemy import Connection, Table

from aftercart.bootstrap import App
from aftercart.db.tables import confirmations, events, sends
from aftercart.ledger.store import archiving, tallying
from aftercart.ledger.store.archiving import Page
from aftercart.outward import store as outward
from aftercart.pipeline.upkeep.guard import guard

log = structlog.get_logger()

BUDGET_S = 0.5
COUNTING_S, COUNTED_AT_ONCE = 0.05, 10_000
"""So long a table is counted on, and rows in one go: half a million or so a minute on a small machine."""
ROWS = 500
"""Rows looked at in one go."""
TOLD_ROWS = 2_000
"""Of what others were told days ago, deleted in one go: three million a day."""
AT_ONCE = 50
"""Orders archived in one transaction."""
LATE_ORDERS = timedelta(days=30)
"""How much later than its purchase an order may come in and still earn credit for a click."""

Look = Callable[[Connection, datetime, int, int], Page]


def tidy(app: App, budget_s: float = BUDGET_S) -> int:
    """Archive what there is to archive, as far as the time allows, and count; how many orders were archived."""
    for table in (sends, events, confirmations):
        _count(app, table)
    guard(app)
    deadline = monotonic() + budget_s
    archived = sum(_archive(app, look, deadline) for look in (archiving.old_decisions, archiving.old_events))
    _forget(app)
    if archived:
        log.info("orders_archived", orders=archived)
    return archived


def _count(app: App, table: Table) -> None:
    """Some rows on: however many there are, a pass takes no longer, and a large table's numbers are older."""
    deadline = monotonic() + COUNTING_S
    while True:
        with app.db.write() as connection:
            is_done = tallying.count_on(connection, table, COUNTED_AT_ONCE)
        if is_done or monotonic() > deadline:
            return


def _forget(app: App) -> None:
    now, days = app.clock(), app.settings.forget_after_days
    with app.db.write() as connection:
        archiving.forget_reports(connection, _before(app), ROWS)
        gone = archiving.forget(connection, now - timedelta(days=days), ROWS) if days else 0
        outward.forget_old(connection, now, TOLD_ROWS)
    if gone:
        log.info("archives_forgotten", rows=gone)


def _archive(app: App, look: Look, deadline: float) -> int:
    before, archived, after = _before(app), 0, 0
    while True:
        with app.db.read() as connection:
            page = look(connection, before, after, ROWS)
        archived += _archive_page(app, page, before, deadline)
        if page.is_last or monotonic() > deadline:
            return archived
        after = page.last_id


def _archive_page(app: App, page: Page, before: datetime, deadline: float) -> int:
    archived, ids = 0, sorted(page.orders)
    for start in range(0, len(ids), AT_ONCE):
        with app.db.write() as connection:
            over = archiving.over(connection, ids[start : start + AT_ONCE], before)
            archived += archiving.archive(connection, over, app.clock()) if over else 0
        if monotonic() > deadline:
            break
    if page.about_nothing:
        with app.db.write() as connection:
            archiving.forget_events(connection, page.about_nothing)
    return archived


def _before(app: App) -> datetime:
    """What is older is over. A click that may still earn credit is not, however short the setting."""
    longest = max(app.campaigns.attribution_windows.values(), default=timedelta(0)) + LATE_ORDERS
    return app.clock() - max(timedelta(days=app.settings.archive_after_days), longest)
