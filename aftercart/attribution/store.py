"""Reading what credit is decided on, and keeping it. Each function takes a batch, in the caller's transaction."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, func, or_, select, tuple_, update

from aftercart.attribution.credit import DEFAULT_WINDOW, Click, Model, Purchase
from aftercart.attribution.reversal import Line, Reversal, Worth
from aftercart.db.persons import same_person
from aftercart.db.session import insert_new
from aftercart.db.tables import attributions, clicks, order_lines, order_reversals, orders, recipients, sends

_PERSON = func.coalesce(recipients.c.merged_into, recipients.c.id)


def without_credit(connection: Connection, model: Model, order_ids: Collection[int]) -> list[Purchase]:
    """Of these orders, those that were completed, are known by a person, and have credited nobody yet."""
    credited = exists().where(attributions.c.order_id == orders.c.id, attributions.c.model == model.name)
    rows = connection.execute(
        select(orders.c.id, _PERSON, orders.c.placed_at, orders.c.total_minor, orders.c.currency)
        .join(recipients, recipients.c.id == orders.c.recipient_id)
        .where(orders.c.id.in_(order_ids), ~orders.c.imported, orders.c.completed_at.is_not(None), ~credited)
    )
    return [Purchase(*row) for row in rows]


def human_clicks(
    connection: Connection, model: Model, purchases: Sequence[Purchase], windows: Mapping[str, timedelta]
) -> dict[int, list[Click]]:
    """The human clicks that may earn credit for these purchases, by person, whichever address of theirs was mailed.

    `windows`: of each campaign, where the model has none for all.
    """
    if not purchases:
        return {}
    longest = model.window or max([DEFAULT_WINDOW, *windows.values()])
    people = {purchase.person_id for purchase in purchases}
    theirs = or_(recipients.c.id.in_(people), recipients.c.merged_into.in_(people))
    persons: dict[int, int] = dict(connection.execute(select(recipients.c.id, _PERSON).where(theirs)).all())
    rows = connection.execute(
        select(clicks.c.id, clicks.c.send_id, clicks.c.recipient_id, sends.c.order_id, clicks.c.at, sends.c.campaign)
        .join(sends, sends.c.id == clicks.c.send_id)
        .where(
            clicks.c.recipient_id.in_(persons),
            clicks.c.verdict == "human",
            clicks.c.at >= min(purchase.placed_at for purchase in purchases) - longest,
            clicks.c.at < max(purchase.placed_at for purchase in purchases),
        )
    )
    found: dict[int, list[Click]] = defaultdict(list)
    for id_, send_id, recipient_id, triggered_by, at, campaign in rows:
        window, person_id = model.window or windows.get(campaign, DEFAULT_WINDOW), persons[recipient_id]
        found[person_id].append(Click(id_, send_id, person_id, triggered_by, at, window))
    return found


def keep_credit(
    connection: Connection, model: Model, credits_: Iterable[tuple[Purchase, Click]], now: datetime
) -> None:
    """Credit each order to a send, once: an order that has credit keeps it."""
    rows = [
        {
            "model": model.name,
            "order_id": purchase.order_id,
            "send_id": click.send_id,
            "click_id": click.id,
            "amount_minor": purchase.total_minor,
            "reversed_minor": 0,
            "currency": purchase.currency,
            "created_at": now,
        }
        for purchase, click in credits_
    ]
    insert_new(connection, attributions, rows, unique=("order_id", "model"))


def credit_ids(connection: Connection, model: Model, order_ids: Collection[int]) -> dict[int, int]:
    """Under which id the credit of each of these orders is kept."""
    wanted = (attributions.c.order_id.in_(order_ids), attributions.c.model == model.name)
    return dict(connection.execute(select(attributions.c.order_id, attributions.c.id).where(*wanted)).all())


def drop_undue(connection: Connection, order_ids: Collection[int]) -> None:
    """Take back all credit of these orders where the shop has found out that another person bought, or where what
    clicked turned out to be a machine."""
    buyer, reader = recipients.alias("buyer"), recipients.alias("reader")
    theirs = (
        select(orders.c.id)
        .join(buyer, buyer.c.id == orders.c.recipient_id)
        .join(clicks, clicks.c.id == attributions.c.click_id)
        .join(reader, reader.c.id == clicks.c.recipient_id)
        .where(orders.c.id == attributions.c.order_id, same_person(buyer, reader), clicks.c.verdict == "human")
    )
    connection.execute(
        delete(attributions).where(attributions.c.order_id.in_(order_ids), ~exists(theirs.correlate(attributions)))
    )


@dataclass(frozen=True, slots=True)
class Credit:
    """What an attribution says of its order's worth, in minor units of `currency`."""

    amount_minor: int
    reversed_minor: int
    currency: str


def credited(connection: Connection, order_ids: Collection[int]) -> dict[int, tuple[Credit, Worth]]:
    """Of these orders, those with credit under any model: attribution id → (the credit as kept, the order as it stands
    now)."""
    rows = connection.execute(
        select(
            attributions.c.id,
            attributions.c.amount_minor,
            attributions.c.reversed_minor,
            attributions.c.currency,
            orders.c.id.label("order_id"),
            orders.c.shop,
            orders.c.shop_order_id,
            orders.c.state,
            orders.c.total_minor,
            orders.c.currency.label("order_currency"),
        )
        .join(orders, orders.c.id == attributions.c.order_id)
        .where(attributions.c.order_id.in_(order_ids))
    ).all()
    if not rows:
        return {}
    lines = _lines(connection, [row.order_id for row in rows])
    reversals = _reversals(connection, [(row.shop, row.shop_order_id) for row in rows])
    return {
        row.id: (
            Credit(row.amount_minor, row.reversed_minor, row.currency),
            Worth(
                state=row.state,
                total_minor=row.total_minor,
                currency=row.order_currency,
                lines=lines[row.order_id],
                reversals=reversals[row.shop, row.shop_order_id],
            ),
        )
        for row in rows
    }


def keep_worth(connection: Connection, credits_: Mapping[int, Credit]) -> None:
    """Let attributions, by id, say what their orders are worth now."""
    if not credits_:
        return
    connection.execute(
        update(attributions)
        .where(attributions.c.id == bindparam("attribution"))
        .values(
            amount_minor=bindparam("amount"), reversed_minor=bindparam("reversed"), currency=bindparam("order_currency")
        ),
        [
            {
                "attribution": id_,
                "amount": credit.amount_minor,
                "reversed": credit.reversed_minor,
                "order_currency": credit.currency,
            }
            for id_, credit in credits_.items()
        ],
    )


def completed_after(connection: Connection, order_id: int, limit: int) -> list[int]:
    """The next orders that may be credited, by id, beyond that one; empty at the end."""
    query = select(orders.c.id).where(orders.c.id > order_id, orders.c.completed_at.is_not(None), ~orders.c.imported)
    return list(connection.execute(query.order_by(orders.c.id).limit(limit)).scalars())


@dataclass(frozen=True, slots=True)
class Earned:
    """What a campaign has to its credit under a model. Money in minor units."""

    model: str
    campaign: str
    currency: str
    orders: int
    net_minor: int


def earned(connection: Connection, models: Collection[Model]) -> list[Earned]:
    """Of each campaign and currency, by model."""
    net = attributions.c.amount_minor - attributions.c.reversed_minor
    keys = (attributions.c.model, sends.c.campaign, attributions.c.currency)
    query = (
        select(*keys, func.count(), func.sum(net))
        .join(sends, sends.c.id == attributions.c.send_id)
        .where(attributions.c.model.in_([model.name for model in models]))
    )
    rows = connection.execute(query.group_by(*keys).order_by(*keys))
    return [Earned(model, campaign, currency, count, int(minor)) for model, campaign, currency, count, minor in rows]


def _lines(connection: Connection, order_ids: Sequence[int]) -> Mapping[int, list[Line]]:
    columns = (order_lines.c.order_id, order_lines.c.sku, order_lines.c.quantity, order_lines.c.unit_price_minor)
    found: dict[int, list[Line]] = defaultdict(list)
    for order_id, *line in connection.execute(select(*columns).where(order_lines.c.order_id.in_(order_ids))):
        found[order_id].append(Line(*line))
    return found


def _reversals(connection: Connection, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], list[Reversal]]:
    key = (order_reversals.c.shop, order_reversals.c.shop_order_id)
    columns = (
        order_reversals.c.kind,
        order_reversals.c.sku,
        order_reversals.c.quantity,
        order_reversals.c.amount_minor,
        order_reversals.c.currency,
    )
    found: dict[tuple[str, str], list[Reversal]] = defaultdict(list)
    rows: Iterable[Any] = connection.execute(select(*key, *columns).where(tuple_(*key).in_(keys)))
    for shop, shop_order_id, *reversal in rows:
        found[shop, shop_order_id].append(Reversal(*reversal))
    return found
