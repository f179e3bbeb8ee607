"""Which rows of which table are a person's.

Every table stands either in `OF_A_PERSON` or in `NOBODYS`; a test fails for a new one until somebody has decided.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, false, or_, select, tuple_

from aftercart.db.persons import same_person
from aftercart.db.tables import (
    address_moves,
    archives,
    attempts,
    attributions,
    bandit_shares,
    campaign_versions,
    clicks,
    cohort_days,
    configurations,
    confirmations,
    consents,
    copies,
    counted_cohorts,
    counted_weeks,
    coupons,
    customers,
    decisions,
    doubts,
    drain,
    enrollments,
    erased_shops,
    events,
    exposures,
    feedback,
    fence,
    links,
    mailed_days,
    mailed_products,
    model_versions,
    opens,
    order_lines,
    order_notes,
    order_reversals,
    orders,
    outbox,
    outlets,
    pauses,
    picks,
    preferences,
    products,
    rate_tables,
    recipients,
    refusals,
    sender_usage,
    senders,
    sends,
    suppressions,
    tallies,
    template_versions,
    weekly_domains,
    weekly_pairs,
    weekly_sources,
)
from aftercart.policy import store as policy
from aftercart.rights.person import ERASED, Person

Belongs = Callable[[Person], ColumnElement[bool]]


def _in(column: ColumnElement[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    found = list(values)
    return column.in_(found) if found else false()


def _of_orders(table: Table) -> Belongs:
    return lambda person: _in(tuple_(table.c.shop, table.c.shop_order_id), person.shop_orders)


def _told_of(person: Person) -> ColumnElement[bool]:
    return or_(_in(feedback.c.send_id, person.send_ids), _in(feedback.c.recipient_id, person.recipient_ids))


OF_A_PERSON: Mapping[Table, Belongs] = {
    recipients: lambda person: _in(recipients.c.id, person.recipient_ids),
    customers: lambda person: _in(customers.c.id, person.customer_ids),
    address_moves: lambda person: or_(
        _in(address_moves.c.customer_id, person.customer_ids), _in(address_moves.c.recipient_id, person.recipient_ids)
    ),
    consents: lambda person: _in(consents.c.recipient_id, person.recipient_ids),
    confirmations: lambda person: _in(confirmations.c.recipient_id, person.recipient_ids),
    suppressions: lambda person: _in(suppressions.c.email, person.emails),
    preferences: lambda person: _in(preferences.c.recipient_id, person.recipient_ids),
    refusals: lambda person: _in(refusals.c.recipient_id, person.recipient_ids),
    exposures: lambda person: _in(exposures.c.recipient_id, person.recipient_ids),
    orders: lambda person: _in(orders.c.id, person.order_ids),
    order_lines: lambda person: _in(order_lines.c.order_id, person.order_ids),
    order_reversals: _of_orders(order_reversals),
    order_notes: _of_orders(order_notes),
    enrollments: lambda person: _in(enrollments.c.recipient_id, person.recipient_ids),
    sends: lambda person: _in(sends.c.id, person.send_ids),
    decisions: lambda person: or_(
        _in(decisions.c.order_id, person.order_ids), _in(decisions.c.send_id, person.send_ids)
    ),
    attempts: lambda person: _in(attempts.c.send_id, person.send_ids),
    doubts: lambda person: _in(doubts.c.send_id, person.send_ids),
    copies: lambda person: _in(copies.c.send_id, person.send_ids),
    coupons: lambda person: _in(coupons.c.send_id, person.send_ids),
    picks: lambda person: _in(picks.c.send_id, person.send_ids),
    links: lambda person: _in(links.c.send_id, person.send_ids),
    opens: lambda person: _in(opens.c.recipient_id, person.recipient_ids),
    clicks: lambda person: _in(clicks.c.recipient_id, person.recipient_ids),
    attributions: lambda person: or_(
        _in(attributions.c.order_id, person.order_ids), _in(attributions.c.send_id, person.send_ids)
    ),
    feedback: _told_of,
    outbox: lambda person: _in(outbox.c.recipient_id, person.recipient_ids),
    archives: lambda person: _in(archives.c.order_id, person.order_ids),
    events: lambda person: or_(
        _of_orders(events)(person),
        events.c.id.in_(select(feedback.c.event_id).where(_told_of(person))),
    ),
}
"""Beside the events here, those whose raw body names the person are theirs (`raw_events`)."""
NOBODYS = frozenset(
    {
        products,
        campaign_versions,
        configurations,
        template_versions,
        pauses,
        bandit_shares,
        tallies,
        fence,
        senders,
        sender_usage,
        drain,
        model_versions,
        mailed_days,
        mailed_products,
        outlets,
        rate_tables,
        counted_weeks,
        counted_cohorts,
        weekly_pairs,
        weekly_sources,
        weekly_domains,  # of a domain that few have nothing is kept by name
        cohort_days,
        erased_shops,
    }
)
"""What was said last of a sender or an outlet (`fault`) may quote an address; it is looked through."""


def find(connection: Connection, emails: Iterable[str] = (), shop_customers: Iterable[tuple[str, str]] = ()) -> Person:
    """The person who goes by these normalized addresses or ids of shops, with all that hangs on them.

    A customer's other address is theirs, and so is each that they went from. Who only got mail about an order of theirs
    is somebody else.
    """
    named = frozenset(emails)
    by_id = _in(tuple_(customers.c.shop, customers.c.shop_customer_id), shop_customers)
    of_customer = select(customers.c.recipient_id).where(by_id)
    asked_for = select(recipients.c.id).where(or_(_in(recipients.c.email, named), recipients.c.id.in_(of_customer)))
    ids = frozenset(policy.persons_of(connection, connection.execute(asked_for).scalars()))
    addresses = connection.execute(select(recipients.c.email).where(_in(recipients.c.id, ids))).scalars()
    rows = connection.execute(select(customers).where(or_(by_id, _in(customers.c.recipient_id, ids)))).all()
    customer_ids = frozenset(row.id for row in rows)
    of_nobody_else = or_(orders.c.recipient_id.is_(None), _in(orders.c.recipient_id, ids))
    bought = connection.execute(
        select(orders.c.id, orders.c.shop, orders.c.shop_order_id).where(
            or_(_in(orders.c.recipient_id, ids), _in(orders.c.customer_id, customer_ids) & of_nobody_else)
        )
    ).all()
    planned = connection.execute(select(sends.c.id).where(_in(sends.c.recipient_id, ids))).scalars()
    return Person(
        emails=named | {email for email in addresses if not email.startswith(ERASED)},
        recipient_ids=ids,
        customer_ids=customer_ids,
        shop_customers=frozenset((row.shop, row.shop_customer_id) for row in rows) | frozenset(shop_customers),
        order_ids=frozenset(row.id for row in bought),
        shop_orders=frozenset((row.shop, row.shop_order_id) for row in bought),
        send_ids=frozenset(planned),
    )


def people_of_shop(connection: Connection, shop: str, after: int, limit: int) -> list[tuple[int, str]]:
    """The next people (id, address) after that id of whom this shop alone has told: none of another has an order of
    theirs, or knows them as a customer, by whichever of their addresses."""
    of_shop = or_(
        recipients.c.id.in_(select(orders.c.recipient_id).where(orders.c.shop == shop)),
        recipients.c.id.in_(select(customers.c.recipient_id).where(customers.c.shop == shop)),
    )
    theirs = recipients.alias("theirs")
    same = same_person(recipients, theirs)
    of_another = or_(
        *(
            select(table.c.id).where(table.c.recipient_id == theirs.c.id, table.c.shop != shop, same).exists()
            for table in (orders, customers)
        )
    )
    query = select(recipients.c.id, recipients.c.email).where(recipients.c.id > after, of_shop, ~of_another)
    return [(row.id, row.email) for row in connection.execute(query.order_by(recipients.c.id).limit(limit))]
