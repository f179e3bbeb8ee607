"""Mail into a folder, one `.eml` file each: to look at, to test, or for a program that picks it up."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from aftercart.delivery.base import Go, Message, Outcome, Receipt
from aftercart.delivery.mime import made, to_bytes
from aftercart.delivery.words import as_words


class FileSender:
    """Writes `<send_id>.eml` into a folder, made when it is missing. A file that has its name is complete."""

    def __init__(self, folder: Path, *, encode: Callable[[Message], bytes] = to_bytes) -> None:
        self.name = "file"
        self._folder = folder
        self._encode = encode

    def send_batch(self, messages: Iterable[Message], go: Go) -> Iterator[Receipt]:
        """Write the messages one after the other. One receipt each, in their order."""
        return (self._send_one(message, go) for message in messages)

    def close(self) -> None:
        """Nothing is kept open."""

    def _send_one(self, message: Message, go: Go) -> Receipt:
        body = made(message, self._encode)
        if isinstance(body, Receipt):
            return body
        file = self._folder / f"{message.send_id}.eml"
        unfinished = file.with_suffix(".part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(body)
        except OSError as err:  # a full disk, a folder that is not ours
            return Receipt(message.send_id, Outcome.DEFERRED, as_words(str(err)), fault_is_ours=True)
        return self._name(message, unfinished, file, go)

    def _name(self, message: Message, unfinished: Path, file: Path, go: Go) -> Receipt:
        """The hand-over is the rename: before it there is no mail, after it there is one."""
        try:
            if not go(message):
                return Receipt(message.send_id, Outcome.WITHHELD, "held back at the last instant")
            os.replace(unfinished, file)  # noqa: PTH105  # the word for it: atomic, and replaces on every system
        except OSError as err:
            return Receipt(message.send_id, Outcome.DEFERRED, as_words(str(err)), fault_is_ours=True)
        finally:
            unfinished.unlink(missing_ok=True)
        return Receipt(message.send_id, Outcome.ACCEPTED, f"written to {file}")
