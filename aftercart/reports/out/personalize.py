"""Datasets of Amazon Personalize: USERS, ITEMS and INTERACTIONS, each as CSV with its Avro schema.

A custom dataset group takes them as they are. Rules: "Creating schema JSON files" and "Custom datasets and schemas" of
the Amazon Personalize developer guide: a schema is named after its dataset, its fields stand in the order of the
columns, a string is trained on only if it is categorical or (of items) textual, an empty cell is null, several values
of a category are told apart by `|`, and text has no line breaks.
"""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import CTE, Connection, Select, String, cast, func, literal, not_, or_, select

from aftercart.db.session import Database
from aftercart.db.tables import customers, order_lines, orders, products, recipients
from aftercart.money import decimals
from aftercart.reports.out.files import Written, in_place
from aftercart.reports.out.table import BATCH

CATEGORY_LENGTH, TEXT_LENGTH = 1_000, 20_000
PURCHASE = "purchase"
BETWEEN = ":"
"""Between the name of a shop and its id of a customer."""
GUEST = "person-"
"""Before the number of somebody of whom the shop has no id."""
_REQUIRED = {"USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "QUANTITY"}

_PERSON = func.coalesce(recipients.c.merged_into, recipients.c.id)


@dataclass(frozen=True, slots=True)
class Field:
    """A column: its Avro type, and whether it is a category or text."""

    name: str
    type: str = "string"
    is_category: bool = False
    is_text: bool = False

    def as_avro(self) -> dict[str, Any]:
        type_: str | list[str] = self.type if self.name in _REQUIRED else ["null", self.type]
        marks = {"categorical": self.is_category, "textual": self.is_text}
        return {"name": self.name, "type": type_, **{name: True for name, is_set in marks.items() if is_set}}


@dataclass(frozen=True, slots=True)
class Dataset:
    """One of the three. `name`: of its schema; its files are called the same, in capitals. `query`:
    told how ids of erased people begin."""

    name: str
    fields: tuple[Field, ...]
    query: Callable[[str], Select[Any]]
    row: Callable[[Any], Sequence[Any]]

    def schema(self) -> dict[str, Any]:
        return {
            "type": "record",
            "name": self.name,
            "namespace": "com.amazonaws.personalize.schema",
            "fields": [field.as_avro() for field in self.fields],
            "version": "1.0",
        }


def write_datasets(database: Database, folder: Path, written: Written, erased: str) -> None:
    """Write the three as they were at one instant, and their schemas. Raises OSError where nothing can be written.

    Without the orders that were tried, canceled or refunded in full, and without people who were erased: `erased` is
    what their ids begin with.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with database.read() as connection:
        for dataset in DATASETS:
            name = dataset.name.upper()
            with in_place(folder / f"{name}.schema.json") as file:
                file.write_text(json.dumps(dataset.schema(), indent=1) + "\n", encoding="utf-8")
            with in_place(folder / f"{name}.csv") as file:
                written(name, _write(connection, dataset, file, erased))


def _write(connection: Connection, dataset: Dataset, file: Path, erased: str) -> int:
    count = 0
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(field.name for field in dataset.fields)
        for row in _rows(connection, dataset.query(erased)):
            values = zip(dataset.fields, dataset.row(row), strict=True)
            writer.writerow(_clean(field, value) for field, value in values)
            count += 1
    return count


def _rows(connection: Connection, query: Select[Any]) -> Iterator[Any]:
    with connection.execution_options(yield_per=BATCH).execute(query) as rows:
        yield from rows


def _clean(field: Field, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = " ".join(value.split())
    if field.is_category:
        return text.replace("|", "/")[:CATEGORY_LENGTH]
    return text[: TEXT_LENGTH if field.is_text else CATEGORY_LENGTH]


# ---------------------------------------------------------------- what stands in them


def _buyers(erased: str) -> CTE:
    """Customers, by the names of their shops (two shops may give the same number), and the person that each is."""
    name = customers.c.shop.op("||")(literal(BETWEEN)).op("||")(customers.c.shop_customer_id)
    query = select(customers.c.id, name.label("name"), _PERSON.label("person"))
    query = query.outerjoin(recipients, recipients.c.id == customers.c.recipient_id)
    return query.where(not_(customers.c.shop_customer_id.startswith(erased))).cte("buyers")


def _bought(erased: str) -> Select[Any]:
    """Orders that count, with who placed them.

    A person is one user, under whichever account and address they bought and as a guest, too: by the name of the first
    of their accounts.
    """
    buyers = _buyers(erased)
    order = select(
        *(orders.c.id, orders.c.country, orders.c.placed_at, orders.c.currency, orders.c.customer_id),
        func.coalesce(buyers.c.person, _PERSON).label("person"),
        buyers.c.name,
    )
    order = order.outerjoin(buyers, buyers.c.id == orders.c.customer_id)
    order = order.outerjoin(recipients, recipients.c.id == orders.c.recipient_id)
    is_there = or_(orders.c.customer_id.is_(None), buyers.c.id.is_not(None))
    is_known = or_(buyers.c.id.is_not(None), recipients.c.id.is_not(None))
    is_kept = not_(func.coalesce(recipients.c.email, "").startswith(erased))
    bought = order.where(orders.c.state == "completed", is_there, is_known, is_kept).subquery()
    first = select(buyers.c.person, func.min(buyers.c.id).label("id")).group_by(buyers.c.person).subquery()
    account = buyers.alias("account")
    guest = literal(GUEST).op("||")(cast(bought.c.person, String))
    user = func.coalesce(account.c.name, bought.c.name, guest).label("user")
    query = select(user, bought.c.country, bought.c.placed_at, bought.c.currency, bought.c.id)
    query = query.outerjoin(first, first.c.person == bought.c.person)
    return query.outerjoin(account, account.c.id == first.c.id)


def _users(erased: str) -> Select[Any]:
    bought = _bought(erased).subquery()
    country = func.max(bought.c.country).label("country")
    return select(bought.c.user, country).group_by(bought.c.user).order_by(bought.c.user)


def _items(_: str) -> Select[Any]:
    return select(products).order_by(products.c.sku)


def _interactions(erased: str) -> Select[Any]:
    bought = _bought(erased).subquery()
    columns = (order_lines.c.sku, order_lines.c.quantity, order_lines.c.unit_price_minor)
    query = select(bought.c.user, bought.c.placed_at, bought.c.currency, *columns)
    query = query.join(order_lines, order_lines.c.order_id == bought.c.id).where(order_lines.c.sku != "")
    return query.order_by(bought.c.placed_at, bought.c.id, order_lines.c.line_no)


def _major(minor: int | None, currency: str) -> Decimal | None:
    return None if minor is None else Decimal(minor).scaleb(-decimals(currency))


def _item(row: Any) -> Sequence[Any]:
    texts = (row.title, row.category, row.department, row.brand, row.family, row.color)
    return row.sku, *texts, _major(row.price_minor, row.currency or "EUR"), row.description


def _interaction(row: Any) -> Sequence[Any]:
    price = _major(row.unit_price_minor, row.currency)
    return row.user, row.sku, int(row.placed_at.timestamp()), PURCHASE, price, row.quantity


DATASETS = (
    Dataset(
        "Users", (Field("USER_ID"), Field("COUNTRY", is_category=True)), _users, lambda row: (row.user, row.country)
    ),
    Dataset(
        "Items",
        (
            Field("ITEM_ID"),
            Field("TITLE"),
            *(Field(name, is_category=True) for name in ("CATEGORY", "DEPARTMENT", "BRAND", "FAMILY", "COLOR")),
            Field("PRICE", "float"),
            Field("DESCRIPTION", is_text=True),
        ),
        _items,
        _item,
    ),
    Dataset(
        "Interactions",
        (
            Field("USER_ID"),
            Field("ITEM_ID"),
            Field("TIMESTAMP", "long"),
            Field("EVENT_TYPE"),
            Field("EVENT_VALUE", "float"),
            Field("QUANTITY", "float"),
        ),
        _interactions,
        _interaction,
    ),
)
