"""What an experiment is called where its lots are kept: `step:CAMPAIGN/STEP/NAME@VERSION`."""

import re
from typing import NamedTuple

CONTROL = "control"
"""The arm of those who get the mail as it stands."""
_WRITTEN = re.compile(r"step:([^/]+)/([^/]+)/([^/@]+)@(\d+)")


class ExperimentKey(NamedTuple):
    """An experiment of a campaign's step, in one version: another version draws lots of its own."""

    campaign: str
    step: str
    name: str
    version: int

    def __str__(self) -> str:
        return f"step:{self.campaign}/{self.step}/{self.name}@{self.version}"

    @property
    def salt(self) -> str:
        """What its lots are drawn with, beside the version: the same people are not in the same arm everywhere."""
        return f"{self.campaign}/{self.step}/{self.name}"

    @property
    def shown(self) -> str:
        """As a person writes it."""
        return str(self).removeprefix("step:")

    def arm(self, arm: str) -> str:
        """The name of one of its arms, under which it may be paused."""
        return f"{self.shown}/{arm}"


def read_key(text: str) -> ExperimentKey | None:
    """The key that was written; None where it names no experiment of a step."""
    match = _WRITTEN.fullmatch(text)
    return ExperimentKey(match[1], match[2], match[3], int(match[4])) if match else None
