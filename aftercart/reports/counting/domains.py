"""What became of the mails of a week, by the domains of their readers; no address is told, and no domain of a few."""

from collections import Counter
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, case, func, literal, select

from aftercart.db.calendar import WEEK
from aftercart.db.tables import attempts, feedback, recipients, sends
from aftercart.delivery.base import Outcome
from aftercart.ledger.states import SendState
from aftercart.policy.reason import Reason
from aftercart.reports.counting.kept import OTHERS
from aftercart.reports.earned.funnel import ARRIVED, LEFT

FEWEST = 20
"""People at a domain, or it is not told by its name: it may be somebody's own."""
COUNTS = ("sent", "refused", "deferred", "delivered", "bounced", "hard_bounced", "soft_bounced", "complained")
# Written into the statement, not bound: else no database could see that the partial index ix_sends_failed serves.
_FAILED = sends.c.state == bindparam("failed_state", SendState.FAILED.value, literal_execute=True)
_AT_THE_DOOR = (Reason.HARD_BOUNCE, Reason.PROVIDER_REJECTED, Reason.GAVE_UP)
"""Why a mail server did not take a mail."""


def domains(connection: Connection, start: datetime) -> list[dict[str, Any]]:
    """Rows of `weekly_domains` of the week from that instant on, without the week."""
    domain = _domain(connection.dialect.name)
    named = set(connection.execute(select(domain).group_by(domain).having(func.count() >= FEWEST)).scalars())
    found: dict[str, Counter[str]] = {}
    for query in (_states(domain, start), _came_back(domain, start), _deferred(domain, start), _failed(domain, start)):
        for row in connection.execute(query).mappings():
            counted = found.setdefault(row["domain"] if row["domain"] in named else OTHERS, Counter())
            counted.update({name: int(row[name]) for name in COUNTS if name in row})
    return [{"domain": name, **{count: by[count] for count in COUNTS}} for name, by in sorted(found.items())]


def _domain(dialect: str) -> ColumnElement[str]:
    """What stands behind the @; of an erased address nothing."""
    if dialect == "sqlite":
        at = func.instr(recipients.c.email, "@")
        return case((at == 0, literal("")), else_=func.substr(recipients.c.email, at + 1)).label("domain")
    return func.split_part(recipients.c.email, "@", 2).label("domain")


def _mails(domain: ColumnElement[str], *counts: ColumnElement[Any]) -> Select[Any]:
    return select(domain, *counts).select_from(sends).join(recipients, recipients.c.id == sends.c.recipient_id)


def _sent(start: datetime) -> ColumnElement[bool]:
    return and_(sends.c.sent_at >= start, sends.c.sent_at < start + WEEK)


def _how_many(condition: ColumnElement[bool], name: str) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0)).label(name)


def _states(domain: ColumnElement[str], start: datetime) -> Select[Any]:
    counts = (
        _how_many(sends.c.state.in_(LEFT), "sent"),
        _how_many(sends.c.state.in_(ARRIVED), "delivered"),
        _how_many(sends.c.state == SendState.BOUNCED, "bounced"),
        _how_many(sends.c.state == SendState.COMPLAINED, "complained"),
    )
    return _mails(domain, *counts).where(_sent(start)).group_by(domain)


def _came_back(domain: ColumnElement[str], start: datetime) -> Select[Any]:
    """Each bounced mail once, by the worst that was told of it."""
    hard = func.max(case((feedback.c.kind == "hard_bounce", 1), else_=0)).label("hard")
    soft = func.max(case((feedback.c.kind == "soft_bounce", 1), else_=0)).label("soft")
    each = _mails(domain, hard, soft).join(feedback, feedback.c.send_id == sends.c.id)
    each = each.where(_sent(start), sends.c.state == SendState.BOUNCED).group_by(sends.c.id, domain)
    mail = each.subquery()
    counts = (func.sum(mail.c.hard).label("hard_bounced"), func.sum(mail.c.soft * (1 - mail.c.hard)))
    return select(mail.c.domain, counts[0], counts[1].label("soft_bounced")).group_by(mail.c.domain)


def _deferred(domain: ColumnElement[str], start: datetime) -> Select[Any]:
    """Those that were tried more than once, because a server did not take them at first."""
    query = _mails(domain, func.count(sends.c.id.distinct()).label("deferred"))
    query = query.join(attempts, attempts.c.send_id == sends.c.id)
    later = (_sent(start), sends.c.tries > 1, attempts.c.outcome == Outcome.DEFERRED)
    return query.where(*later).group_by(domain)


def _failed(domain: ColumnElement[str], start: datetime) -> Select[Any]:
    """Those that fell due in the week and that no server took."""
    counts = (func.count().label("refused"), _how_many(sends.c.reason == Reason.HARD_BOUNCE, "hard_bounced"))
    fell_due = (_FAILED, sends.c.due_at >= start, sends.c.due_at < start + WEEK)
    return _mails(domain, *counts).where(*fell_due, sends.c.reason.in_(_AT_THE_DOOR)).group_by(domain)
