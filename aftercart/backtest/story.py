"""All that an engine did, line by line: the same in every run of the same happenings, whoever let them happen.

So a backtest can be held against a live engine, or against an earlier backtest, with `diff`.
"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from aftercart.db.tables import decisions, orders, picks, recipients, sends

_OF_ONE_RUN = ("model",)
"""Facts of a decision that name what differs between runs: a version of the model is named by chance."""


def story(connection: Connection) -> Iterator[str]:
    """A JSON object for each decision, in the order in which they were taken, then one for each mail."""
    shown: dict[UUID, list[str]] = {}
    for send_id, sku in connection.execute(
        select(picks.c.send_id, picks.c.sku).order_by(picks.c.send_id, picks.c.slot)
    ):
        shown.setdefault(send_id, []).append(sku)
    query = select(decisions, orders.c.shop_order_id).join(orders, orders.c.id == decisions.c.order_id)
    for row in connection.execute(query.order_by(decisions.c.id)):
        yield _line(
            at=row.at,
            stage=row.stage,
            campaign=row.campaign,
            order=row.shop_order_id,
            send=row.send_id,
            outcome=row.outcome,
            reason=row.reason,
            until=row.until,
            inputs={name: value for name, value in row.inputs.items() if name not in _OF_ONE_RUN},
        )
    about = (
        select(sends, orders.c.shop_order_id, recipients.c.email)
        .join(orders, orders.c.id == sends.c.order_id)
        .join(recipients, recipients.c.id == sends.c.recipient_id)
    )
    for row in connection.execute(about.order_by(sends.c.id)):
        yield _line(
            send=row.id,
            order=row.shop_order_id,
            email=row.email,
            campaign=row.campaign,
            step=row.step,
            config=row.config_version,
            state=row.state,
            reason=row.reason,
            due=row.due_at,
            sent=row.sent_at,
            subject=row.subject,
            picks=shown.get(row.id, []),
        )


def _line(**facts: Any) -> str:
    return json.dumps(facts, default=str, ensure_ascii=False)
