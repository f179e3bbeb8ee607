"""The last look at permission, inside the very statement that lets a mail go: a word of a moment ago counts.

A no that somebody said under another address of theirs counts as well; a yes counts at its own address, and where a
customer's record took it along.
"""

from sqlalchemy import ColumnElement, FromClause, and_, exists, not_, or_

from aftercart.db.persons import same_person
from aftercart.db.tables import address_moves, consents, customers, recipients, sends, suppressions

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
    """Whether the address of a send has a yes, or a customer's record came to it with one, and no no of the person is
    as new or newer (see `heard` and `standing` in `aftercart/consent/standing.py`)."""
    yes, brought = consents.alias("yes"), consents.alias("brought")
    came = exists().where(
        customers.c.recipient_id == sends.c.recipient_id,
        address_moves.c.customer_id == customers.c.id,
        brought.c.recipient_id == address_moves.c.recipient_id,
        brought.c.at <= address_moves.c.at,
        *_counts(brought),
    )
    return or_(exists().where(yes.c.recipient_id == sends.c.recipient_id, *_counts(yes)), came)


def _counts(yes: FromClause) -> tuple[ColumnElement[bool], ...]:
    """Of a row of the ledger: it is a yes, and no no is as new or newer."""
    mine, others, no = recipients.alias("mine"), recipients.alias("others"), consents.alias("no")
    newer_no = (
        exists()
        .where(
            mine.c.id == sends.c.recipient_id,
            same_person(mine, others),
            no.c.recipient_id == others.c.id,
            no.c.state == "denied",
            or_(no.c.at >= yes.c.at, yes.c.undated),
        )
        .correlate(sends, yes)
    )
    return yes.c.state == "granted", ~newer_no
