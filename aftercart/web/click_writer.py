"""Clicks on their way to the database, after their readers were sent on: nobody waits for a database to see a page.

They wait a tenth of a second for others to be written with: a transaction for each costs ten times as much, and the
next reader would wait meanwhile. They wait in memory, at most 10,000: those beyond lead on all the same, are not kept,
and are logged. When the engine stops, what waits is written first.
"""

from collections.abc import Callable, Sequence

import structlog
from sqlalchemy import Connection

from aftercart.db.session import Database
from aftercart.pipeline.recipients.record import Click
from aftercart.web.group_writer import GroupWriter

log = structlog.get_logger()

COMPANY_S = 0.1


class ClickWriter:
    """Keeps clicks by `keep`, in the order in which they came."""

    def __init__(self, database: Database, keep: Callable[[Connection, Sequence[Click]], object]) -> None:
        self._writer = GroupWriter[Click]("clicks", database, keep, lost=_log_lost, patient=True, company_s=COMPANY_S)

    def start(self) -> None:
        """Open for clicks."""
        self._writer.start()

    def stop(self) -> None:
        """Take no more clicks, write what waits, then end."""
        self._writer.stop()

    def put(self, click: Click) -> None:
        """Keep a click, some time soon. Never waits."""
        if not self._writer.put(click):
            _log_lost([click], "too many clicks wait already, or the engine is stopping")


def _log_lost(group: Sequence[Click], why: object) -> None:
    for click in group:
        link = click.link
        log.error("click_not_recorded", send_id=str(link.send_id), position=link.position, error=str(why))
