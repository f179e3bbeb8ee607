"""The line of one thread to a mail service: its backend, with the connection that it keeps."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import Any

import structlog
from anymail.exceptions import AnymailUnsupportedFeature

from aftercart.delivery.base import Go, Message, Outcome, Receipt
from aftercart.delivery.esp.backend import open_backend
from aftercart.delivery.esp.parcel import parcel
from aftercart.delivery.esp.receipts import never_left, of_answer, of_refusal, words_of
from aftercart.delivery.esp.vendors import Idempotency, Timeouts, Vendor
from aftercart.delivery.esp.wire import Gate, HeldBackError
from aftercart.delivery.words import as_words

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message as the vendor gets it: Anymail's mail, and the request that holds it."""

    mail: Any
    payload: Any


class Line:
    """Not for several threads at a time."""

    def __init__(self, vendor: Vendor, options: Mapping[str, str], timeouts: Timeouts, renew_after_s: float) -> None:
        self._vendor, self._renew_after_s = vendor, renew_after_s
        self._gate = Gate()
        self._open = partial(open_backend, vendor, options, timeouts, self._gate)
        self._backend = self._open()
        self._used_at = monotonic()
        self._busy = threading.Lock()
        self._retired = False

    @property
    def api_url(self) -> str:
        """Where it posts to; empty where a library of the vendor's own does."""
        return getattr(self._backend, "api_url", "")

    def pack(self, message: Message) -> Parcel | Receipt:
        """All that can fail without the vendor; a receipt where this vendor cannot carry such a mail."""
        try:
            mail = parcel(message, self._vendor)
            payload = self._backend.build_message_payload(mail, {})
        except AnymailUnsupportedFeature as err:
            # Mailgun and Scaleway take no mailbox name outside ASCII. The recipient's own is no fault of anybody's.
            ours = message.recipient.isascii()
            return Receipt(message.send_id, Outcome.REJECTED, as_words(str(err)), fault_is_ours=ours)
        if self._vendor.idempotency is Idempotency.REQUEST_HEADER:
            payload.headers["Idempotency-Key"] = str(message.send_id)
        return Parcel(mail, payload)

    def send(self, message: Message, ready: Parcel, go: Go) -> Receipt:
        """Hand over one message."""
        with self._busy:
            if monotonic() - self._used_at > self._renew_after_s:
                self._renew()
            try:
                receipt = self._send(message, ready, go)
                in_doubt = receipt.outcome is Outcome.UNKNOWN
                return replace(receipt, known_for=self._vendor.known_for) if in_doubt else receipt
            finally:
                self._used_at = monotonic()
                if self._retired:
                    self.close()

    def _send(self, message: Message, ready: Parcel, go: Go) -> Receipt:
        self._gate.guard(lambda: message.send_id in go(message))
        try:
            response = self._backend.post_to_esp(ready.payload, ready.mail)
            told = self._backend.parse_recipient_status(response, ready.payload, ready.mail)
        except HeldBackError:
            self._gate.raise_fault()
            return Receipt(message.send_id, Outcome.WITHHELD, "held back at the last instant")
        except Exception as err:  # noqa: BLE001  # a door: a library that stumbles over an answer has had one
            return self._failed(message, err)
        return _read(message, partial(of_answer, message, response, told))

    def _failed(self, message: Message, err: Exception) -> Receipt:
        answered = getattr(err, "response", None)
        if answered is not None:
            is_idempotent = self._vendor.idempotency is not Idempotency.NONE
            return _read(message, partial(of_refusal, message, answered, is_idempotent=is_idempotent))
        self._renew()
        in_doubt = self._gate.has_opened and not never_left(err)
        outcome = Outcome.UNKNOWN if in_doubt else Outcome.DEFERRED
        return Receipt(message.send_id, outcome, as_words(words_of(err)), fault_is_ours=True)

    def _renew(self) -> None:
        self.close()
        self._backend = self._open()

    def retire(self) -> None:
        """Close now, or after the message that is under way."""
        self._retired = True
        if self._busy.acquire(blocking=False):
            try:
                self.close()
            finally:
                self._busy.release()

    def close(self) -> None:
        """Close the connection."""
        self._backend.close()


def _read(message: Message, reading: Callable[[], Receipt]) -> Receipt:
    """What an answer means; one that cannot be read at all leaves its mail in doubt, as if none had come."""
    try:
        return reading()
    except Exception as err:  # a door: strangers answer what they like
        log.exception("answer_unreadable", send_id=str(message.send_id))
        return Receipt(message.send_id, Outcome.UNKNOWN, as_words(words_of(err)), fault_is_ours=True)
