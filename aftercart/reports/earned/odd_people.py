"""People whose spending no database adds up by itself: it is gone through one by one."""

from typing import Any

from sqlalchemy import CompoundSelect, func, select, union

from aftercart.attribution.reversal import WORTHLESS
from aftercart.db.tables import order_reversals, orders, recipients
from aftercart.exchange.rates import Rates
from aftercart.reports.earned.spending import PERSON

NOBODY = 0
"""No person has this id."""


def several_addresses() -> CompoundSelect[Any]:
    """People with several addresses, by all their ids."""
    merged = recipients.c.merged_into.is_not(None)
    return union(
        select(recipients.c.id.label("person")).where(merged),
        select(recipients.c.merged_into.label("person")).where(merged),
    )


def odd_people(rates: Rates | None) -> CompoundSelect[Any]:
    """Who is to be gone through; perhaps some more."""
    # A query within the query, not a join: SQLite keeps no statistics, and would go through all orders.
    whose = select(PERSON).join_from(orders, recipients, recipients.c.id == orders.c.recipient_id)
    whose = whose.where(
        orders.c.shop == order_reversals.c.shop,
        orders.c.shop_order_id == order_reversals.c.shop_order_id,
        orders.c.state.not_in(sorted(WORTHLESS)),
    )
    touched = select(func.coalesce(whose.scalar_subquery(), NOBODY).label("person")).select_from(order_reversals)
    several = several_addresses().subquery()
    parts = [select(several.c.person), touched]
    if rates and (known := sorted({*rates.by_currency} - {rates.into})):
        converted = select(PERSON.label("person")).join_from(
            orders, recipients, recipients.c.id == orders.c.recipient_id
        )
        parts.append(converted.where(orders.c.currency.in_(known)))
    return union(*parts)
