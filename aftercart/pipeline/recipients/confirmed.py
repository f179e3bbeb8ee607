"""The answer to the question of double opt-in: how it stands, and the yes that a click on a button gives.

The mail that asks is planned with the word that needs it and handed over by `confirm`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import structlog
from sqlalchemy import Connection, select

from aftercart.consent import store as consent
from aftercart.consent.statement import Basis, ConsentState, ConsentStatement
from aftercart.db.session import Database
from aftercart.db.tables import preferences, recipients
from aftercart.pipeline.planning.own import OWN_LOCALE
from aftercart.pipeline.recipients.permission import Terms, lift, lock, permission
from aftercart.policy import store as policy
from aftercart.policy.suppression import SuppressionScope
from aftercart.rights.store import is_erased

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """Somebody confirms. `ip`: from where, as evidence."""

    recipient_id: int
    confirmation_id: UUID
    ip: str
    at: datetime


class Question(StrEnum):
    """How the question of a link stands."""

    OPEN = "open"
    SETTLED = "settled"
    """The person may be written to: they confirmed, or said yes in another way."""
    CLOSED = "closed"
    """They may not, and the link changes nothing: they left since, or nobody may mail them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the language of whom it was put to."""

    question: Question
    locale: str


def find_question(db: Database, recipient_id: int, confirmation_id: UUID, terms: Terms, now: datetime) -> Asked | None:
    """How a question stands; None: it was never asked, or its person is gone.

    Changes nothing: mail scanners open every link.
    """
    with db.read() as connection:
        return _asked(connection, recipient_id, confirmation_id, terms, now)


def keep_answer(connection: Connection, answer: Answer, terms: Terms) -> Asked | None:
    """The person may be written to from this commit on; they also come back where they had left.

    A link answers once, and only while the question is open: whoever leaves later is not brought back by it. How it
    stands then; None: there is no such question.
    """
    who, now = answer.recipient_id, answer.at
    email = lock(connection, who)
    before = _asked(connection, who, answer.confirmation_id, terms, now)
    if email is None or before is None or before.question is not Question.OPEN:
        return before
    consent.confirm(connection, answer.confirmation_id, now)
    source = f"confirmation:{answer.confirmation_id}"
    said = ConsentStatement(ConsentState.GRANTED, source, now, Basis.DOUBLE_OPT_IN, ip=answer.ip)
    consent.record_consent(connection, who, said, now)
    lift(connection, who, SuppressionScope.BRAND)
    log.info("consent_confirmed", recipient_id=who)
    return _asked(connection, who, answer.confirmation_id, terms, now)


def _asked(
    connection: Connection, recipient_id: int, confirmation_id: UUID, terms: Terms, now: datetime
) -> Asked | None:
    query = (
        select(recipients.c.email, OWN_LOCALE.label("locale"))
        .outerjoin(preferences, preferences.c.recipient_id == recipients.c.id)
        .where(recipients.c.id == recipient_id)
    )
    person = connection.execute(query).one_or_none()
    answered = consent.answered(connection, confirmation_id, recipient_id)
    if person is None or is_erased(person.email) or answered is None:
        return None
    group = policy.persons_of(connection, [recipient_id])
    state = consent.standings(connection, group, now, terms.rules).get(recipient_id)
    if state is ConsentState.PENDING and not answered:
        return Asked(Question.OPEN, person.locale)
    may = permission(connection, recipient_id, terms, now).may_market
    return Asked(Question.SETTLED if may else Question.CLOSED, person.locale)
