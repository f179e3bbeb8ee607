"""What has fallen due goes to the workers.

Runs once a second. Several at once are harmless: each takes other rows. A message that gets lost is repeated after
a minute, and one that waited for so long is dropped; a hand-over whose worker died becomes `unknown`.
"""

from datetime import datetime, timedelta

import structlog

from aftercart.bootstrap import App
from aftercart.consent import store as consent
from aftercart.enrollment import store as enrollments
from aftercart.ledger import store as ledger
from aftercart.pipeline.recipients.confirm import IN_DOUBT
from aftercart.pipeline.sending import backlog
from aftercart.pipeline.watch import doubt_late_plans, doubt_late_questions, may_send
from aftercart.reports.lateness import lateness

log = structlog.get_logger()

BATCH = 200
"""Sends in one message. One query a table and one matrix product serve them all: in a batch of 100 these two dozen
queries take a tenth of a mail's time, in one of 200 a twentieth."""
MOST_WAITING = 20
"""How many messages may wait for a free worker. More would only grow old in the broker: some brokers expire nothing
until a worker asks. And a backlog must not fill one transaction."""

LATE = timedelta(minutes=10)
"""Nobody minds a mail that is a few minutes late; ten minutes mean a backlog that grows, or that nobody works off."""


def dispatch(app: App) -> int:
    """Publish one `deliver` message per batch of due sends; returns how many were handed out, 0 while all is held."""
    if not may_send(app):
        return 0
    room = _room(app)
    now = app.clock()
    _alarm_when_late(app, now)
    with app.db.write() as connection:
        abandoned = ledger.settle_abandoned(connection, now, app.db.boot_id)
        enrollments.complete(connection, abandoned, now)
        due = backlog.take_due(connection, app, now, room * BATCH) if room else []
        due = doubt_late_plans(connection, due, now)
        to_ask = doubt_late_questions(connection, consent.take_due(connection, now, BATCH))
        unasked = consent.settle_abandoned(connection, now)
    if to_ask:
        app.queue.publish("confirm", list(map(str, to_ask)), expires_s=consent.NUDGE_AGAIN.total_seconds())
    if unasked:
        what = f"a worker died while asking for confirmation; {IN_DOUBT}"
        log.error("confirmations_unknown", mails=unasked, what=what)
    if abandoned:
        what = "a worker died while handing over; see `aftercart sends`"
        log.error("hand_overs_unknown", sends=len(abandoned), what=what)
    for start in range(0, len(due), BATCH):
        batch = [str(send_id) for send_id in due[start : start + BATCH]]
        app.queue.publish("deliver", batch, expires_s=ledger.NUDGE_AGAIN.total_seconds())
    return len(due)


def _room(app: App) -> int:
    """How many messages may still be published: none while the broker is away.

    A send that is handed out in vain is handed out again only a minute later, even if the broker is back before.
    """
    waiting = app.queue.waiting("deliver")
    return 0 if waiting is None else max(MOST_WAITING - waiting, 0)


def _alarm_when_late(app: App, now: datetime) -> None:
    """Once a minute, while mails are overdue for longer than anybody would notice: something holds them up."""
    if not app.witness.looks_for_late(now):
        return
    with app.db.read() as connection:
        late = lateness(connection, now, is_held_back=app.traffic.is_held_back(connection, now))
    if late >= LATE:
        what = (
            "mails wait longer than they should: too few workers, a mail server that is slow or silent, "
            "or a limit of the sender below what falls due?"
        )
        log.error("sends_late", minutes=round(late / timedelta(minutes=1)), what=what)
