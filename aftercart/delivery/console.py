"""Mail onto the terminal, for the first steps: who would get what, and nothing leaves."""

import sys
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO

from aftercart.delivery.base import Go, Message, Outcome, Receipt
from aftercart.delivery.mime import made, to_bytes

RULE = "─" * 72


class ConsoleSender:
    """Prints each message. It is encoded all the same, so that what fails by SMTP fails here too."""

    def __init__(self, stream: TextIO | None = None, *, encode: Callable[[Message], bytes] = to_bytes) -> None:
        """`stream` None: standard output, as it is when a message is printed."""
        self.name = "console"
        self._stream = stream
        self._encode = encode
        self._lock = threading.Lock()

    def send_batch(self, messages: Iterable[Message], go: Go) -> Iterator[Receipt]:
        """Print the messages one after the other. One receipt each, in their order."""
        return (self._send_one(message, go) for message in messages)

    def close(self) -> None:
        """Nothing is kept open."""

    def _send_one(self, message: Message, go: Go) -> Receipt:
        body = made(message, self._encode)
        if isinstance(body, Receipt):
            return body
        if not go(message):
            return Receipt(message.send_id, Outcome.WITHHELD, "held back at the last instant")
        with self._lock:
            print(_summary(message, len(body)), file=self._stream or sys.stdout, flush=True)
        return Receipt(message.send_id, Outcome.ACCEPTED, "printed")


def _summary(message: Message, size: int) -> str:
    return "\n".join(
        [
            RULE,
            f"From:    {_line(message.sender)}",
            f"To:      {_line(message.recipient)}",
            f"Subject: {_line(message.subject)}",
            f"         {size / 1000:.1f} kB, send {message.send_id}",
            "",
            _text(message.text.strip()),
            RULE,
        ]
    )


def _line(text: str) -> str:
    return _text(text).replace("\n", " ")


def _text(text: str) -> str:
    """Without escape sequences: a product's title must not steer the terminal."""
    return "".join(c for c in text if c == "\n" or c.isprintable() or unicodedata.category(c) == "Zs")
