"""From the answers of mail services, as `requests` and boto3 hand them over, to receipts. What they mean: `answer`."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from aftercart.delivery.base import Message, Outcome, Receipt
from aftercart.delivery.esp import answer
from aftercart.delivery.words import as_words

log = structlog.get_logger()

TOO_MANY_REQUESTS = 429
WORDS_READ = 2_000

_NEVER_LEFT = frozenset(
    {"EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError", "SSLError", "NoCredentialsError"}
)
"""Of botocore's errors, those of a request that was not sent."""


def of_answer(message: Message, response: Any, told: Mapping[str, Any]) -> Receipt:
    """`told`: what Anymail made of it, for each recipient; there is one, however its address is spelled."""
    code, words = _code_and_words(response)
    said = answer.without_address(words, message.recipient)
    about = next(iter(told.values()), None)
    if about is None:
        return _receipt(message, answer.of_code(code, said), code, words, response)
    meaning = answer.of_status(about.status, code, said)
    if meaning.outcome is Outcome.ACCEPTED:
        words = f"{about.status}, {about.message_id}" if about.message_id else about.status
    return _receipt(message, meaning, code, words, response)


def of_refusal(message: Message, response: Any, *, is_idempotent: bool) -> Receipt:
    """Of an answer that Anymail raised as an error."""
    code, words = _code_and_words(response)
    said = answer.without_address(words, message.recipient)
    meaning = answer.of_code(code, said, is_idempotent=is_idempotent, is_repeat=message.is_repeat)
    return _receipt(message, meaning, code, words, response)


def _receipt(message: Message, meaning: answer.Meaning, code: int, words: str, response: Any) -> Receipt:
    return Receipt(
        send_id=message.send_id,
        outcome=meaning.outcome,
        response=as_words(f"{code} {words}"),
        code=code,
        hard_bounce=meaning.hard_bounce,
        fault_is_ours=meaning.fault_is_ours,
        retry_after=_retry_after(response) if meaning.outcome is Outcome.DEFERRED else None,
    )


def untried(message: Message, last: Receipt) -> Receipt:
    """Of a message that was not tried because of what became of the one before it."""
    words = as_words(f"not tried after: {last.response}")
    waits = replace(last, send_id=message.send_id, outcome=Outcome.DEFERRED, response=words)
    return replace(waits, code=None, hard_bounce=False, fault_is_ours=True)


def _code_and_words(response: Any) -> tuple[int, str]:
    """boto3's answers are dictionaries."""
    if not isinstance(response, dict):
        return response.status_code, response.text[:WORDS_READ]
    code = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    error = response.get("Error", {})
    words = f"{error.get('Code', '')}: {error.get('Message', '')}" if error else ""
    throttled = any(word in words for word in ("Throttl", "TooManyRequests", "LimitExceeded"))
    return (TOO_MANY_REQUESTS if throttled else code), words


def _retry_after(response: Any) -> timedelta | None:
    if isinstance(response, dict):
        return None
    try:
        return answer.retry_after(response.headers.get("Retry-After", ""), response.headers.get("Date", ""))
    except Exception:  # a door: what became of the mail is clear, whatever stands in these headers
        log.exception("retry_after_unreadable")
        return None


def never_left(err: Exception) -> bool:
    """Whether boto3 says so: it asks whether the mail may go before it connects."""
    cause = err.__cause__
    return cause is not None and type(cause).__module__.startswith("botocore") and type(cause).__name__ in _NEVER_LEFT


def words_of(err: BaseException) -> str:
    """In the words of whoever noticed it first, which are shorter than those of the layers above."""
    while deeper := err.__cause__ or err.__context__:
        err = deeper
    return f"{type(err).__name__}: {err}"
