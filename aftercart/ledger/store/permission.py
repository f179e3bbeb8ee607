"""The last look at permission, inside the very statement that lets a mail go: a word of a moment ago counts.

A no that somebody said under another address of theirs counts as well; a yes counts at the newest one alone.
"""

from sqlalchemy import ColumnElement, and_, exists, not_, or_

from aftercart.db.persons import same_person
from aftercart.db.tables import consents, recipients, sends, suppressions

_OF_AN_ADDRESS = ("hard_bounce", "soft_bounces")
"""Reasons that say nothing of the person (`of_person` in `aftercart/policy/suppression.py`)."""


def has_left(is_owed: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the person of a send must not get it. What they are owed, only who must get no mail at all does not."""
    mine, theirs = recipients.alias("mine"), recipients.alias("theirs")
    of_person = and_(*(suppressions.c.reason != reason for reason in _OF_AN_ADDRESS))
    return exists().where(
        mine.c.id == sends.c.recipient_id,
        same_person(mine, theirs),
        suppressions.c.email == theirs.c.email,
        or_(theirs.c.id == mine.c.id, of_person),
        or_(suppressions.c.scope == "all", not_(is_owed)),
        or_(suppressions.c.scope != "topic", suppressions.c.topic == sends.c.topic),
    )


def has_agreed() -> ColumnElement[bool]:
    """Whether the person of a send has said yes under an address whose yes counts for it, and no no is as new or newer
    (see `heard` and `standing` in `aftercart/consent/standing.py`)."""
    mine, theirs, others = recipients.alias("mine"), recipients.alias("theirs"), recipients.alias("others")
    no = consents.alias("no")
    newer_no = exists().where(
        same_person(mine, others),
        no.c.recipient_id == others.c.id,
        no.c.state == "denied",
        or_(no.c.at >= consents.c.at, consents.c.undated),
    )
    return exists().where(
        mine.c.id == sends.c.recipient_id,
        same_person(mine, theirs),
        consents.c.recipient_id == theirs.c.id,
        or_(theirs.c.id == mine.c.id, mine.c.merged_into.is_(None)),
        consents.c.state == "granted",
        ~newer_no,
    )
