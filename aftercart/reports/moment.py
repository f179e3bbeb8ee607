"""Something that happened, as every explanation is made of."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Moment:
    """When, what kind of thing, in words, and the facts it rests on."""

    at: datetime
    kind: str
    sentence: str
    campaign: str | None = None
    send_id: str | None = None
    reason: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "at": self.at.isoformat()}
