"""Recipients who leave, on their way to the database: each waits until it is written, but only for some seconds.

What could not be written in time is written all the same once the database has time for it: a mailbox provider that
posts one click may never post it again.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Connection

from aftercart.db.session import Database
from aftercart.errors import AftercartError
from aftercart.pipeline.record import Leaver, Leaving, keep_leaving
from aftercart.web.group_writer import GroupWriter

log = structlog.get_logger()

ANSWER_WITHIN_S = 2.5
"""With the way there and back a reader looks at an empty page for three seconds at most."""


class NotYetError(AftercartError):
    """Somebody wants to leave, and it is not written yet."""


@dataclass(slots=True)
class _Waiting:
    leaving: Leaving
    answer: "Future[Leaver | None]" = field(default_factory=Future)
    leaver: Leaver | None = None
    """Found while it is written; told after the commit."""


class LeaveWriter:
    """Writes down who leaves, in the order in which they came."""

    def __init__(self, database: Database) -> None:
        self._writer = GroupWriter[_Waiting]("leaving", database, _keep, written=_tell, lost=_tell_lost, patient=True)

    def start(self) -> None:
        """Open for those who leave."""
        self._writer.start()

    def stop(self) -> None:
        """Take nobody any more, write what waits, then end."""
        self._writer.stop()

    async def leave(self, leaving: Leaving) -> Leaver | None:
        """Who has left, once that is on disk; None for somebody unknown. Raises NotYetError if it takes too long."""
        waiting = _Waiting(leaving)
        if not self._writer.put(waiting):
            raise NotYetError("the engine is stopping, or too many wait already")
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await asyncio.shield(asyncio.wrap_future(waiting.answer))
        except TimeoutError as err:
            log.warning("unsubscribe_waits", recipient_id=leaving.recipient_id, send_id=str(leaving.send_id))
            raise NotYetError("the database is busy") from err


def _keep(connection: Connection, group: Sequence[_Waiting]) -> None:
    # By person, so that of two processes none waits for the other in a circle.
    for waiting in sorted(group, key=lambda waiting: waiting.leaving.recipient_id):
        waiting.leaver = keep_leaving(connection, waiting.leaving)


def _tell(group: Sequence[_Waiting]) -> None:
    for waiting in group:
        leaving = waiting.leaving
        if waiting.leaver:
            who = {"recipient_id": leaving.recipient_id, "send_id": str(leaving.send_id)}
            log.info("unsubscribed", **who, source=leaving.source)
        waiting.answer.set_result(waiting.leaver)


def _tell_lost(group: Sequence[_Waiting], err: Exception) -> None:
    for waiting in group:
        who = {"recipient_id": waiting.leaving.recipient_id, "send_id": str(waiting.leaving.send_id)}
        log.error("unsubscribe_not_recorded", **who, error=str(err.__cause__ or err))
        refusal = NotYetError("it could not be written")
        refusal.__cause__ = err
        waiting.answer.set_exception(refusal)
