"""What came of telling something, and what it means. Pure."""

from dataclasses import dataclass
from datetime import timedelta

from aftercart.errors import AftercartError

GONE = 410


class NotToldError(AftercartError):
    """Nobody was told: no connection, no answer in time, or a place that we do not speak to."""


class StoppingError(NotToldError):
    """It was broken off, or not begun, because the engine stops: nobody's fault."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint said. `retry_after`: how long it asks to be left alone."""

    status: int
    retry_after: timedelta = timedelta(0)

    @property
    def fault(self) -> str:
        """Empty where it has taken the message: any 2xx, and nothing else (Standard Webhooks). Nobody is followed to
        where a redirect leads: it may lead to a machine that we must not speak to."""
        if 200 <= self.status < 300:
            return ""
        if 300 <= self.status < 400:
            return f"it answered {self.status}, a redirect: write the address that it leads to into the settings"
        return f"it answered {self.status}"

    @property
    def is_gone(self) -> bool:
        """Whether it says that it wants to hear nothing any more."""
        return self.status == GONE


def retry_after(header: str | None) -> timedelta:
    """What the header asks for, in seconds; a date, or nonsense, asks for nothing."""
    text = (header or "").strip()
    return timedelta(seconds=int(text)) if text.isascii() and text.isdigit() and len(text) < 9 else timedelta(0)
