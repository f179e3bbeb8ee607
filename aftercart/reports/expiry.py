"""What kept the mails that expired: the sends hold the reason, the decisions hold what was behind it."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Connection, select

from aftercart.db.tables import decisions, sends
from aftercart.policy.reason import Reason


def kept_by(connection: Connection, order_ids: Collection[int] | None = None) -> dict[UUID, Reason]:
    """By send, for those that waited for something until they expired. `order_ids` None: of all orders."""
    query = (
        select(decisions.c.send_id, decisions.c.inputs)
        .join(sends, sends.c.id == decisions.c.send_id)
        .where(sends.c.reason == Reason.EXPIRED, decisions.c.reason == Reason.EXPIRED)
    )
    if order_ids is not None:
        query = query.where(sends.c.order_id.in_(order_ids))
    found = ((send_id, inputs.get("because")) for send_id, inputs in connection.execute(query))
    return {send_id: Reason(because) for send_id, because in found if because}
