"""The mails that the demo's SMTP server really received, byte for byte, and a small index to find them by."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from pathlib import Path
from threading import Condition
from typing import BinaryIO
from uuid import UUID

from aftercart.clock import Clock, utc_now
from aftercart.demo.smtp_server import Envelope

NOT_FOUND = "there is no such mail"


@dataclass(frozen=True, slots=True)
class Entry:
    """A received mail in the index. `number` counts from 1 in the order of arrival."""

    number: int
    sender: str
    """As the From header shows it."""
    recipient: str
    """Of the envelope: where it really went."""
    subject: str
    received_at: datetime
    size: int
    send_id: UUID | None
    """From the Message-ID `<uuid@domain>`; None for a mail that no send of ours made."""


class Mailbox:
    """Keeps every mail in one file (a temporary one by default) and the index in memory. Thread-safe."""

    def __init__(self, file: Path | None = None, clock: Clock = utc_now) -> None:
        self._spool: BinaryIO = file.open("w+b") if file else tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        self._clock = clock
        self._entries: list[Entry] = []
        self._offsets: list[int] = [0]
        self._changed = Condition()

    def __len__(self) -> int:
        return len(self._entries)

    def deposit(self, envelope: Envelope) -> None:
        """Keep a mail. Raises OSError when the disk is full; then nothing is kept."""
        headers = BytesHeaderParser(policy=policy.default).parsebytes(envelope.content)
        with self._changed:
            self._spool.seek(self._offsets[-1])
            self._spool.write(envelope.content)
            self._spool.flush()
            self._entries.append(self._entry(envelope, headers))
            self._offsets.append(self._offsets[-1] + len(envelope.content))
            self._changed.notify_all()

    def _entry(self, envelope: Envelope, headers: EmailMessage) -> Entry:
        return Entry(
            number=len(self._entries) + 1,
            sender=str(headers.get("From", envelope.sender)),
            recipient=", ".join(envelope.recipients),
            subject=str(headers.get("Subject", "")),
            received_at=self._clock(),
            size=len(envelope.content),
            send_id=send_id_of(str(headers.get("Message-ID", ""))),
        )

    def raw(self, number: int) -> bytes:
        """The mail as it came over the wire. Raises KeyError when there is none of that number."""
        with self._changed:
            self._need(number)
            self._spool.seek(self._offsets[number - 1])
            return self._spool.read(self._offsets[number] - self._offsets[number - 1])

    def message(self, number: int) -> EmailMessage:
        """The mail, parsed. Raises KeyError when there is none of that number."""
        return message_from_bytes(self.raw(number), policy=policy.default)

    def entry(self, number: int) -> Entry:
        """The mail's line in the index. Raises KeyError when there is none of that number."""
        self._need(number)
        return self._entries[number - 1]

    def entries(self, words: str = "") -> Sequence[Entry]:
        """The mails whose addresses or subject hold all the words, the newest first."""
        wanted = words.casefold().split()
        newest_first = self._entries[::-1]
        if not wanted:
            return newest_first
        return [entry for entry in newest_first if all(word in _haystack(entry) for word in wanted)]

    def wait_for(self, count: int, timeout_s: float) -> bool:
        """Wait until at least `count` mails are here; False if they are not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._entries) >= count, timeout_s)

    def close(self) -> None:
        """Close the file. A temporary one is gone then."""
        with self._changed:
            self._spool.close()

    def _need(self, number: int) -> None:
        if not 1 <= number <= len(self._entries):
            raise KeyError(NOT_FOUND)


def send_id_of(message_id: str) -> UUID | None:
    """The send in a Message-ID `<uuid@domain>`; None if it holds none."""
    local_part = message_id.strip().removeprefix("<").partition("@")[0]
    try:
        return UUID(local_part)
    except ValueError:
        return None


def _haystack(entry: Entry) -> str:
    return f"{entry.recipient} {entry.sender} {entry.subject}".casefold()
