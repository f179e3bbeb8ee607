"""The last look at permission, inside the very statement that lets a mail go: a word of a moment ago counts."""

from sqlalchemy import ColumnElement, exists, not_, or_

from aftercart.db.tables import consents, recipients, sends, suppressions


def has_left(is_owed: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the person of a send must not get it. What they are owed, only who must get no mail at all does not."""
    return exists().where(
        suppressions.c.email == recipients.c.email,
        recipients.c.id == sends.c.recipient_id,
        or_(suppressions.c.scope == "all", not_(is_owed)),
        or_(suppressions.c.scope != "topic", suppressions.c.topic == sends.c.topic),
    )


def has_agreed() -> ColumnElement[bool]:
    """Whether the person of a send has said yes, and no no is as new or newer (see `aftercart/consent/standing.py`)."""
    no = consents.alias("no")
    newer_no = exists().where(
        no.c.recipient_id == consents.c.recipient_id,
        no.c.state == "denied",
        or_(no.c.at >= consents.c.at, consents.c.undated),
    )
    return exists().where(consents.c.recipient_id == sends.c.recipient_id, consents.c.state == "granted", ~newer_no)
