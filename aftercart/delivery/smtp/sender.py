"""Mail by SMTP, over several kept connections that one thread serves at once.

A kept connection is worth four new ones, at 20 ms round trip the number of connections decides, and messages that
become ready together are marked together. A dead connection is noticed when it is used: a NOOP would cost a round
trip for each message.
"""

import ssl
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from time import monotonic
from uuid import UUID

from aftercart.delivery.base import Go, Message, Outcome, Receipt
from aftercart.delivery.mime import made, to_bytes
from aftercart.delivery.smtp.dialog import Parcel
from aftercart.delivery.smtp.envelope import Envelope, envelope_of
from aftercart.delivery.smtp.line import Line
from aftercart.delivery.smtp.opening import LostError, Server, Timeouts, open_connection
from aftercart.delivery.smtp.pool import Pool
from aftercart.delivery.smtp.reply import NO_LOGIN_NOW, SERVICE_CLOSING, Phase, refusal
from aftercart.delivery.words import as_words
from aftercart.errors import DeliveryError

CONNECTIONS = 8
RENEW_AFTER_S = 60.0
"""Age at which an idle connection is replaced: many servers and middle boxes forget it after one to five minutes."""
LOSSES_TO_GIVE_UP = 2
"""After so many mails in a row that lost their connection, the rest of the batch waits instead of hammering the server.
A mail over which a connection broke does not count: the next one may go well, and the breaker keeps watch."""
GROWING_S = 0.01
"""How often a batch looks whether a further connection has come."""
QUIET_S = 0.2
"""After so long without an answer, the receipts known so far are passed on, so that they are recorded."""


class SmtpSender:
    """Hands messages to one SMTP server. Safe to use from many threads, which share the connections."""

    def __init__(
        self,
        server: Server,
        *,
        connections: int = CONNECTIONS,
        timeouts: Timeouts | None = None,
        tls: ssl.SSLContext | None = None,
        renew_after_s: float = RENEW_AFTER_S,
        encode: Callable[[Message], bytes] = to_bytes,
    ) -> None:
        """`connections`: how many at most, of all threads together, though each batch has one in any case.

        `tls`: what to trust; by default the system's authorities, and the host's name must match. `encode`: a message
        as bytes whose line ends are all CRLF, as those of `to_bytes` are.
        """
        self.name = f"smtp:{server.host}"
        self._encode = encode
        timeouts, tls = timeouts or Timeouts(), tls or ssl.create_default_context()
        self._open = partial(open_connection, server, timeouts, tls)
        self._pool = Pool(lambda: Line(self._open(), timeouts), connections, renew_after_s)

    def send_batch(self, messages: Iterable[Message], go: Go) -> Iterator[Receipt]:
        """Hand over the messages. One receipt each, as soon as it is known; they begin in their order.

        A message that cannot be encoded, a refusal and a broken connection touch only their own message. When no
        connection can be made, or two messages in a row lose theirs whoever they are for, the rest of the batch is
        deferred untried.
        """
        return _Batch(self._pool, self._parcels(messages), go).receipts()

    def probe(self) -> frozenset[str]:
        """Connect, protect and log in as for a mail, and send none; the extensions that the server offers.

        Raises DeliveryError.
        """
        try:
            opened = self._open()
        except LostError as lost:
            raise DeliveryError(str(lost), permanent=False) from lost
        Line(opened, Timeouts()).quit()
        return frozenset(opened.offers)

    def close(self) -> None:
        """Close the connections; one in use is closed when its batch is done."""
        self._pool.close()

    def _parcels(self, messages: Iterable[Message]) -> Iterator[Parcel | Receipt]:
        for message in messages:
            packed = made(message, self._pack)
            yield packed if isinstance(packed, Receipt) else Parcel(message, packed)

    def _pack(self, message: Message) -> Envelope:
        return envelope_of(message, self._encode(message))


class _Batch:
    """One batch on its way out."""

    def __init__(self, pool: Pool, parcels: Iterator[Parcel | Receipt], go: Go) -> None:
        self._pool = pool
        self._parcels = parcels
        self._returned: list[Parcel] = []
        self._go = go
        self._lines: list[Line] = []
        self._selector = DefaultSelector()
        self._untold = 0
        self._losses = 0
        self._gave_up: LostError | None = None

    def receipts(self) -> Iterator[Receipt]:
        """Serve the connections until every message has its receipt."""
        try:
            yield from self._load()
            while self._is_busy:
                yield from self._hear()
                yield from self._let_go()
                yield from self._load()
            if self._gave_up:
                yield from self._defer_the_rest(self._gave_up)
        finally:
            self._leave()

    @property
    def _is_busy(self) -> bool:
        return not all(line.dialog.is_idle for line in self._lines)

    # ---------------------------------------------------------------- giving out messages

    def _load(self) -> Iterator[Receipt]:
        """Give every connection that can take one its next message."""
        while self._gave_up is None:
            line = self._free_line()
            parcel = self._next()
            if parcel is None:
                return
            if isinstance(parcel, Receipt):
                yield self._note(parcel)
                continue
            if self._lines and (line is None or not line.dialog.is_idle):
                self._pool.grow()
            if self._lines and line is None:
                self._returned.append(parcel)
                return
            try:
                line = line or self._join(self._pool.new())
            except LostError as lost:
                self._gave_up = lost
                yield self._note(_deferred(parcel, lost))
                return
            if line.dialog.takes(parcel.envelope):
                line.open(parcel)
            else:
                yield self._note(_out_of_reach(parcel))

    def _next(self) -> Parcel | Receipt | None:
        return self._returned.pop() if self._returned else next(self._parcels, None)

    def _free_line(self) -> Line | None:
        """An idle one; else one on which the next message can be announced while the last one is still judged."""
        free = [line for line in self._lines if line.dialog.can_take]
        idle = next((line for line in free if line.dialog.is_idle), None)
        if idle is None and (kept := self._pool.idle()):
            idle = self._join(kept)
        return idle or next(iter(free), None)

    def _join(self, line: Line) -> Line:
        self._lines.append(line)
        self._selector.register(line, EVENT_READ)
        return line

    # ---------------------------------------------------------------- answers

    def _hear(self) -> Iterator[Receipt]:
        """Wait for the next answers; what cannot be written yet leaves meanwhile."""
        events = self._selector.select(self._patience())
        if not events and self._untold:
            self._ask()
        for key, mask in events:
            line: Line = key.fileobj  # type: ignore[assignment]
            if mask & EVENT_WRITE:
                line.flush()
            if mask & EVENT_READ:
                yield from map(self._note, line.read())
        now = monotonic()
        for line in list(self._lines):
            if now > line.deadline and not line.dialog.is_idle:
                line.dialog.break_off("timed out")
            if line.dialog.lost:
                yield from self._bury(line, line.dialog.lost)
            else:
                self._watch(line)

    def _patience(self) -> float:
        if any(line.dialog.lost for line in self._lines):
            return 0
        seconds = min(line.deadline for line in self._lines if not line.dialog.is_idle) - monotonic()
        if self._untold:
            seconds = min(seconds, QUIET_S)
        if self._pool.is_growing:
            seconds = min(seconds, GROWING_S)
        return max(seconds, 0)

    def _watch(self, line: Line) -> None:
        wanted = EVENT_READ | EVENT_WRITE if line.wants_to_write else EVENT_READ
        if self._selector.get_key(line).events != wanted:
            self._selector.modify(line, wanted)

    def _bury(self, line: Line, lost: LostError) -> Iterator[Receipt]:
        """What a broken connection leaves. An old one may have been dead: its message is tried once more."""
        remains = line.dialog.remains()
        self._drop(line)
        if lost.reply and lost.reply.code in (SERVICE_CLOSING, NO_LOGIN_NOW):
            self._pool.refused()
        yield from map(self._note, remains.receipts)
        if remains.parcel is None:
            return
        if remains.innocent:
            self._returned.append(remains.parcel)
        elif line.dialog.served and not remains.parcel.tried:
            remains.parcel.tried = True
            self._returned.append(remains.parcel)
        else:
            yield self._note(_deferred(remains.parcel, lost, broke_over_it=remains.broke_over_it))

    def _drop(self, line: Line) -> None:
        self._lines.remove(line)
        self._selector.unregister(line)
        self._pool.discard(line)

    # ---------------------------------------------------------------- letting go

    def _let_go(self) -> Iterator[Receipt]:
        """The last instant, for all that have reached it together."""
        ready = [(line, message) for line in self._lines if (message := line.ready)]
        if not ready:
            return
        allowed = self._ask(*(message for _, message in ready))
        for line, message in ready:
            if message.send_id in allowed:
                line.hand_over()
            else:
                self._drop(line)
                yield self._note(Receipt(message.send_id, Outcome.WITHHELD, "held back at the last instant"))

    def _ask(self, *messages: Message) -> Collection[UUID]:
        self._untold = 0
        return self._go(*messages)

    def _note(self, receipt: Receipt) -> Receipt:
        self._untold += 1
        if receipt.outcome is Outcome.ACCEPTED:
            self._pool.accepted()
        self._losses = self._losses + 1 if _lost(receipt) else 0
        if self._losses == LOSSES_TO_GIVE_UP:
            self._gave_up = LostError(None, f"not tried after: {receipt.response}")
        return receipt

    # ---------------------------------------------------------------- the end

    def _defer_the_rest(self, lost: LostError) -> Iterator[Receipt]:
        while parcel := self._next():
            yield parcel if isinstance(parcel, Receipt) else _deferred(parcel, lost)

    def _leave(self) -> None:
        for line in self._lines:
            if line.dialog.is_idle:
                self._pool.give_back(line)
            else:
                self._pool.discard(line)
        self._selector.close()


def _out_of_reach(parcel: Parcel) -> Receipt:
    """Nothing was tried and the address may be fine. If only our own address needs it, that can be mended."""
    whose = "the shop's" if parcel.envelope.rcpt_to.isascii() else "the recipient's"
    words = f"{whose} address has letters outside ASCII before its @, which the mail server does not take"
    words = f"{words} (it does not offer SMTPUTF8, RFC 6531)"
    ours = parcel.envelope.rcpt_to.isascii()
    return Receipt(parcel.message.send_id, Outcome.REJECTED, words, fault_is_ours=ours)


def _deferred(parcel: Parcel, lost: LostError, *, broke_over_it: bool = False) -> Receipt:
    """The receipt of a message whose connection could not be made or broke before the body left."""
    send_id = parcel.message.send_id
    if lost.reply is not None and lost.reply.is_refusal:
        return replace(refusal(send_id, lost.reply, Phase.CONNECT), broke_over_it=broke_over_it)
    return Receipt(send_id, Outcome.DEFERRED, as_words(str(lost)), fault_is_ours=True, broke_over_it=broke_over_it)


def _lost(receipt: Receipt) -> bool:
    """Whether this message's connection broke, whoever it is for."""
    broke = receipt.fault_is_ours and receipt.outcome in (Outcome.DEFERRED, Outcome.UNKNOWN)
    return broke and not receipt.broke_over_it
