"""The orders that got no mail, each with the reason in words. Not sending is an answer, and here it can be looked at."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, exists, select

from aftercart.db.session import Database
from aftercart.db.tables import decisions, orders, recipients, sends
from aftercart.ledger.states import OPEN, SendState
from aftercart.policy.reason import Reason
from aftercart.reports.expiry import kept_by
from aftercart.reports.words import answer_in_words

WENT = (SendState.SENT, SendState.DELIVERED, SendState.COMPLAINED, SendState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Unmailed:
    """An order without a mail. `number` is ours, `order_id` the shop's. `waits`: the mail may still go."""

    number: int
    order_id: str
    recipient: str
    placed_at: datetime
    reason: str
    sentence: str
    waits: bool = False


def unmailed_orders(db: Database) -> Sequence[Unmailed]:
    """Every order that came in and got no mail, the newest first."""
    with db.read() as connection:
        refusals, kept = _refusals(connection), kept_by(connection)
        found: dict[int, Unmailed] = {}
        for row in connection.execute(_WITHOUT_A_MAIL).mappings():
            told = _planned(row, kept.get(row["send_id"])) if row["state"] else _refused(row, refusals[row["id"]])
            found.setdefault(told.number, told)
    return list(found.values())


_WITHOUT_A_MAIL = (
    select(
        orders.c.id,
        orders.c.shop_order_id,
        orders.c.placed_at,
        recipients.c.email,
        sends.c.id.label("send_id"),
        sends.c.state,
        sends.c.reason,
        sends.c.due_at,
    )
    .outerjoin(recipients, recipients.c.id == orders.c.recipient_id)
    .outerjoin(sends, sends.c.order_id == orders.c.id)
    .where(
        ~orders.c.imported, ~exists().where(sends.c.order_id == orders.c.id, sends.c.state.in_(WENT)).correlate(orders)
    )
    .order_by(orders.c.placed_at.desc(), orders.c.id.desc(), sends.c.state.in_(OPEN).desc(), sends.c.id)
)


def _planned(row: RowMapping, because: Reason | None) -> Unmailed:
    waits = row["state"] in OPEN
    due = f"Due on {row['due_at']:%-d %b %Y, %H:%M} UTC." if waits else ""
    sentence = " ".join(filter(None, (due, answer_in_words(row["reason"], because) if row["reason"] else "")))
    return _unmailed(row, "waiting" if waits else row["reason"] or row["state"], sentence, waits)


def _refused(row: RowMapping, reasons: Sequence[str]) -> Unmailed:
    """No campaign took it: the reason that says more than that it is not for this order."""
    if not reasons:
        return _unmailed(row, "undecided", "No campaign has looked at it yet.", True)
    reason = next((reason for reason in reasons if reason != Reason.NOT_IN_AUDIENCE), reasons[0])
    return _unmailed(row, reason, Reason(reason).sentence)


def _unmailed(row: RowMapping, reason: str, sentence: str, waits: bool = False) -> Unmailed:
    return Unmailed(row["id"], row["shop_order_id"], row["email"] or "", row["placed_at"], reason, sentence, waits)


def _refusals(connection: Connection) -> dict[int, list[str]]:
    refused = select(decisions.c.order_id, decisions.c.reason).where(
        decisions.c.stage == "enroll", decisions.c.outcome == "skip"
    )
    found: dict[int, list[str]] = defaultdict(list)
    for order_id, reason in connection.execute(refused.order_by(decisions.c.id)):
        found[order_id].append(reason)
    return found
