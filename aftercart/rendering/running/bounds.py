"""How much work and how long a text one mail may be, so that no template holds up all the others.

A worker renders mails one after the other. Four loops over fifty, one inside the other, took it minutes for each.
"""

from collections.abc import Collection

from jinja2 import pass_context
from jinja2.runtime import Context

TURNS = 20_000
"""What the loops of a mail may go round, all together: a fraction of a second."""
CHARACTERS = 5_000_000
"""Of one part of a mail. Above it, encoded, most servers take none."""


class Turns:
    """What is left to the loops of one mail."""

    def __init__(self) -> None:
        self._left = TURNS

    def take(self, count: int) -> None:
        """Raises ValueError once there have been too many."""
        self._left -= count
        if self._left < 0:
            raise ValueError(
                f"the loops of this mail go round more than {TURNS:,} times; look for one that stands inside another"
            )


@pass_context
def counted(context: Context, items: Collection[object]) -> Collection[object]:
    """What a loop goes through, taken off what is left: once for each loop, so that a turn costs nothing."""
    if type(items) is not list and type(items) is not range:
        items = list(items)  # what filters find comes one by one
    context.parent["_turns"].take(len(items))
    return items


def of_a_length(text: str) -> str:
    """A part of a mail. Raises ValueError if no server would take it."""
    if len(text) > CHARACTERS:
        raise ValueError(
            f"this part of the mail has {len(text):,} characters, and no mail may have more than {CHARACTERS:,}; "
            "let its loops go round less often"
        )
    return text
