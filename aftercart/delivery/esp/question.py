"""A question to a mail service, beside the mails: it changes nothing there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import requests

from aftercart.delivery.esp.vendors import Timeouts
from aftercart.delivery.esp.wire import Gate, gated_session
from aftercart.errors import DeliveryError

ANSWER_S = 15.0
"""Nobody's mail hangs on it, so nobody waits as long as for one."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request, relative to the vendor's own address. `login`: user and password of HTTP's basic authentication.

    With a `body` it is a POST, which some vendors want of every question.
    """

    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    login: tuple[str, str] | None = None
    body: Mapping[str, Any] | None = None


def put(question: Question, api_url: str, timeouts: Timeouts) -> requests.Response:
    """The vendor's answer. Raises DeliveryError where there is none."""
    gate = Gate()
    gate.guard(lambda: True)
    try:
        with gated_session(gate) as session:
            if question.login:
                session.auth = question.login
            return session.request(
                "GET" if question.body is None else "POST",
                urljoin(f"{api_url.rstrip('/')}/", question.path),
                params=dict(question.query),
                headers=dict(question.headers),
                json=question.body,
                timeout=(timeouts.connect, min(timeouts.answer, ANSWER_S)),
            )
    except requests.RequestException as err:
        raise DeliveryError(f"no answer from {api_url}: {type(err).__name__}", permanent=False) from err
