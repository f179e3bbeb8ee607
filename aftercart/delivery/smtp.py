"""Mail by SMTP, over one kept connection for each thread.

A kept connection is worth four new ones (and at 20 ms round trip the number of connections decides), and threads
cost a third of what an asyncio client costs. A dead connection is noticed when it is used: a NOOP would cost a round
trip for each message.
"""

import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from time import monotonic

from aftercart.delivery.base import Go, Message, Outcome, Receipt
from aftercart.delivery.mime import made, to_bytes
from aftercart.delivery.smtp_connection import Envelope, LostError, Server, SmtpConnection, Timeouts, envelope_of
from aftercart.delivery.smtp_reply import Phase, as_response, refusal

RENEW_AFTER_S = 60.0
"""Age at which an idle connection is replaced: many servers and middle boxes forget it after one to five minutes."""
LOSSES_TO_GIVE_UP = 2
"""So many messages in a row whose connection broke: the rest of the batch waits instead of hammering the server."""


class SmtpSender:
    """Hands messages to one SMTP server. Safe to use from many threads; each has a connection of its own."""

    def __init__(
        self,
        server: Server,
        *,
        timeouts: Timeouts | None = None,
        tls: ssl.SSLContext | None = None,
        renew_after_s: float = RENEW_AFTER_S,
        encode: Callable[[Message], bytes] = to_bytes,
    ) -> None:
        """`tls`: what to trust; by default the system's authorities, and the host's name must match."""
        self.name = f"smtp:{server.host}"
        self._encode = encode
        self._renew_after_s = renew_after_s
        timeouts, tls = timeouts or Timeouts(), tls or ssl.create_default_context()
        self._connect = partial(SmtpConnection, server, timeouts, tls)
        self._lines: dict[threading.Thread, _Line] = {}
        self._lock = threading.Lock()

    def send_batch(self, messages: Iterable[Message], go: Go) -> Iterator[Receipt]:
        """Hand over the messages one after the other. One receipt each, in their order.

        A message that cannot be encoded, a refusal and a broken connection touch only their own message. When no
        connection can be made, or two messages in a row lose theirs, the rest of the batch is deferred untried.
        """
        losses = 0
        waiting = iter(messages)
        for message in waiting:
            try:
                receipt = self._send_one(message, go)
            except LostError as lost:
                yield _deferred(message, lost)
                yield from self._defer_all(waiting, lost)
                return
            yield receipt
            losses = losses + 1 if _lost(receipt) else 0
            if losses == LOSSES_TO_GIVE_UP:
                yield from self._defer_all(waiting, LostError(None, f"not tried after: {receipt.response}"))
                return

    def close(self) -> None:
        """Close the connections of all threads; one in use is closed when its message is done."""
        with self._lock:
            lines = list(self._lines.values())
            self._lines.clear()
        for line in lines:
            line.retire()

    def _send_one(self, message: Message, go: Go) -> Receipt:
        """Raises LostError if the server cannot be reached at all."""
        parcel = made(message, self._pack)
        return parcel if isinstance(parcel, Receipt) else self._line().send(message, parcel, go)

    def _pack(self, message: Message) -> Envelope:
        return envelope_of(message, self._encode(message))

    def _line(self) -> "_Line":
        thread = threading.current_thread()
        line = self._lines.get(thread)
        if line is None:
            with self._lock:
                self._close_orphans()
                line = self._lines[thread] = _Line(self._connect, self._renew_after_s)
        return line

    def _close_orphans(self) -> None:
        for thread in [thread for thread in self._lines if not thread.is_alive()]:
            self._lines.pop(thread).retire()

    @staticmethod
    def _defer_all(messages: Iterable[Message], lost: LostError) -> Iterator[Receipt]:
        return (_deferred(message, lost) for message in messages)


class _Line:
    """The connection of one thread, made when it is needed."""

    def __init__(self, connect: Callable[[], SmtpConnection], renew_after_s: float) -> None:
        self._connect = connect
        self._renew_after_s = renew_after_s
        self._connection: SmtpConnection | None = None
        self._used_at = 0.0
        self._busy = threading.Lock()
        self._retired = False

    def send(self, message: Message, parcel: Envelope, go: Go) -> Receipt:
        """Hand over one message. Raises LostError only when no connection can be made."""
        with self._busy:
            try:
                return self._send(message, parcel, go)
            finally:
                self._used_at = monotonic()
                if self._retired:
                    self._close()

    def _send(self, message: Message, parcel: Envelope, go: Go) -> Receipt:
        kept = self._kept()
        if kept is not None:
            try:
                return kept.send(message, parcel, go)
            except LostError:
                pass  # it had died since its last message (an idle limit, a restart), and no body left: once more
        fresh = self._connection = self._connect()
        try:
            return fresh.send(message, parcel, go)
        except LostError as lost:
            return _deferred(message, lost)

    def _kept(self) -> SmtpConnection | None:
        connection = self._connection
        if connection is None or not connection.is_open:
            return None
        if monotonic() - self._used_at > self._renew_after_s:
            self._close()
            return None
        return connection

    def retire(self) -> None:
        """Close now, or after the message that is under way."""
        self._retired = True
        if self._busy.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._busy.release()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.quit()
            self._connection = None


def _deferred(message: Message, lost: LostError) -> Receipt:
    """The receipt of a message whose connection could not be made or broke before the body left."""
    if lost.reply is not None and lost.reply.is_refusal:
        return refusal(message.send_id, lost.reply, Phase.CONNECT)
    return Receipt(message.send_id, Outcome.DEFERRED, as_response(str(lost)), fault_is_ours=True)


def _lost(receipt: Receipt) -> bool:
    """Whether this message's connection broke."""
    return receipt.fault_is_ours and receipt.outcome in (Outcome.DEFERRED, Outcome.UNKNOWN)
