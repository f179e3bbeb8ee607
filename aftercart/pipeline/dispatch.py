"""What has fallen due goes to the workers.

Runs once a second. Several at once are harmless: each takes other rows. A message that gets lost is repeated after
a minute, and one that waited for so long is dropped; a hand-over whose worker died becomes `unknown`.
"""

import structlog

from aftercart.bootstrap import App
from aftercart.ledger import store as ledger
from aftercart.pipeline import backlog

log = structlog.get_logger()

BATCH = 100
"""Sends in one message: enough that one query a table and one matrix product serve them all."""
MOST_WAITING = 20
"""Messages that wait for a free worker at any time. Those beyond would only grow old in the broker's memory, where some
never look at what has expired before a worker asks; and a backlog shall not fill one transaction."""


def dispatch(app: App) -> int:
    """Publish one `deliver` message per batch of due sends; how many sends were handed out."""
    room = max(MOST_WAITING - (app.queue.waiting("deliver") or 0), 0)
    now = app.clock()
    with app.db.write() as connection:
        abandoned = ledger.settle_abandoned(connection, now, app.db.boot_id)
        due = backlog.take_due(connection, app, now, room * BATCH) if room else []
    if abandoned:
        log.error("hand_overs_unknown", sends=abandoned, what="a worker died while handing over; see `aftercart sends`")
    for start in range(0, len(due), BATCH):
        batch = [str(send_id) for send_id in due[start : start + BATCH]]
        app.queue.publish("deliver", batch, expires_s=ledger.NUDGE_AGAIN.total_seconds())
    return len(due)
