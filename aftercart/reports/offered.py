"""What a person was offered lately, and until when no mail offers it to them again, as a shop owner reads it."""

from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from aftercart.db.tables import picks, recipients, sends
from aftercart.ledger.store import NOT_AGAIN_FOR
from aftercart.reports.chosen import Said


def offered(connection: Connection, email: str) -> Iterator[Said]:
    """Each product once, with the newest mail that offered it; of mails that may have reached them."""
    query = (
        select(picks.c.sku, func.max(picks.c.title), func.max(sends.c.counted_at, type_=sends.c.counted_at.type))
        .join(sends, sends.c.id == picks.c.send_id)
        .join(recipients, recipients.c.id == sends.c.recipient_id)
        .where(recipients.c.email == email, sends.c.counted_at.is_not(None))
        .group_by(picks.c.sku)
        .order_by(picks.c.sku)
    )
    for sku, title, at in connection.execute(query):
        again = f"{at + NOT_AGAIN_FOR:%Y-%m-%d}"
        yield at, "offer", f"“{title}” ({sku}) was offered to them; no mail offers it again before {again}."
