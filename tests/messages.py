"""Messages to hand over."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aftercart.delivery.base import Message
from aftercart.ids import new_id


def a_message(**changes: Any) -> Message:
    """A mail to Ada; say what is to be different."""
    send_id = new_id()
    facts: dict[str, Any] = {
        "send_id": send_id,
        "message_id": f"<{send_id}@example.com>",
        "sender": "Aftercart Bikes <hello@example.com>",
        "recipient": "ada@example.com",
        "subject": "Goes well with your bike",
        "html": "<!doctype html><p>A lamp, a lock and a bell.</p>",
        "text": "A lamp, a lock and a bell.",
        "date": datetime(2026, 3, 2, 10, tzinfo=UTC),
    }
    return Message(**(facts | changes))


def always(*messages: Message) -> set[UUID]:
    """The `go` of a pipeline that has nothing against it."""
    return {message.send_id for message in messages}
