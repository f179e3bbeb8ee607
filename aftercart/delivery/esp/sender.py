"""Mail by the HTTP interface of a mail service, one request for each mail over a kept connection for each thread.

Some vendors take many mails in one request. That request's answer, when it does not come, would leave all of them in
doubt instead of one, and the receipts of all would wait for the slowest; so there is no such batch here. What a
thread cannot do for the latency, more threads do.
"""

import hmac
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import structlog

from aftercart.delivery.base import Found, Go, Message, Outcome, Receipt
from aftercart.delivery.esp.backend import RENEW_AFTER_S, ready_django
from aftercart.delivery.esp.desk import Desk
from aftercart.delivery.esp.line import Line, Parcel
from aftercart.delivery.esp.receipts import TOO_MANY_REQUESTS, untried
from aftercart.delivery.esp.vendors import Timeouts, Vendor
from aftercart.delivery.limits.breaker import Sign, sign_of
from aftercart.delivery.mime import made, to_bytes
from aftercart.errors import DeliveryError

log = structlog.get_logger()

FAILURES_TO_GIVE_UP = 2
"""So many messages in a row that failed for no reason of their own: the rest of the batch waits."""


class EspSender:
    """Hands messages to one mail service. Safe to use from many threads; each has a connection of its own."""

    def __init__(
        self,
        vendor: Vendor,
        options: Mapping[str, str],
        *,
        timeouts: Timeouts | None = None,
        renew_after_s: float = RENEW_AFTER_S,
        encode: Callable[[Message], bytes] = to_bytes,
    ) -> None:
        """`options`: keys and the like, under Anymail's names. Raises ConfigError for those that it does not take."""
        self.name = f"esp:{vendor.name}"
        self._encode = encode
        self._open = partial(Line, vendor, options, timeouts or Timeouts(), renew_after_s)
        self._lines: dict[threading.Thread, Line] = {}
        self._lock = threading.Lock()
        ready_django()
        first = self._open()  # a fault in the options shows now, not with the first mail
        self.desk = Desk(vendor, options, first.api_url, timeouts or Timeouts())
        first.close()

    def send_batch(self, messages: Iterable[Message], go: Go) -> Iterator[Receipt]:
        """Hand over the messages one after the other. One receipt each, in their order.

        Where the vendor cannot be reached, has had too many requests, or fails two in a row, the rest is deferred
        untried.
        """
        failures = 0
        waiting = iter(messages)
        for message in waiting:
            receipt = self._send_one(message, go)
            yield receipt
            failures = failures + 1 if _failed(receipt) else 0
            if failures == FAILURES_TO_GIVE_UP or _never_left(receipt) or receipt.code == TOO_MANY_REQUESTS:
                yield from (untried(message, receipt) for message in waiting)
                return

    def probe(self) -> frozenset[str] | None:
        """Have our key looked at, and send nothing. None: this vendor shows it by a real mail alone.

        Raises DeliveryError.
        """
        return frozenset() if self.desk.takes_our_key() else None

    def account(self, secret: str) -> str:
        """Two are one account only where all is the same: the vendor, its address, our key and every option."""
        ours = json.dumps([self.desk.vendor.name, self.desk.api_url, sorted(self.desk.options.items())])
        return hmac.digest(secret.encode(), ours.encode(), "sha256").hex()

    def close(self) -> None:
        """Close the connections of all threads; one in use is closed when its message is done."""
        with self._lock:
            lines = list(self._lines.values())
            self._lines.clear()
        for line in lines:
            line.retire()

    def _send_one(self, message: Message, go: Go) -> Receipt:
        line = self._line()
        ready = made(message, partial(self._pack, line))
        return ready if isinstance(ready, Receipt) else line.send(message, ready, go)

    def _pack(self, line: Line, message: Message) -> Parcel | Receipt:
        self._encode(message)  # not for its bytes: a header that would break out of its line is refused here, too
        return line.pack(message)

    def _line(self) -> Line:
        thread = threading.current_thread()
        line = self._lines.get(thread)
        if line is None:
            with self._lock:
                for ended in [thread for thread in self._lines if not thread.is_alive()]:
                    self._lines.pop(ended).retire()
                line = self._lines[thread] = self._open()
        return line


class AskableSender(EspSender):
    """A mail service with a log that can be asked about a mail."""

    def look_up(self, message_ids: Sequence[str]) -> Mapping[str, Found]:
        """What it knows of these mails. Raises DeliveryError where it answers to none.

        It is asked no further once it has refused us, or has not answered two in a row.
        """
        found: dict[str, Found] = {}
        fault: DeliveryError | None = None
        failures = 0
        for message_id in message_ids:
            try:
                found[message_id] = self.desk.knows(message_id)
                failures = 0
            except DeliveryError as err:
                fault, failures = err, failures + 1
                if err.permanent or failures == FAILURES_TO_GIVE_UP:
                    break
        if fault and not found:
            raise fault
        if fault:
            log.warning("provider_not_asked", provider=self.name, error=str(fault))
        return found


def _failed(receipt: Receipt) -> bool:
    """Whether it failed for no reason of this message's own."""
    return receipt.fault_is_ours and sign_of(receipt) is Sign.FAULT


def _never_left(receipt: Receipt) -> bool:
    return _failed(receipt) and receipt.outcome is Outcome.DEFERRED and receipt.code is None
