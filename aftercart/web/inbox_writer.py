"""Webhooks on their way to the disk: each request waits until its row is there, but not longer than its shop does."""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import structlog
from sqlalchemy import Connection

from aftercart.db import inbox
from aftercart.db.session import Database
from aftercart.errors import AftercartError
from aftercart.web.group_writer import GroupWriter

log = structlog.get_logger()

ANSWER_WITHIN_S = 3.0
"""Shopify hangs up after five seconds, and the way there and back takes some of them."""
_Waiting = tuple[Mapping[str, Any], "Future[None]"]


class NotStoredError(AftercartError):
    """A webhook is not on disk, as far as we know; its shop must send it again."""


class InboxWriter:
    """Stores webhooks. `on_stored` is called after a commit, in a thread of its own (to nudge a worker).

    The nudge has its own thread because a broker that is away takes seconds to say so, and no shop may wait for that.
    Commits that happen meanwhile share the next nudge.
    """

    def __init__(
        self, database: Database, on_stored: Callable[[], object], answer_within_s: float = ANSWER_WITHIN_S
    ) -> None:
        self._on_stored, self._answer_within_s = on_stored, answer_within_s
        self._writer = GroupWriter[_Waiting](
            "inbox", database, _store, written=self._tell_stored, lost=_tell_lost, wanted=_still_waits
        )
        self._stored, self._ended = threading.Event(), False
        self._nudging = threading.Thread(target=self._nudge, name="inbox-nudge", daemon=True)

    def start(self) -> None:
        """Open for webhooks."""
        self._writer.start()
        self._nudging.start()

    def stop(self) -> None:
        """Take no more webhooks, write what waits, then end."""
        self._writer.stop()
        self._ended = True
        self._stored.set()
        self._nudging.join(timeout=5)

    async def store(self, row: Mapping[str, Any]) -> None:
        """Return once the row is on disk. Raises NotStoredError when it could not be stored, or not in time.

        A row that is late may be stored all the same; when its shop sends it again, it is known.
        """
        stored: Future[None] = Future()
        if not self._writer.put((row, stored)):
            raise NotStoredError("the engine is stopping, or too many webhooks wait already")
        try:
            async with asyncio.timeout(self._answer_within_s):
                await asyncio.wrap_future(stored)
        except TimeoutError as err:
            log.error("inbox_too_slow", seconds=self._answer_within_s)
            raise NotStoredError("the inbox could not be written in time") from err

    def _tell_stored(self, group: Sequence[_Waiting]) -> None:
        for _, stored in group:
            stored.set_result(None)
        self._stored.set()

    def _nudge(self) -> None:
        while self._stored.wait():
            self._stored.clear()
            if self._ended:
                return
            try:
                self._on_stored()
            except Exception:  # a door: the sweep will find the row all the same
                log.exception("nudge_failed")


def _still_waits(waiting: _Waiting) -> bool:
    """A request that was given up meanwhile has no claim to be stored, and its future takes no result."""
    return waiting[1].set_running_or_notify_cancel()


def _store(connection: Connection, group: Sequence[_Waiting]) -> None:
    inbox.store(connection, [dict(row) for row, _ in group])


def _tell_lost(group: Sequence[_Waiting], err: Exception) -> None:
    log.error("inbox_write_failed", webhooks=len(group), error=str(err.__cause__ or err))
    for _, stored in group:
        refusal = NotStoredError("the webhook could not be stored")
        refusal.__cause__ = err
        stored.set_exception(refusal)
