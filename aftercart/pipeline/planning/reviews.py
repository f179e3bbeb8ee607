"""Who was asked for a review of what: nobody is asked twice about a product, under whichever address."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import Connection, and_, or_, select, tuple_

from aftercart.campaigns.schema import Campaign
from aftercart.db.tables import order_lines, sends
from aftercart.ledger.states import SendState

Asked = Mapping[int, Mapping[str, Collection[UUID]]]
"""By the id that stands for the person, by product: the mails that asked."""

MAY_HAVE_ASKED = (
    SendState.SENDING,
    SendState.SENT,
    SendState.DELIVERED,
    SendState.BOUNCED,
    SendState.COMPLAINED,
    SendState.UNKNOWN,
)


def reviews_asked(
    connection: Connection, people: Collection[int], persons: Mapping[int, int], campaigns: Mapping[str, Campaign]
) -> Asked:
    """What these people (ids that stand for them) were asked about by the steps that ask for reviews now.

    `persons`: recipient id → the id that stands for the person.
    """
    steps = [(c.campaign, step.id) for c in campaigns.values() for step in c.steps if step.asks_review]
    is_claimed = and_(sends.c.state == SendState.SCHEDULED, sends.c.lease_until.is_not(None))
    query = (
        select(sends.c.id, sends.c.recipient_id, order_lines.c.sku)
        .join(order_lines, order_lines.c.order_id == sends.c.order_id)
        .where(
            sends.c.recipient_id.in_([id_ for id_, person in persons.items() if person in people]),
            tuple_(sends.c.campaign, sends.c.step).in_(steps),
            or_(sends.c.state.in_(MAY_HAVE_ASKED), is_claimed),
        )
    )
    found: dict[int, dict[str, set[UUID]]] = defaultdict(lambda: defaultdict(set))
    for send_id, recipient_id, sku in connection.execute(query):
        found[persons[recipient_id]][sku].add(send_id)
    return found
