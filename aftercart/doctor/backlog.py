"""Does the work get done? What lies there for longer than it should tells more than a process that runs."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta

from sqlalchemy import Connection

from aftercart.db.peek import is_there
from aftercart.db.session import Database
from aftercart.db.tables import confirmations, events, sends
from aftercart.doctor.finding import Finding, fault, fine, warn
from aftercart.ledger.store import tallying
from aftercart.policy import store as policy
from aftercart.quantity import counted, named
from aftercart.reports import readings
from aftercart.reports.lateness import lateness

BACKLOG = "backlog"
STUCK = timedelta(seconds=60)


def check_backlog(
    url: str, inbox_url: str, now: datetime, is_held_back: Callable[[Connection], bool] = lambda _: False
) -> Iterator[Finding]:
    """The dispatcher, due sends, webhooks, and sends whose end nobody knows. The databases are known to answer.

    `is_held_back`: whether no sender takes any mail now, because its limit is used up.
    """
    if not (is_there(url) and is_there(inbox_url)):
        return
    with closing(Database(url)) as main, main.read() as connection:
        dispatcher = readings.dispatcher(connection)
        late = lateness(connection, now, is_held_back=is_held_back(connection))
        paused = policy.pauses(connection)
        unknown = tallying.by_state(tallying.kept(connection, sends)).get("unknown", 0)
        asked = tallying.by_state(tallying.kept(connection, confirmations)).get("unknown", 0)
        failed = tallying.by_state(tallying.kept(connection, events)).get("failed", 0)
    with closing(Database(inbox_url)) as inbox, inbox.read() as connection:
        came = readings.oldest_webhook(connection)
    if dispatcher.held_because:
        yield fault(BACKLOG, f"all mail is held: {dispatcher.held_because}", "`aftercart resume` explains it")
    elif dispatcher.beat_at and not dispatcher.is_alive(now):
        yield fault(
            BACKLOG, f"nothing was handed out for {_ago(now, dispatcher.beat_at)}", "start beat and the workers"
        )
    for pause in paused:
        yield fault(BACKLOG, str(pause), f"find out what is wrong with it, then {pause.way_out}")
    if late > readings.LATE:
        do = "more workers for `deliver`; or the mail server is slow, refuses (see `sender`), or has a limit too low"
        yield fault(BACKLOG, f"mails are {late.total_seconds() / 60:,.0f} minutes late", do)
    if came and now - came > STUCK:
        yield fault(BACKLOG, f"a webhook has waited for {_ago(now, came)}", "start a worker that reads `ingest`")
    if failed:
        found = f"{counted(failed, 'webhook')} could not be understood, and {named(failed, 'is', 'are')} kept"
        yield warn(BACKLOG, found, "`aftercart events --state failed` names the field, `--again` reads them once more")
    if unknown:
        found = f"of {counted(unknown, 'mail')} nobody knows whether {named(unknown, 'it', 'they')} arrived"
        yield warn(BACKLOG, found, "`aftercart sends --state unknown` lists them, `aftercart settle` takes your word")
    if asked:
        found = f"of {counted(asked, 'mail')} of double opt-in nobody knows whether {named(asked, 'it', 'they')} left"
        do = "`aftercart sends --confirmations --state unknown` lists them, `aftercart settle` takes your word"
        yield warn(BACKLOG, found, do)
    if late <= readings.LATE and not (came and now - came > STUCK):
        yield fine(BACKLOG, "no webhook and no due mail lies there for long")


def _ago(now: datetime, then: datetime) -> str:
    return f"{(now - then).total_seconds():,.0f} s"
