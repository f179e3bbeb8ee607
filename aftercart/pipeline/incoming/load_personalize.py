"""Datasets of Amazon Personalize come in: ITEMS as products, the purchases among the INTERACTIONS as past orders.

What somebody bought in the same second is one order: the datasets know no orders. Rows are read by the loaders of
products and orders, which know what is wrong with one; here they are only written in our columns, each on its own
line, so that a fault names the line of the file that was given.
"""

import csv
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from io import TextIOBase
from pathlib import Path
from tempfile import TemporaryDirectory

from aftercart.db.session import Database
from aftercart.errors import ConfigError, Place
from aftercart.intake.generic import Generic
from aftercart.intake.shopify import Shopify
from aftercart.intake.woocommerce import WooCommerce
from aftercart.pipeline.incoming.load import LoadReport, load_orders, load_products
from aftercart.policy.address_hash import AddressHashes
from aftercart.quantity import counted
from aftercart.reports.out.personalize import BETWEEN

Row = Mapping[str, str]
Ours = Callable[[Row], Mapping[str, str] | None]
"""A row in our columns; None: it is not for us."""
PRODUCT_COLUMNS = ("sku", "title", "category", "department", "brand", "family", "color", "description", "price")
ORDER_COLUMNS = ("order_id", "customer_id", "ordered_at", "sku", "quantity", "unit_price", "country")
SHOPS = frozenset(each.name for each in (Generic, Shopify, WooCommerce))


def load_items(
    db: Database, folder: Path, now: datetime, *, currency: str = "EUR", link_hosts: Sequence[str] | None = None
) -> LoadReport:
    """Import ITEMS.csv of the folder. An item without a TITLE goes by its id. Raises ConfigError on a wrong file."""

    def product(row: Row) -> Mapping[str, str]:
        same = {name: row.get(name.upper(), "") for name in PRODUCT_COLUMNS}
        category = same["category"] or row.get("CATEGORY_L2") or row.get("CATEGORY_L1") or ""
        title = same["title"] or row["ITEM_ID"]
        return same | {"sku": row["ITEM_ID"], "title": title, "category": category.replace("|", "/")}

    file = folder / "ITEMS.csv"
    with _rewritten(file, {"ITEM_ID"}, PRODUCT_COLUMNS, product) as ours:
        return _named(load_products(db, ours, now, currency=currency, link_hosts=link_hosts), file)


def load_interactions(
    db: Database,
    folder: Path,
    now: datetime,
    hashes: AddressHashes,
    *,
    shop: str = "generic",
    currency: str = "EUR",
    event: str = "purchase",
) -> LoadReport:
    """Import INTERACTIONS.csv of the folder: the rows whose EVENT_TYPE is `event`, or all where it is empty or there is
    no such column. What they cost is EVENT_VALUE, if it is given. Raises ConfigError on a wrong file.

    The orders are to learn from and never mail. A USER_ID of ours begins with the name of a shop; what stands behind
    that of `shop` is its id of the customer. Purchases under the name of another shop are left out, and a note of the
    report counts them: its webhooks would never find those customers here.
    """
    countries = _countries(folder / "USERS.csv")
    elsewhere = Counter[str]()

    def line(row: Row) -> Mapping[str, str] | None:
        if event and row.get("EVENT_TYPE", event).lower() != event.lower():
            return None
        user, at = row["USER_ID"], row["TIMESTAMP"]
        if BETWEEN in user and (other := user.partition(BETWEEN)[0]) in SHOPS - {shop}:
            elsewhere[other] += 1
            return None
        return {
            "order_id": f"{user}@{at}" if user else "",
            "customer_id": user.removeprefix(f"{shop}{BETWEEN}"),
            "ordered_at": _instant(at),
            "sku": row["ITEM_ID"],
            "quantity": row.get("QUANTITY") or "1",
            "unit_price": row.get("EVENT_VALUE") or "0",
            "country": countries.get(user, ""),
        }

    file = folder / "INTERACTIONS.csv"
    with _rewritten(file, {"USER_ID", "ITEM_ID", "TIMESTAMP"}, ORDER_COLUMNS, line) as ours:
        found = _named(load_orders(db, ours, now, hashes, shop=shop, currency=currency), file)
    return replace(found, notes=(*found.notes, *(_left_out(other, count) for other, count in elsewhere.items())))


def _left_out(shop: str, purchases: int) -> str:
    return f"left out, because customers of {shop}: {counted(purchases, 'purchase')}; --shop {shop} imports them"


def _countries(file: Path) -> dict[str, str]:
    """By user, where the dataset is there and says so."""
    if not file.is_file():
        return {}
    with _opened(file) as opened:
        return {row["USER_ID"]: row.get("COUNTRY", "") for _, row in _rows(file, opened, {"USER_ID"})}


def _instant(seconds: str) -> str:
    """As our loader reads it; what is no Unix time it is to refuse in the words that were given."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return seconds


@contextmanager
def _rewritten(file: Path, needed: Collection[str], columns: Sequence[str], ours: Ours) -> Iterator[Path]:
    """The same file in our columns, each row on the line on which it stood; what is not for us leaves a line empty."""
    with TemporaryDirectory() as folder, _opened(file) as opened:
        rewritten = Path(folder) / "rows.csv"
        with rewritten.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out:
            writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            at = 2
            for line, row in _rows(file, opened, needed):
                if (found := ours(row)) is not None:
                    out.write("\n" * max(line - at, 0))
                    writer.writerow({name: " ".join(value.split()) for name, value in found.items()})
                    at = max(line, at) + 1
        yield rewritten


@contextmanager
def _opened(file: Path) -> Iterator[TextIOBase]:
    try:
        with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as opened:
            yield opened
    except OSError as err:
        raise ConfigError(f"cannot be read: {err.strerror}", Place(file)) from err


def _rows(file: Path, opened: TextIOBase, needed: Collection[str]) -> Iterator[tuple[int, Row]]:
    """Each with the line on which it begins. Personalize tells the case of column names apart; we do not."""
    reader = csv.reader(opened)
    try:
        names = [name.strip().upper() for name in next(reader, [])]
        if lacking := sorted(set(needed) - set(names)):
            raise ConfigError(f"has no column {lacking[0]}; it has {', '.join(names) or 'none'}", Place(file, 1))
        line = reader.line_num + 1
        for row in reader:
            if row:
                yield line, dict(zip(names, [*row, *[""] * len(names)], strict=False))
            line = reader.line_num + 1
    except csv.Error as err:
        raise ConfigError(f"is no CSV file: {err}", Place(file, reader.line_num)) from err


def _named(report: LoadReport, file: Path) -> LoadReport:
    return replace(report, faults=tuple(replace(fault, file=file) for fault in report.faults))
