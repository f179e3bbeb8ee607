"""Whether this installation can do its work, asked part by part.

Two answers in one: a balancer that keeps webhooks away from this process needs to know whether they could be stored;
a person needs to know all that is amiss. A broker that is away stops no webhook, so it does not close the doors.
"""

import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from aftercart.bootstrap import App
from aftercart.db import migrate
from aftercart.errors import AftercartError, NewerSchemaError
from aftercart.policy import store as policy
from aftercart.reports import readings
from aftercart.reports.lateness import lateness
from aftercart.web.patience import Patience

log = structlog.get_logger()

ANSWER_WITHIN_S = 3.0
STUCK = timedelta(seconds=60)
"""A webhook is taken in within a second, or by the sweep within five."""
LEAST_FREE_BYTES = 50_000_000

Check = Callable[[App], str]
"""What is amiss, in words that a stranger may read; nothing where all is well."""


class Readiness:
    """Asks all parts at once."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._checks: dict[str, Check] = {
            "database": _database, "schema": _schema, "disk": _disk, "broker": _broker,
            "dispatcher": _dispatcher, "sends": _sends, "inbox": _inbox, "guard": _guard,
        }  # fmt: skip
        self._patience = Patience[str](ANSWER_WITHIN_S)

    def ask(self) -> dict[str, str]:
        """What is amiss, by part; empty where all is well."""
        asked = self._patience.ask({name: partial(check, self._app) for name, check in self._checks.items()})
        found = {name: _said(future) for name, future in asked.items()}
        return {name: amiss for name, amiss in found.items() if amiss}

    def closes_the_doors(self, amiss: dict[str, str]) -> bool:
        """Whether webhooks could not be stored."""
        needed = {"database", "disk"} if self._app.db.is_sqlite else {"database"}
        return not needed.isdisjoint(amiss)


def _said(asked: "Future[str]") -> str:
    if not asked.done():
        return f"does not answer within {ANSWER_WITHIN_S:.0f} s"
    if err := asked.exception():
        log.error("readiness_check_failed", error=f"{type(err).__name__}: {err.__cause__ or err}")
        return "could not be checked (the log says why)"
    return asked.result()


def _database(app: App) -> str:
    try:
        with suppress(NewerSchemaError):  # told by `_schema`: webhooks are stored as before
            migrate.require_current(app.db)
        with app.inbox_db.read() as inbox:
            readings.oldest_webhook(inbox)
    except (AftercartError, SQLAlchemyError) as err:
        log.error("not_ready", error=str(err.__cause__ or err))  # the log knows more than a stranger may
        return "does not answer, or has another schema than this version (`aftercart doctor` says which)"
    return ""


def _schema(app: App) -> str:
    """Between `aftercart db upgrade` and its own end this process is all that takes webhooks."""
    try:
        migrate.require_current(app.db)
    except NewerSchemaError:
        return "is that of a newer version; webhooks are stored: start that version"
    except AftercartError:  # told by `_database`
        return ""
    return ""


def _disk(app: App) -> str:
    folder = app.settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
    except OSError as err:
        return f"the data folder cannot be written: {err.strerror}"
    return "" if _free(folder) > LEAST_FREE_BYTES else "the disk of the data folder is all but full"


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _broker(app: App) -> str:
    waiting = app.queue.waiting("ingest")
    if waiting is None or not (waiting or app.queue.publish("ingest", expires_s=STUCK.total_seconds())):
        return "takes no messages; webhooks are stored all the same, and worked through when it is back"
    return ""


def _dispatcher(app: App) -> str:
    now = app.clock()
    with app.db.read() as connection:
        found = readings.dispatcher(connection)
    if found.held_because:
        return "holds all mail until a person says `aftercart resume`, which explains why"
    if found.is_alive(now):
        return ""
    since = f"for {(now - found.beat_at).total_seconds():,.0f} s" if found.beat_at else "yet"
    return f"has not run {since}: do beat and a worker for `housekeeping` run?"


def _guard(app: App) -> str:
    with app.db.read() as connection:
        paused = policy.pauses(connection)
    return "; ".join(f"{pause}; {pause.way_out}" for pause in paused)


def _sends(app: App) -> str:
    now = app.clock()
    with app.db.read() as connection:
        late = lateness(connection, now, is_held_back=app.traffic.is_held_back(connection, now))
    return f"mails are {late.total_seconds() / 60:,.0f} minutes late" if late >= readings.LATE else ""


def _inbox(app: App) -> str:
    now = app.clock()
    with app.inbox_db.read() as connection:
        oldest = readings.oldest_webhook(connection)
    if oldest is None or now - oldest < STUCK:
        return ""
    return f"a webhook has waited for {(now - oldest).total_seconds():,.0f} s: do the workers read `ingest`?"
