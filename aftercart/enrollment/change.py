"""What an edit of a campaign does to the mails of an enrollment that is under way. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Effect(StrEnum):
    """What becomes of a planned mail."""

    KEPT = "kept"
    """Due when it was."""
    VARIED = "varied"
    """Due when it was, as another variant: an experiment begins, ends, or draws its lots anew."""
    RETIMED = "retimed"
    ADDED = "added"
    """A step that was not there when the order came in."""
    CANCELED = "canceled"
    """Its step is gone, or its campaign is a draft now."""
    PAST = "past"
    """The edit puts it to a time that is over."""
    MISSED = "missed"
    """A step that was not there when the order came in, and that would have been due already: it is not sent."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A mail that is still planned. `waits`: it has been put off, or is claimed; its time is not moved any more."""

    step: str
    due_at: datetime
    valid_until: datetime
    waits: bool
    lot: tuple[str | None, str | None] = (None, None)
    """Experiment and arm."""


@dataclass(frozen=True, slots=True)
class Change:
    """One mail, and what becomes of it. `new`: the row as it would be planned today; None where there is none."""

    step: str
    effect: Effect
    due_at: datetime | None = None
    new: Mapping[str, Any] | None = None

    @property
    def new_due(self) -> datetime | None:
        return self.new["due_at"] if self.new else None


def changes(
    standing: Sequence[Standing], ended_steps: frozenset[str], plan: Sequence[Mapping[str, Any]], now: datetime
) -> Iterator[Change]:
    """For each mail that is planned, or would be now. `plan`: rows of sends as they would be planned today.

    What has left, or was decided for good (`ended_steps`), is never planned again.
    """
    wanted = {row["step"]: row for row in plan}
    for mail in standing:
        yield _change(mail, wanted.pop(mail.step, None), now)
    for step, row in wanted.items():
        if step not in ended_steps:
            effect = Effect.ADDED if row["due_at"] > now else Effect.MISSED
            yield Change(step, effect, None, row)


def _change(mail: Standing, new: Mapping[str, Any] | None, now: datetime) -> Change:
    if new is None:
        return Change(mail.step, Effect.CANCELED, mail.due_at)
    same_time = (new["due_at"], new["valid_until"]) == (mail.due_at, mail.valid_until)
    same_lot = (new.get("experiment"), new.get("variant")) == mail.lot
    if mail.waits or (same_time and same_lot):
        return Change(mail.step, Effect.KEPT, mail.due_at, new)
    if same_time:
        return Change(mail.step, Effect.VARIED, mail.due_at, new)
    if new["due_at"] <= now and new["due_at"] != mail.due_at:
        return Change(mail.step, Effect.PAST, mail.due_at, new)
    return Change(mail.step, Effect.RETIMED, mail.due_at, new)
