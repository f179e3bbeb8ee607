"""Whom an edited holdout keeps from a mail that is planned, or lets have it after all.

It is the gate that draws the lot, when a mail is due; here it is only foretold, and nothing is kept.
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from aftercart.experiments import store as experiments
from aftercart.experiments.store import BRAND, Arm


class Holds(StrEnum):
    """What an edited holdout does to a mail."""

    BACK = "held_back"
    NO_MORE = "held_back_no_more"


@dataclass(frozen=True, slots=True)
class Shares:
    """What the brand file and the file of a campaign hold out."""

    brand: float
    campaign: float


def held_out(
    connection: Connection, secret: str, campaign: str, shares: Shares, people: experiments.Addresses
) -> set[int]:
    """Whom these shares keep from the mails of a campaign, of the recipients who are asked about."""
    everywhere = _members(connection, secret, BRAND, shares.brand, people)
    return everywhere | _members(connection, secret, f"campaign:{campaign}", shares.campaign, people)


def _members(
    connection: Connection, secret: str, experiment: str, share: float, people: experiments.Addresses
) -> set[int]:
    if not share or not people:
        return set()
    arms = experiments.foretold(connection, experiment, people, share, secret)
    return {id_ for id_, arm in arms.items() if arm == Arm.HOLDOUT}
