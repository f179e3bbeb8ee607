"""Planned mails that wait as the files say now: for the end of a pause, or for a file that is gone.

A pause is no edit, and ends no mail; but what nobody ends, or brings back, lets mails expire.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from aftercart.campaigns.brand import Brand
from aftercart.campaigns.schema import Campaign


class Held(StrEnum):
    """What holds all mails of a campaign."""

    ALL_PAUSED = "all_paused"
    CAMPAIGN_PAUSED = "campaign_paused"
    NO_FILE = "no_file"


@dataclass
class Waiting:
    """Mails of a campaign that wait. `people`: their recipients; once all are known, a person is in it once."""

    first_expires: datetime
    last_expires: datetime
    mails: int = 0
    due: int = 0
    """Those that would go now."""
    people: set[int] = field(default_factory=set)

    def note(self, mail: Any, now: datetime) -> None:
        """Count one mail."""
        self.mails += 1
        self.due += mail.due_at <= now
        self.people.add(mail.recipient_id)
        self.first_expires = min(self.first_expires, mail.valid_until)
        self.last_expires = max(self.last_expires, mail.valid_until)


def what_holds(brand: Brand, campaign: Campaign | None) -> Held | None:
    """In the order in which the gate asks. `campaign` None: there is no file of it."""
    if brand.paused:
        return Held.ALL_PAUSED
    if campaign is None:
        return Held.NO_FILE
    return Held.CAMPAIGN_PAUSED if campaign.status == "paused" else None
