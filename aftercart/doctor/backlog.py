"""Does the work get done? What lies there for longer than it should tells more than a process that runs."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta

from aftercart.db.peek import is_there
from aftercart.db.session import Database
from aftercart.doctor.finding import Finding, fault, fine, warn
from aftercart.reports import readings

BACKLOG = "backlog"
STUCK = timedelta(seconds=60)


def check_backlog(url: str, inbox_url: str, now: datetime) -> Iterator[Finding]:
    """Due sends, webhooks, and sends whose end nobody knows. The databases are known to answer."""
    if not (is_there(url) and is_there(inbox_url)):
        return
    with closing(Database(url)) as main, main.read() as connection:
        untouched = readings.untouched_since(connection, now)
        unknown = readings.readings(connection, now).in_state("unknown")
    with closing(Database(inbox_url)) as inbox, inbox.read() as connection:
        came = readings.oldest_webhook(connection)
    stuck = came if came and now - came > STUCK else None
    if untouched:
        yield fault(BACKLOG, f"nobody has looked at due sends for {_ago(now, untouched)}", "start beat and the workers")
    if stuck:
        yield fault(BACKLOG, f"a webhook has waited for {_ago(now, stuck)}", "start a worker that reads `ingest`")
    if unknown:
        found = f"of {unknown:,} mails nobody knows whether they arrived"
        yield warn(BACKLOG, found, "`aftercart sends --state unknown` lists them")
    if not (untouched or stuck):
        yield fine(BACKLOG, "no webhook and no due mail lies there untouched")


def _ago(now: datetime, then: datetime) -> str:
    return f"{(now - then).total_seconds():,.0f} s"
