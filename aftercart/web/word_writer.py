"""What recipients say (they leave, choose, refuse), on its way to the database: each waits, but only for some seconds.

What could not be written in time is written all the same once the database has time for it: a mailbox provider that
posts one click may never post it again.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

import structlog
from sqlalchemy import Connection

from aftercart.db.session import Database
from aftercart.errors import AftercartError
from aftercart.policy.store import lock_recipients
from aftercart.web.group_writer import GroupWriter

log = structlog.get_logger()

ANSWER_WITHIN_S = 2.5
"""With the way there and back a reader looks at an empty page for three seconds at most."""

T = TypeVar("T")


class NotYetError(AftercartError):
    """Somebody said something, and it is not written yet."""


@dataclass(frozen=True)
class Word(Generic[T]):
    """What somebody says. `event`: its name in the log, beside `ids`."""

    event: str
    recipient_id: int
    ids: Mapping[str, object]
    keep: Callable[[Connection], T]
    """Writes it; the answer is None where we do not know the person. Doing it twice must change nothing."""


@dataclass(slots=True)
class _Waiting:
    word: Word[Any]
    answer: "Future[Any]" = field(default_factory=Future)
    kept: Any = None
    """Found while it is written; told after the commit."""


class WordWriter:
    """Writes down what is said, in the order in which it came."""

    def __init__(self, database: Database) -> None:
        self._writer = GroupWriter[_Waiting]("words", database, _keep, written=_tell, lost=_tell_lost, patient=True)

    def start(self) -> None:
        """Open for those who say something."""
        self._writer.start()

    def stop(self) -> None:
        """Take nothing any more, write what waits, then end."""
        self._writer.stop()

    async def say(self, word: Word[T]) -> T:
        """What keeping it answered, once that is on disk. Raises NotYetError if it takes too long."""
        waiting = _Waiting(word)
        if not self._writer.put(waiting):
            raise NotYetError("the engine is stopping, or too many wait already")
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return cast(T, await asyncio.shield(asyncio.wrap_future(waiting.answer)))
        except TimeoutError as err:
            log.warning("word_waits", said=word.event, **word.ids)
            raise NotYetError("the database is busy") from err


def _keep(connection: Connection, group: Sequence[_Waiting]) -> None:
    # All of them at once, so that of two processes none waits for the other in a circle.
    lock_recipients(connection, {waiting.word.recipient_id for waiting in group})
    for waiting in sorted(group, key=lambda waiting: waiting.word.recipient_id):
        waiting.kept = waiting.word.keep(connection)


def _tell(group: Sequence[_Waiting]) -> None:
    for waiting in group:
        if waiting.kept is not None:
            log.info(waiting.word.event, **waiting.word.ids)
        waiting.answer.set_result(waiting.kept)


def _tell_lost(group: Sequence[_Waiting], err: Exception) -> None:
    for waiting in group:
        log.error("word_not_recorded", said=waiting.word.event, **waiting.word.ids, error=str(err.__cause__ or err))
        refusal = NotYetError("it could not be written")
        refusal.__cause__ = err
        waiting.answer.set_exception(refusal)
