"""What a webhook or a report says, read and not yet acted on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aftercart.feedback.told import Told
from aftercart.intake.changes import Change, Claim, dated


@dataclass
class Parsed:
    """One event and what its body says. `error` names the field that cannot be understood."""

    row: Mapping[str, Any]
    changes: Sequence[Change] = ()
    told: Sequence[Told] = ()
    unclear: str | None = None
    """Why a report about a mail changes nothing."""
    error: str | None = None
    order_id: str | None = None
    """The shop's id of the order that the event speaks of, so that `explain` finds the event."""
    is_forgotten: bool = False
    """It speaks of an order whose person was erased: what counts is kept, and nothing of what it says of them."""

    @property
    def dated(self) -> Sequence[Change]:
        """Its changes. What they do not date happened when we heard of it, however long that waited for a worker."""
        return [dated(change, self.row["received_at"]) for change in self.changes]

    @property
    def state(self) -> str:
        if self.error:
            return "failed"
        if any(isinstance(change, Claim) for change in self.changes):
            return "asked"
        return "processed" if self.changes or self.told else "ignored"
