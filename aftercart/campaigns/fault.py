"""Something wrong, or worth knowing, in a file that a person wrote."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aftercart.errors import Place


class Severity(StrEnum):
    """How bad it is: an error fails `aftercart check`, and in a file that cannot be used also stops the start."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Fault:
    """`key`: the path of the key, such as `steps[0].recommend.slots`. `fix`: what to do; may be empty."""

    place: Place
    key: str
    message: str
    fix: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        parts = [str(self.place), self.severity, *([self.key] if self.key else []), self.message]
        return ": ".join(parts) + (f" — {self.fix}" if self.fix else "")

    def as_json(self) -> dict[str, Any]:
        """The fault as plain values."""
        place = {"file": str(self.place.file), "line": self.place.line, "column": self.place.column}
        about = {"severity": self.severity.value, "key": self.key, "message": self.message, "fix": self.fix}
        return {**place, **about}


def by_place(fault: Fault) -> tuple[str, int, int]:
    """Sorts faults as a person reads: file by file, from top to bottom."""
    return str(fault.place.file), fault.place.line or 0, fault.place.column or 0


def key_path(loc: tuple[str | int, ...]) -> str:
    """`("steps", 0, "at")` as `steps[0].at`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return "".join(parts).removeprefix(".")
