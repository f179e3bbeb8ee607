"""Postfix's own test server takes our mails: an SMTP peer that nobody here wrote."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aftercart.delivery.base import Message, Outcome
from aftercart.delivery.senders import sender_from_url
from aftercart.ids import new_id
from tests.messages import always
from tests.peers.postfix import smtp_sink

pytestmark = pytest.mark.peers


def test_postfix_takes_a_batch_byte_for_byte(tmp_path: Path) -> None:
    """T39: also lines that begin with a dot, and letters beyond ASCII."""
    messages = [_message(number) for number in range(3)]
    with smtp_sink(tmp_path) as url, closing(sender_from_url(url)) as sender:
        receipts = list(sender.send_batch(messages, always))
    assert [receipt.outcome for receipt in receipts] == [Outcome.ACCEPTED] * 3
    taken = b"".join(file.read_bytes() for file in tmp_path.glob("mail-*"))
    assert all(message.message_id.encode() in taken for message in messages)
    assert taken.count(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click") == 3


def _message(number: int) -> Message:
    send_id = new_id()
    return Message(
        send_id=send_id,
        message_id=f"<{send_id}@example.com>",
        sender="Zoë's Bikes <hello@example.com>",
        recipient=f"ada{number}@example.com",
        subject="Für dein Rad",
        html="<p>.dots\n.\n..</p>",
        text=".dots\n.\n..",
        date=datetime.now(UTC),
        headers={"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    )
