"""Before anything is handed out: is this the database that sends? And the word that lets it go again.

Every engine looks at the fence (`aftercart/ledger/fence.py`) when it starts, and counts a beat every few seconds. Where
something speaks against sending, all mail is held: nothing is handed out and nothing claimed, by any worker, until a
person says `aftercart resume`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import Connection

from aftercart.bootstrap import App
from aftercart.consent import store as consent
from aftercart.enrollment import store as enrollments
from aftercart.ledger import store as ledger
from aftercart.ledger.fence import BEAT_EVERY, Standing, fault
from aftercart.policy.reason import Reason

log = structlog.get_logger()

PAGE = 500
FIRST = UUID(int=0)


def may_send(app: App) -> bool:
    """Whether mail may be handed out; counts a beat when one is due."""
    with app.witness.lock:
        now = app.clock()
        with app.db.read() as connection:
            standing = ledger.standing(connection)
        against = standing.held_because if standing else None
        if against is None and not _is_fresh(app, standing, now):
            against = _look(app, now)
        if against and app.witness.tells(now):
            log.error("all_mail_held", because=against, what="`aftercart resume` explains it and lets it go")
        return against is None


def _is_fresh(app: App, standing: Standing | None, now: datetime) -> bool:
    """Whether the last look is recent enough. One after which beats have got lost is not."""
    if standing is None or not app.witness.has_looked or standing.beats < app.witness.remembered:
        return False
    return abs(now - standing.beat_at) < BEAT_EVERY


def _look(app: App, now: datetime) -> str | None:
    """Look at the fence, and hold everything for what speaks against sending, or count a beat."""
    place = app.db.place()
    seen = app.witness.beats(place)
    with app.db.write() as connection:
        standing = ledger.standing(connection, hold=True) or Standing(place, seen, now)  # no engine has run on it yet
        against = standing.held_because or fault(
            standing,
            place,
            seen,
            silence=_silence(app, connection, standing, now),
            # Machines that share a server's database may share the folder, too; a file of SQLite lies on one.
            from_elsewhere=app.db.is_sqlite and app.witness.came_from_elsewhere(place),
            vouched=app.witness.vouches_for(place, standing.beats),
            hold_after=timedelta(hours=app.settings.hold_after_hours) or None,
        )
        if against is None:
            ledger.beat(connection, place, standing.beats + 1, now)
        elif standing.held_because is None:
            ledger.hold_all(connection, against, now, max(standing.beats, seen))
    app.witness.has_looked = True
    if against is None:
        app.witness.note(place, standing.beats + 1)
    return against


def _silence(app: App, connection: Connection, standing: Standing, now: datetime) -> timedelta | None:
    """Since the last beat, where mails are due and this engine has just started: a clock that leaps is no silence."""
    if app.witness.has_looked or not ledger.due_campaigns(connection, now):
        return None
    return now - standing.beat_at


# ---------------------------------------------------------------- going on


@dataclass(frozen=True, slots=True)
class Held:
    """Why nothing is sent, since when, and the last sign of life before that."""

    because: str
    since: datetime
    last_beat: datetime


def held(connection: Connection) -> Held | None:
    """Whether all mail is held."""
    standing = ledger.standing(connection)
    if standing is None or standing.held_because is None:
        return None
    return Held(standing.held_because, standing.held_at or standing.beat_at, standing.beat_at)


def resume(app: App, *, in_doubt: bool) -> int:
    """Send again, from this database. How many mails were put in doubt.

    `in_doubt`: what has fallen due by now may have been sent already, from elsewhere or before the database was set
    back. It becomes `unknown` and is not sent; so do mails of orders that come in for a second time and were due, and
    so do those that ask people to confirm.
    """
    now = app.clock()
    concerned = _doubt_all(app, now) if in_doubt else 0
    place = app.db.place()
    with app.db.write() as connection:
        standing = ledger.standing(connection, hold=True)
        beats = max(standing.beats if standing else 0, app.witness.beats(place)) + 1
        ledger.beat(connection, place, beats, now)
        asked = consent.put_in_doubt(connection, now, Reason.MAY_HAVE_BEEN_SENT) if in_doubt else 0
        ledger.let_go(connection, doubt_until=now if in_doubt else None)
    app.witness.note(place, beats)
    log.info("mail_resumed", in_doubt=concerned, confirmations_in_doubt=asked)
    return concerned + asked


def _doubt_all(app: App, until: datetime) -> int:
    concerned, after = 0, FIRST
    while True:
        with app.db.write() as connection:
            ids = ledger.due_until(connection, until, after, PAGE)
            concerned += len(_doubt(connection, ids, until))
        if len(ids) < PAGE:
            return concerned
        after = ids[-1]


def doubt_late_plans(connection: Connection, due: Sequence[UUID], now: datetime) -> list[UUID]:
    """Of mails that are to be handed out, those that may go: the others were planned late, for a time that is lost."""
    standing = ledger.standing(connection)
    if not due or standing is None or standing.doubt_until is None:
        return list(due)
    late = set(_doubt(connection, ledger.planned_late(connection, due, standing.doubt_until), now))
    return [send_id for send_id in due if send_id not in late]


def doubt_late_questions(connection: Connection, due: Sequence[UUID]) -> list[UUID]:
    """The same for mails that ask to confirm a consent: the question about a word from before the doubt was settled may
    have gone out already."""
    standing = ledger.standing(connection)
    if not due or standing is None or standing.doubt_until is None:
        return list(due)
    late = consent.put_late_in_doubt(connection, due, standing.doubt_until, Reason.MAY_HAVE_BEEN_SENT)
    return [id_ for id_ in due if id_ not in late]


def _doubt(connection: Connection, ids: Sequence[UUID], now: datetime) -> list[UUID]:
    found = ledger.put_in_doubt(connection, ids, Reason.MAY_HAVE_BEEN_SENT)
    enrollments.complete(connection, (enrollment_id for *_, enrollment_id in found), now)
    ledger.keep_decisions(
        connection,
        [
            ledger.Decision(
                at=now,
                stage="operator",
                campaign=campaign,
                order_id=order_id,
                send_id=send_id,
                outcome="settle",
                reason=Reason.MAY_HAVE_BEEN_SENT,
            )
            for send_id, campaign, order_id, _ in found
        ],
    )
    return [send_id for send_id, *_ in found]
