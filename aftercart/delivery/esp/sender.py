"""Mail by the HTTP interface of a mail service, one request for each mail over a kept connection for each thread.

Some vendors take many mails in one request. That request's answer, when it does not come, would leave all of them in
doubt instead of one, and the receipts of all would wait for the slowest; so there is no such batch here. What a
thread cannot do for the latency, more threads do.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any

from aftercart.delivery.base import Go, Message, Outcome, Receipt
from aftercart.delivery.esp import answer
from aftercart.delivery.esp.backend import RENEW_AFTER_S, open_backend, ready_django
from aftercart.delivery.esp.parcel import parcel
from aftercart.delivery.esp.vendors import Idempotency, Timeouts, Vendor
from aftercart.delivery.esp.wire import Gate, HeldBackError
from aftercart.delivery.mime import made, to_bytes
from aftercart.delivery.smtp_reply import as_response

FAILURES_TO_GIVE_UP = 2
"""So many messages in a row that failed for no reason of their own: the rest of the batch waits."""
TOO_MANY_REQUESTS = 429


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
        self._vendor, self._encode = vendor, encode
        self._open = partial(_Line, vendor, options, timeouts or Timeouts(), renew_after_s)
        self._lines: dict[threading.Thread, _Line] = {}
        self._lock = threading.Lock()
        ready_django()
        self._open().close()  # a fault in the options shows now, not with the first mail

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
                yield from _defer_all(waiting, receipt)
                return

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

    def _pack(self, line: "_Line", message: Message) -> "_Parcel | Receipt":
        self._encode(message)  # not for its bytes: a header that would break out of its line is refused here, too
        return line.pack(message)

    def _line(self) -> "_Line":
        thread = threading.current_thread()
        line = self._lines.get(thread)
        if line is None:
            with self._lock:
                for ended in [thread for thread in self._lines if not thread.is_alive()]:
                    self._lines.pop(ended).retire()
                line = self._lines[thread] = self._open()
        return line


class _Parcel:
    """A message as the vendor gets it: the mail, and the request that holds it."""

    def __init__(self, mail: Any, payload: Any) -> None:
        self.mail, self.payload = mail, payload


class _Line:
    """The backend of one thread, with its connection."""

    def __init__(
        self, vendor: Vendor, options: Mapping[str, str], timeouts: Timeouts, renew_after_s: float = RENEW_AFTER_S
    ) -> None:
        self._vendor, self._renew_after_s = vendor, renew_after_s
        self._gate = Gate()
        self._open = partial(open_backend, vendor, options, timeouts, self._gate)
        self._backend = self._open()
        self._used_at = monotonic()
        self._busy = threading.Lock()
        self._retired = False

    def pack(self, message: Message) -> "_Parcel | Receipt":
        """All that can fail without the vendor; a receipt where this vendor cannot carry such a mail."""
        from anymail.exceptions import AnymailUnsupportedFeature  # only with the extra

        try:
            mail = parcel(message, self._vendor)
            payload = self._backend.build_message_payload(mail, {})
        except AnymailUnsupportedFeature as err:
            # Mailgun and Scaleway take no mailbox name outside ASCII: no fault of an address that is ours or theirs.
            ours = message.recipient.isascii()
            return Receipt(message.send_id, Outcome.REJECTED, as_response(str(err)), fault_is_ours=ours)
        if self._vendor.idempotency is Idempotency.REQUEST_HEADER:
            payload.headers["Idempotency-Key"] = str(message.send_id)
        return _Parcel(mail, payload)

    def send(self, message: Message, ready: _Parcel, go: Go) -> Receipt:
        """Hand over one message."""
        with self._busy:
            if monotonic() - self._used_at > self._renew_after_s:
                self._renew()
            try:
                return self._send(message, ready, go)
            finally:
                self._used_at = monotonic()
                if self._retired:
                    self.close()

    def _send(self, message: Message, ready: _Parcel, go: Go) -> Receipt:
        self._gate.guard(lambda: go(message))
        try:
            response = self._backend.post_to_esp(ready.payload, ready.mail)
            told = self._backend.parse_recipient_status(response, ready.payload, ready.mail)
        except HeldBackError:
            self._gate.raise_fault()
            return Receipt(message.send_id, Outcome.WITHHELD, "held back at the last instant")
        except Exception as err:  # noqa: BLE001  # a door: a library that stumbles over an answer has had one
            return self._receipt_of_failure(message, err)
        return _receipt_of_answer(message, response, told)

    def _receipt_of_failure(self, message: Message, err: Exception) -> Receipt:
        answered = getattr(err, "response", None)
        if answered is not None:
            return self._receipt_of_refusal(message, answered)
        self._renew()
        if _says_it_never_left(err):
            self._gate.shut()
        outcome = Outcome.UNKNOWN if self._gate.has_opened else Outcome.DEFERRED
        return Receipt(message.send_id, outcome, as_response(_cause(err)), fault_is_ours=True)

    def _receipt_of_refusal(self, message: Message, response: Any) -> Receipt:
        code, words = _code_and_words(response)
        is_idempotent = self._vendor.idempotency is not Idempotency.NONE
        meaning = answer.of_code(code, words, is_idempotent=is_idempotent)
        return _receipt(message, meaning, code, f"{code} {words}", _retry_after(response))

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
        """Close the connection; the line may be used again, and opens another."""
        self._backend.close()


def _receipt_of_answer(message: Message, response: Any, told: Mapping[str, Any]) -> Receipt:
    """`told`: what Anymail made of it, for each recipient; there is one, however its address is spelled."""
    code, words = _code_and_words(response)
    about = next(iter(told.values()), None)
    if about is None:
        return _receipt(message, answer.of_code(code, words), code, f"{code} {words}")
    meaning = answer.of_status(about.status, code, words)
    if meaning.outcome is Outcome.ACCEPTED:
        words = f"{about.status}, {about.message_id}" if about.message_id else about.status
    return _receipt(message, meaning, code, f"{code} {words}", _retry_after(response))


def _receipt(
    message: Message, meaning: answer.Meaning, code: int, words: str, wait: timedelta | None = None
) -> Receipt:
    return Receipt(
        send_id=message.send_id,
        outcome=meaning.outcome,
        response=as_response(words),
        code=code,
        hard_bounce=meaning.hard_bounce,
        fault_is_ours=meaning.fault_is_ours,
        retry_after=wait if meaning.outcome is Outcome.DEFERRED else None,
    )


def _code_and_words(response: Any) -> tuple[int, str]:
    """Of an answer by `requests`, or of one by boto3, which is a dictionary."""
    if not isinstance(response, dict):
        return response.status_code, response.text[:2_000]
    code = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    error = response.get("Error", {})
    words = f"{error.get('Code', '')}: {error.get('Message', '')}" if error else ""
    throttled = "Throttl" in words or "TooManyRequests" in words or "LimitExceeded" in words
    return (TOO_MANY_REQUESTS if throttled else code), words


def _retry_after(response: Any) -> timedelta | None:
    headers = getattr(response, "headers", None)
    if headers is None:
        headers = {k.title(): v for k, v in response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).items()}
    return answer.retry_after(headers.get("Retry-After", ""), headers.get("Date", ""))


_NEVER_LEFT = frozenset(
    {"EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError", "SSLError", "NoCredentialsError"}
)
"""Of botocore's errors, those of a request that was not sent."""


def _says_it_never_left(err: Exception) -> bool:
    cause = err.__cause__
    return cause is not None and type(cause).__module__.startswith("botocore") and type(cause).__name__ in _NEVER_LEFT


def _cause(err: Exception) -> str:
    """In the words of whoever noticed it first, which are shorter than those of the layers above."""
    while err.__cause__ is not None or err.__context__ is not None:
        deeper = err.__cause__ or err.__context__
        if not isinstance(deeper, Exception):
            break
        err = deeper
    return f"{type(err).__name__}: {err}"


def _failed(receipt: Receipt) -> bool:
    """Whether it failed for no reason of this message's own."""
    return receipt.fault_is_ours and receipt.outcome in (Outcome.DEFERRED, Outcome.UNKNOWN)


def _never_left(receipt: Receipt) -> bool:
    return _failed(receipt) and receipt.outcome is Outcome.DEFERRED and receipt.code is None


def _defer_all(messages: Iterable[Message], last: Receipt) -> Iterator[Receipt]:
    untried = replace(last, outcome=Outcome.DEFERRED, code=None, hard_bounce=False, fault_is_ours=True)
    words = as_response(f"not tried after: {last.response}")
    return (replace(untried, send_id=message.send_id, response=words) for message in messages)
