"""What a check has to say."""

from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    FINE = "fine"
    WARN = "warn"
    """It works, and somebody should look."""
    FAULT = "fault"
    """Mails do not go out, orders do not come in, or soon will not."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, what was found, and what to do about it."""

    check: str
    level: Level
    found: str
    do: str = ""

    def as_json(self) -> dict[str, str]:
        """Plain values, in their order."""
        return asdict(self)


def fine(check: str, found: str) -> Finding:
    return Finding(check, Level.FINE, found)


def warn(check: str, found: str, do: str) -> Finding:
    return Finding(check, Level.WARN, found, do)


def fault(check: str, found: str, do: str) -> Finding:
    return Finding(check, Level.FAULT, found, do)
