"""What recommendations read from the database, and the register of model versions."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, case, func, insert, select, update

from aftercart.db.among import among, among_given
from aftercart.db.chunks import chunks
from aftercart.db.tables import customers, model_versions, order_lines, order_reversals, orders, products
from aftercart.recommendation.inputs.catalog import Details, Product
from aftercart.recommendation.inputs.dataset import GUEST, Interactions, interactions

Key = TypeVar("Key", int, str)

_AT_ONCE = 10_000
_FETCH = 10_000

_PRODUCT_COLUMNS = tuple(products.c[name] for name in Product.__dataclass_fields__)
_FACTS = select(*_PRODUCT_COLUMNS).where(among_given(products.c.sku, "skus"))
_DETAIL_COLUMNS = tuple(products.c[name] for name in Details.__dataclass_fields__)


@dataclass(frozen=True)
class Version:
    """A row of `model_versions`."""

    version: str
    checksum: str


@dataclass(frozen=True)
class Registered:
    """A whole row. `state`: serving, retired (it served before), candidate (it did not, or was taken back)."""

    version: str
    state: str
    trained_at: datetime
    data_until: datetime | None
    checksum: str
    facts: Mapping[str, Any]


def load_catalog(connection: Connection) -> tuple[Product, ...]:
    """Every product, ordered by SKU."""
    return tuple(Product(*row) for row in connection.execute(select(*_PRODUCT_COLUMNS).order_by(products.c.sku)))


def load_facts(connection: Connection, skus: Iterable[str]) -> dict[str, Product]:
    """The products as they stand now, one query for 10,000 of them; those that are gone are missing."""
    found: dict[str, Product] = {}
    for chunk in chunks(sorted(set(skus)), _AT_ONCE):
        rows = connection.execute(_FACTS, {"skus": chunk})
        found.update((row.sku, Product(*row)) for row in rows.all())
    return found


def load_details(connection: Connection, skus: Iterable[str]) -> dict[str, Details]:
    """What else the shop says about these products; those that are gone are missing."""
    found: dict[str, Details] = {}
    for chunk in chunks(sorted(set(skus)), _AT_ONCE):
        rows = connection.execute(select(products.c.sku, *_DETAIL_COLUMNS).where(among(products.c.sku, chunk)))
        found.update((sku, Details(*details)) for sku, *details in rows)
    return found


def load_values(connection: Connection, columns: Iterable[str]) -> dict[str, frozenset[str]]:
    """What is written in these columns of the products, without empty ones."""
    return {
        name: frozenset(connection.execute(select(products.c[name]).where(products.c[name] != "").distinct()).scalars())
        for name in columns
    }


def load_urls(connection: Connection) -> Iterator[str]:
    """The pages of the products that have one, read as they are asked for."""
    pages = select(products.c.url).where(products.c.url != "")
    for (url,) in _streamed(connection, pages):
        yield url


def load_interactions(connection: Connection, *, newest: int | None = None) -> Interactions:
    """The completed orders (or the `newest` of them) without reversed lines, over the products in the catalog.

    Orders that were canceled, refunded in full or never paid teach nothing, nor does a line that was returned.
    """
    catalog = load_catalog(connection)
    number = {product.sku: at for at, product in enumerate(catalog)}
    place: dict[int, int] = {}
    placed_at, person = array("q"), array("q")
    for order_id, moment, who in _streamed(connection, _orders(newest)):
        place[order_id] = len(place)
        placed_at.append(int(moment.timestamp()))
        person.append(who if who is not None else GUEST)
    line_order, line_item, line_price = array("q"), array("q"), array("d")
    reversed_quantity = _reversed_quantities(connection)
    for order_id, sku, quantity, price in _streamed(connection, _lines(min(place, default=0))):
        if order_id in place and sku in number and reversed_quantity.get((order_id, sku), 0) < quantity:
            line_order.append(place[order_id])
            line_item.append(number[sku])
            line_price.append(price)
    return interactions(catalog, placed_at, person, line_order, line_item, line_price)


def extent(connection: Connection) -> tuple[int, int]:
    """(id of the newest order, number of products): they grow whenever there is more to learn from."""
    newest = select(func.coalesce(func.max(orders.c.id), 0)).scalar_subquery()
    count = select(func.count()).select_from(products).scalar_subquery()
    row = connection.execute(select(newest, count)).one()
    return int(row[0]), int(row[1])


def recipient_histories(connection: Connection, recipient_ids: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """Everything each recipient ever bought, oldest first; returned things too, as they are not offered again."""
    key = orders.c.recipient_id
    return _histories(connection, sorted(set(recipient_ids)), key, _bought(key))


def customer_histories(connection: Connection, shop_customer_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The same by the customer ids of the shop."""
    key = customers.c.shop_customer_id
    bought = _bought(key).join(customers, orders.c.customer_id == customers.c.id)
    return _histories(connection, sorted(set(shop_customer_ids)), key, bought)


def serving_version(connection: Connection) -> Version | None:
    """The version that serves, or None."""
    newest = model_versions.c.trained_at.desc()
    chosen = select(model_versions.c.version, model_versions.c.checksum).where(model_versions.c.state == "serving")
    row = connection.execute(chosen.order_by(newest).limit(1)).first()
    return Version(row.version, row.checksum) if row else None


def newest_version_at(connection: Connection) -> datetime | None:
    """When the newest version was trained, whether it serves or not; None where there is none."""
    newest: datetime | None = connection.execute(select(func.max(model_versions.c.trained_at))).scalar_one()
    return newest


def versions(connection: Connection) -> list[Registered]:
    """All that were ever registered, the newest first."""
    query = select(model_versions).order_by(model_versions.c.trained_at.desc(), model_versions.c.version.desc())
    return [Registered(**row) for row in connection.execute(query).mappings()]


def let_serve(connection: Connection, version: str, *, instead: str) -> None:
    """One version serves from now on, and what served before becomes `instead`: retired, or a candidate."""
    serving = update(model_versions).where(model_versions.c.state == "serving")
    connection.execute(serving.values(state=instead))
    connection.execute(update(model_versions).where(model_versions.c.version == version).values(state="serving"))


def add_version(
    connection: Connection,
    version: Version,
    *,
    trained_at: datetime,
    data_until: datetime | None,
    facts: dict[str, Any],
    serve: bool,
) -> None:
    """Register a version as a candidate, or as the one that serves (the one before it retires)."""
    if serve:
        connection.execute(update(model_versions).where(model_versions.c.state == "serving").values(state="retired"))
    row = {
        "version": version.version,
        "state": "serving" if serve else "candidate",
        "trained_at": trained_at,
        "data_until": data_until,
        "checksum": version.checksum,
        "facts": facts,
    }
    connection.execute(insert(model_versions).values(row))


def instant(seconds: int) -> datetime:
    """Seconds since 1970 as an aware instant."""
    return datetime.fromtimestamp(seconds, UTC)


def _orders(newest: int | None) -> Select[Any]:
    """(id, placed_at, person): a person is a recipient, or a customer without an address as a negative number."""
    nameless = case((orders.c.customer_id.is_not(None), -1 - orders.c.customer_id))
    person = func.coalesce(orders.c.recipient_id, customers.c.recipient_id, nameless)
    chosen = select(orders.c.id, orders.c.placed_at, person).where(orders.c.state == "completed")
    joined = chosen.outerjoin_from(orders, customers, orders.c.customer_id == customers.c.id)
    if newest is None:
        return joined.order_by(orders.c.id)
    return joined.order_by(orders.c.id.desc()).limit(newest)


def _lines(from_order_id: int) -> Select[Any]:
    c = order_lines.c
    return select(c.order_id, c.sku, c.quantity, c.unit_price_minor).where(c.order_id >= from_order_id)


def _reversed_quantities(connection: Connection) -> dict[tuple[int, str], float]:
    """How much of each line was reversed; a reversal without a quantity takes the whole line. A return and the refund
    for it speak of the same goods, so the larger one counts."""
    reversal = order_reversals.c
    same = (orders.c.shop == reversal.shop) & (orders.c.shop_order_id == reversal.shop_order_id)
    quantity = func.coalesce(reversal.quantity, float(2**53))
    returned = func.sum(case((reversal.kind == "return", quantity), else_=0.0))
    otherwise = func.sum(case((reversal.kind == "return", 0.0), else_=quantity))
    rows = connection.execute(
        select(orders.c.id, reversal.sku, returned, otherwise)
        .join_from(order_reversals, orders, same)
        .where(reversal.sku.is_not(None))
        .group_by(orders.c.id, reversal.sku)
    )
    return {(order_id, sku): float(max(sums)) for order_id, sku, *sums in rows}


def _bought(key: ColumnElement[Any]) -> Select[Any]:
    chosen = select(order_lines.c.sku, key).where(orders.c.state != "canceled")
    joined = chosen.join_from(orders, order_lines, order_lines.c.order_id == orders.c.id)
    return joined.order_by(orders.c.placed_at, orders.c.id, order_lines.c.line_no)


def _histories(
    connection: Connection, keys: Sequence[Key], key: ColumnElement[Any], bought: Select[Any]
) -> dict[Key, tuple[str, ...]]:
    found: dict[Key, list[str]] = {}
    for chunk in chunks(keys, _AT_ONCE):
        for sku, who in connection.execute(bought.where(among(key, chunk))).all():
            found.setdefault(who, []).append(sku)
    return {who: tuple(skus) for who, skus in found.items()}


def _streamed(connection: Connection, statement: Select[Any]) -> Iterable[Any]:
    return connection.execute(statement.execution_options(yield_per=_FETCH))
