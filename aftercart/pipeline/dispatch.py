"""What has fallen due goes to the workers.

Runs once a second. Several at once are harmless: each takes other rows. A message that gets lost is repeated after
a minute; a hand-over whose worker died becomes `unknown`.
"""

import structlog

from aftercart.bootstrap import App
from aftercart.ledger import store as ledger

log = structlog.get_logger()

BATCH = 100
"""Sends in one message: enough that one query a table and one matrix product serve them all."""
LARGEST_ROUND = 2_000
"""Sends handed out in one round, so that a backlog fills neither the broker nor one transaction."""


def dispatch(app: App) -> int:
    """Publish one `deliver` message per batch of due sends; how many sends were handed out."""
    now = app.clock()
    with app.db.write() as connection:
        abandoned = ledger.settle_abandoned(connection, now, app.db.boot_id)
        due = ledger.take_due(connection, now, LARGEST_ROUND)
    if abandoned:
        log.error("hand_overs_unknown", sends=abandoned, what="a worker died while handing over; see `aftercart sends`")
    for start in range(0, len(due), BATCH):
        app.queue.publish("deliver", [str(send_id) for send_id in due[start : start + BATCH]])
    return len(due)
