"""Did a person open this mail, or did a machine fetch its pictures? Pure.

An open is a guess and nothing is decided on it: who shows no pictures is never counted, and Apple Mail fetches every
picture of every mail from its own machines, whether anybody reads it or not (Mail Privacy Protection).
"""

from datetime import datetime
from typing import Literal, NamedTuple

from aftercart.tracking.bots import IMAGE_PROXY, TOO_SOON, is_known_machine

_APPLE = "Mozilla/5.0"
"""All that Apple's proxy says of itself. Nothing else stops there."""


class OpenVerdict(NamedTuple):
    """Who it was, and the reason, as it is stored."""

    verdict: Literal["human", "machine"]
    reason: Literal["looks_human", "image_proxy", "apple_proxy", "not_get", "no_agent", "known_agent", "too_soon"]


def open_verdict(method: str, user_agent: str, at: datetime, sent_at: datetime | None) -> OpenVerdict:
    """`sent_at`: when the mail was handed over; None where that is not known. The first reason wins."""
    agent = user_agent.strip()
    if method != "GET":
        return OpenVerdict("machine", "not_get")
    if not agent:
        return OpenVerdict("machine", "no_agent")
    if agent == _APPLE:
        return OpenVerdict("machine", "apple_proxy")
    if sent_at is not None and at - sent_at < TOO_SOON:
        return OpenVerdict("machine", "too_soon")
    if IMAGE_PROXY.search(agent):
        return OpenVerdict("human", "image_proxy")
    if is_known_machine(agent):
        return OpenVerdict("machine", "known_agent")
    return OpenVerdict("human", "looks_human")
