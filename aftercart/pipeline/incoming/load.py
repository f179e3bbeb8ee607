"""Files of past orders, products and customers come in.

1. The file is read row by row; a row that cannot be used is noted with its line, and the rest goes in.
2. Rows are gathered into chunks, each written in one transaction: memory stays flat, and an import that is
   interrupted can simply be started again.
3. What is there already stays: importing twice changes nothing.

Imported orders are to learn from. They never mail, unless they are from `send_since` on.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from aftercart.db.session import Database
from aftercart.errors import UnprocessableError
from aftercart.intake import store
from aftercart.intake.changes import Buyer, Order, OrderLine, OrderSeen, OrderState, Product
from aftercart.intake.clean import clean_country, clean_email
from aftercart.intake.past import CUSTOMERS, ORDERS, PRODUCTS, OrderHead, customer_row, order_row, product_row
from aftercart.intake.table_file import Fault, Faults, Progress, open_table
from aftercart.pipeline.incoming.forgetting import newer_than_shop, not_forgotten, past_orders
from aftercart.policy.address_hash import AddressHashes
from aftercart.quantity import counted
from aftercart.recommendation.asking.guards import has_page
from aftercart.recommendation.store import load_facts
from aftercart.tracking.hosts import counted_by_host, not_listed

ORDERS_AT_ONCE = 2_000
LINES_AT_ONCE = 25_000
"""A transaction stays under a second, so that a running engine on SQLite hardly waits for it."""
ROWS_AT_ONCE = 2_000

T = TypeVar("T")
V = TypeVar("V")

Enroll = Callable[[Connection, Sequence[int], datetime], object]
"""What to do with new orders that may mail, in the transaction that brings them."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of the rows of a file: `rows` = added + changed + unchanged + passed_over + bad. `faults`: the first
    thousand.

    `notes`: what is no fault and worth knowing, in sentences. `passed_over`: rows that say
    nothing, or of whoever was forgotten.
    """

    rows: int
    added: int
    changed: int
    unchanged: int
    bad: int
    faults: tuple[Fault, ...]
    notes: tuple[str, ...] = ()
    passed_over: int = 0


def load_products(
    db: Database,
    file: Path,
    now: datetime,
    *,
    currency: str = "EUR",
    link_hosts: Sequence[str] | None = None,
    mapping: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> LoadReport:
    """Import products. `currency`: of the prices, where the file does not say. Raises ConfigError on a wrong file.

    The report notes how many of them have no page or no price, because no mail offers these; and whose page lies on
    none of `link_hosts` (None: they are not known), because no click on it is counted.
    """
    total = store.Tally()
    hosts: Counter[str] = Counter()
    count = without_page = without_price = 0
    with open_table(file, PRODUCTS, mapping or {}, progress) as table:
        seen: set[str] = set()

        def parse(values: tuple[str, ...]) -> Product:
            product = product_row(values, currency, table.present)
            if product.sku in seen:
                raise UnprocessableError("sku", f'"{product.sku}" stands twice in this file; the first row counts')
            seen.add(product.sku)
            return product

        for products in chunks(parsed(table.rows, table.faults, parse)):
            with db.write() as connection:
                total.add(store.store_products(connection, products, now))
                stored = load_facts(connection, (product.sku for product in products)).values()
            without_page += sum(not has_page(product.url) for product in stored)
            without_price += sum(not product.price_minor for product in stored)
            hosts += counted_by_host(product.url for product in stored)
            count += len(stored)
    untracked = () if link_hosts is None else _about_hosts(hosts, link_hosts, count)
    return replace(report(total, table.faults), notes=(*_not_offered(without_page, without_price, count), *untracked))


def _not_offered(without_page: int, without_price: int, of: int) -> Iterator[str]:
    for what, without in (("web address (url)", without_page), ("price", without_price)):
        if without:
            yield f"without a {what}, so not offered in mails: {without:,} of {counted(of, 'product')}"


def _about_hosts(hosts: Mapping[str, int], listed: Sequence[str], of: int) -> Iterator[str]:
    for host, count in not_listed(hosts, listed):
        yield (
            f"clicks on {count:,} of {counted(of, 'product')} cannot be counted: {host} is not in link_hosts of "
            "brand.yaml; add it"
        )


def load_customers(
    db: Database,
    file: Path,
    now: datetime,
    hashes: AddressHashes,
    *,
    shop: str = "generic",
    zone: tzinfo = UTC,
    mapping: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> LoadReport:
    """Import customers and the consent that another system holds. `zone`: of dates that name none.

    A yes without `consent_at` counts only for a person about whom nothing is known. Who was erased is passed over, and
    of a shop that was erased whoever has no newer `consent_at`.
    """
    total, of_shop = store.Tally(), 0
    with open_table(file, CUSTOMERS, mapping or {}, progress) as table:
        for buyers in chunks(parsed(table.rows, table.faults, lambda values: customer_row(values, zone))):
            with db.write() as connection:
                newer = newer_than_shop(connection, shop, buyers, now)
                known = not_forgotten(connection, shop, newer, hashes)
                total.add(store.store_people(connection, shop, known, now))
                total.passed_over += len(buyers) - len(known)
                of_shop += len(buyers) - len(newer)
    return replace(report(total, table.faults), notes=tuple(_about_forgotten(total.passed_over - of_shop, of_shop)))


def _about_forgotten(people: int, of_shop: int) -> Iterator[str]:
    yield from about_erased(people)
    if of_shop:
        told = counted(of_shop, "row has", "rows have")
        yield (
            f"this shop was erased since, and {told} no `consent_at` of after that: passed over; whoever buys there "
            "anew comes in by their order"
        )


def about_erased(rows: int) -> Iterator[str]:
    """What is said of rows of people who were forgotten, where there are any."""
    if rows:
        yield f"{counted(rows, 'row names somebody', 'rows name somebody')} who was erased here: passed over"


def load_orders(
    db: Database,
    file: Path,
    now: datetime,
    hashes: AddressHashes,
    *,
    shop: str = "generic",
    currency: str = "EUR",
    zone: tzinfo = UTC,
    send_since: datetime | None = None,
    enroll: Enroll | None = None,
    mapping: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    lines_at_once: int = LINES_AT_ONCE,
) -> LoadReport:
    """Import past orders, one row a line; the rows of an order may stand anywhere in the file.

    `shop`: whose order ids these are, so that later webhooks about them find them. `zone`: of dates that name none.
    `send_since`: orders from then on may start campaigns; `enroll` is given them. What somebody bought who was erased
    since is an order of nobody.
    """
    total = store.Tally()
    with open_table(file, ORDERS, mapping or {}, progress) as table, _LinesSeen() as seen:
        rows = parsed(table.rows, table.faults, lambda values: order_row(values, currency, zone))
        for chunk in _order_chunks(rows, lines_at_once):
            with db.write() as connection:
                _store_chunk(connection, shop, chunk, seen, now, hashes, send_since, enroll, total)
    return report(total, table.faults)


# ---------------------------------------------------------------- orders


@dataclass
class _OrderChunk:
    heads: dict[str, OrderHead] = field(default_factory=dict)
    lines: dict[str, list[OrderLine]] = field(default_factory=dict)
    count: int = 0

    def add(self, head: OrderHead, line: OrderLine) -> None:
        """The first row of an order speaks for the order as a whole."""
        self.heads.setdefault(head[0], head)
        self.lines.setdefault(head[0], []).append(line)
        self.count += 1

    def order(self, id_: str, send_since: datetime | None) -> Order:
        _, customer_id, at, email, currency, country = self.heads[id_]
        lines, code = tuple(self.lines[id_]), clean_country(country)
        return Order(
            shop_order_id=id_,
            state=OrderState.COMPLETED,
            currency=currency,
            total_minor=round(sum(line.quantity * line.unit_price_minor for line in lines)),
            placed_at=at,
            updated_at=at,
            completed_at=at,
            buyer=Buyer(customer_id or None, clean_email(email) if email else None, country=code),
            lines=lines,
            country=code,
            imported=send_since is None or at < send_since,
        )


def _order_chunks(rows: Iterable[tuple[OrderHead, OrderLine]], lines_at_once: int) -> Iterator[_OrderChunk]:
    chunk = _OrderChunk()
    for head, line in rows:
        chunk.add(head, line)
        if chunk.count >= lines_at_once or len(chunk.heads) >= ORDERS_AT_ONCE:
            yield chunk
            chunk = _OrderChunk()
    if chunk.count:
        yield chunk


def _store_chunk(
    connection: Connection,
    shop: str,
    chunk: _OrderChunk,
    seen: "_LinesSeen",
    now: datetime,
    hashes: AddressHashes,
    send_since: datetime | None,
    enroll: Enroll | None,
    total: store.Tally,
) -> None:
    """New orders go in whole; orders that are there already (from an earlier chunk or import) get what they lack."""
    told = past_orders(connection, shop, [OrderSeen(chunk.order(id_, send_since)) for id_ in chunk.heads], hashes, now)
    kept_as = {id_: order.shop_order_id for id_, order in zip(chunk.heads, told, strict=True)}
    known = store.known_orders(connection, shop, kept_as.values())
    touched = store.apply(connection, shop, [order for order in told if order.shop_order_id not in known], now)
    if touched and enroll:
        enroll(connection, sorted(touched), now)
    wanted = seen.add(chunk.lines)
    there = {kept: wanted[id_] for id_, kept in kept_as.items() if kept in known}
    completed = store.add_lines(connection, shop, there)
    in_new_orders = sum(len(chunk.lines[id_]) for id_, kept in kept_as.items() if kept not in known)
    total.added += in_new_orders + completed
    total.unchanged += chunk.count - in_new_orders - completed


class _LinesSeen:
    """The lines that a file has shown of each order so far, kept on disk: a file has more of them than memory.

    It tells a line that an order has twice from one that an earlier import brought.
    """

    def __enter__(self) -> "_LinesSeen":
        self._disk = sqlite3.connect("", isolation_level=None)  # "": a temporary file that SQLite removes
        self._disk.executescript("PRAGMA synchronous = OFF; CREATE TABLE seen (id TEXT PRIMARY KEY, lines TEXT)")
        return self

    def __exit__(self, *_: object) -> None:
        self._disk.close()

    def add(self, lines: Mapping[str, Sequence[OrderLine]]) -> dict[str, "Counter[store.Content]"]:
        """Add the lines of a chunk; everything seen of its orders so far, with how often."""
        seen = {}
        for id_, new in lines.items():
            counts = Counter((line.sku, line.quantity, line.unit_price_minor) for line in new)
            row = self._disk.execute("SELECT lines FROM seen WHERE id = ?", (id_,)).fetchone()
            if row:
                counts.update({(sku, quantity, price): n for sku, quantity, price, n in json.loads(row[0])})
            seen[id_] = counts
        written = ((id_, json.dumps([(*content, n) for content, n in counts.items()])) for id_, counts in seen.items())
        self._disk.execute("BEGIN")
        self._disk.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?)", written)
        self._disk.execute("COMMIT")
        return seen


# ---------------------------------------------------------------- rows


def parsed(rows: Iterable[tuple[int, V]], faults: Faults, parse: Callable[[V], T]) -> Iterator[T]:
    """The rows that can be used; the others are noted."""
    for line, values in rows:
        try:
            yield parse(values)
        except UnprocessableError as err:
            faults.add(line, err)


def chunks(things: Iterable[T]) -> Iterator[list[T]]:
    """As many at once as go into one transaction."""
    chunk = []
    for thing in things:
        chunk.append(thing)
        if len(chunk) >= ROWS_AT_ONCE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def report(total: store.Tally, faults: Faults) -> LoadReport:
    """What became of a whole file."""
    rows = total.added + total.changed + total.unchanged + total.passed_over + faults.count
    counts = (rows, total.added, total.changed, total.unchanged, faults.count)
    return LoadReport(*counts, tuple(faults.kept), passed_over=total.passed_over)
