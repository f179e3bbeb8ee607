"""Files of the past come in."""

import gzip
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Table, select

from aftercart.db.session import Database
from aftercart.db.tables import Row, consents, customers, order_lines, orders, products, recipients
from aftercart.errors import ConfigError
from aftercart.intake.changes import Order, OrderLine, OrderSeen, OrderState
from aftercart.intake.store import apply
from aftercart.pipeline.incoming.load import LoadReport, load_customers, load_orders, load_products
from aftercart.policy.address_hash import AddressHashes
from aftercart.policy.store import lock_recipients
from tests.rows import somebody_waits

HASHES = AddressHashes(["k" * 40])
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEADER = "order_id,customer_id,ordered_at,sku,quantity,unit_price"
ORDERS = f"""{HEADER}
1,77,2026-01-05 10:00:00,BIKE,1,1000.44
1,77,2026-01-05 10:00:00,BELL,2,5
2,,2026-01-06,BELL,1.5,5.00
"""


@pytest.fixture
def db() -> Iterator[Database]:
    opened = Database("sqlite://")
    Row.metadata.create_all(opened.engine)
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def write(folder: Path, text: str | bytes, name: str = "file.csv") -> Path:
    file = folder / name
    content = text.encode() if isinstance(text, str) else text
    file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return file


def rows(db: Database, table: Table) -> list[dict[str, Any]]:
    with db.read() as connection:
        found = connection.execute(table.select().order_by(*table.primary_key.columns)).mappings()
        return [dict(row) for row in found]


def lines_of(db: Database, shop_order_id: str, shop: str = "generic") -> list[tuple[str, float, int]]:
    columns = select(order_lines.c.sku, order_lines.c.quantity, order_lines.c.unit_price_minor)
    one_order = (orders.c.shop_order_id == shop_order_id) & (orders.c.shop == shop)
    with db.read() as connection:
        found = connection.execute(columns.join(orders).where(one_order))
        return sorted((sku, quantity, price) for sku, quantity, price in found)


def counts(report: LoadReport) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.unchanged, report.bad


# ---------------------------------------------------------------- orders


def test_orders_come_in_with_their_lines(db: Database, folder: Path) -> None:
    report = load_orders(db, write(folder, ORDERS), NOW, HASHES, currency="EUR")
    assert report == LoadReport(rows=3, added=3, changed=0, unchanged=0, bad=0, faults=())
    assert lines_of(db, "1") == [("BELL", 2.0, 500), ("BIKE", 1.0, 100044)]
    first, guest = rows(db, orders)
    assert (first["state"], first["total_minor"], first["imported"]) == ("completed", 101044, True)
    assert first["placed_at"] == first["completed_at"] == datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert (guest["customer_id"], guest["total_minor"]) == (None, 750)


@pytest.mark.parametrize("name", ["again.csv", "again.csv.gz"])
def test_importing_twice_changes_nothing(db: Database, folder: Path, name: str) -> None:
    """T44."""
    load_orders(db, write(folder, ORDERS), NOW, HASHES)
    before = rows(db, orders), rows(db, order_lines)
    assert counts(load_orders(db, write(folder, ORDERS, name), NOW + timedelta(days=40), HASHES)) == (0, 0, 3, 0)
    assert (rows(db, orders), rows(db, order_lines)) == before


LINE = st.tuples(st.sampled_from("123"), st.sampled_from("AB"), st.sampled_from(["1", "2"]))


@pytest.fixture(scope="module")
def many_shops() -> Iterator[Database]:
    """One database for many runs, each in a shop of its own."""
    opened = Database("sqlite://")
    Row.metadata.create_all(opened.engine)
    yield opened
    opened.close()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(LINE, min_size=1, max_size=12).flatmap(lambda lines: st.tuples(st.just(lines), st.permutations(lines))),
    st.integers(1, 5),
)
def test_rows_of_an_order_may_stand_anywhere_and_repeat(
    many_shops: Database,
    tmp_path_factory: pytest.TempPathFactory,
    files: tuple[list[tuple[str, str, str]], list[tuple[str, str, str]]],
    at_once: int,
) -> None:
    """Whatever the chunks and the order of the rows, orders have the lines of the file, also after a second import."""
    folder, shop = tmp_path_factory.mktemp("load"), uuid4().hex
    for lines in files:
        text = "\n".join([HEADER, *(f"{order},,2026-01-05,{sku},{n},1" for order, sku, n in lines)])
        load_orders(many_shops, write(folder, text), NOW, HASHES, shop=shop, lines_at_once=at_once)
        for id_ in {order for order, _, _ in lines}:
            expected = sorted((sku, float(n), 100) for order, sku, n in lines if order == id_)
            assert lines_of(many_shops, id_, shop) == expected
    totals = {row["shop_order_id"]: row["total_minor"] for row in rows(many_shops, orders) if row["shop"] == shop}
    assert totals == {id_: sum(100 * int(n) for order, _, n in files[0] if order == id_) for id_ in totals}


def test_a_bad_row_is_named_with_its_line_and_the_rest_goes_in(db: Database, folder: Path) -> None:
    text = f"""{HEADER}
1,77,2026-01-05,BIKE,one,1000.44
1,77,2026-01-05,BELL,2,5

2,77,yesterday,BELL,1,5
3,77,2026-01-05,"two
lines",1,5
4,77,9999-12-31,BELL,1,5
5,77,2026-01-05,BELL,-1,5
6,77,2026-01-05,BELL,1
,77,2026-01-05,BELL,1,5
7,77,2026-01-05,BELL,1,nan
8,77,2026-01-05,,1,5
9,77,2026-01-05,BELL,,5
"""
    file = write(folder, text)
    report = load_orders(db, file, NOW, HASHES)
    assert [str(fault).removeprefix(str(file)) for fault in report.faults] == [
        ':2: quantity: "one" is no number',
        ':5: ordered_at: "yesterday" is no ISO 8601 date',
        ':8: ordered_at: "9999-12-31" lies outside the years 1990 to 2099',
        ':9: quantity: "-1" is not a number of things bought',
        ":10: row: has 5 values, the header has 6 columns",
        ":11: order_id: is missing",
        ':12: unit_price: "nan" is no amount of money',
        ":13: sku: is missing",
        ":14: quantity: is missing",
    ]
    assert (report.rows, report.added, report.bad) == (11, 2, 9)
    assert lines_of(db, "3") == [("two lines", 1.0, 500)]


def test_text_that_is_not_utf8_is_a_bad_row_not_the_end(db: Database, folder: Path) -> None:
    text = HEADER.encode() + b"\n1,7,2026-01-05,CAF\xc9,1,5\n2,7,2026-01-05,CAFE,1,5\n"
    report = load_orders(db, write(folder, text), NOW, HASHES)
    assert [(fault.line, fault.field) for fault in report.faults] == [(2, "sku")]
    assert report.added == 1


def test_only_the_first_thousand_faults_are_kept_but_all_are_counted(db: Database, folder: Path) -> None:
    report = load_orders(db, write(folder, HEADER + "\nbad" * 1_500), NOW, HASHES)
    assert (len(report.faults), report.bad, report.rows) == (1_000, 1_500, 1_500)


def test_column_names_of_others_are_known_or_can_be_mapped(db: Database, folder: Path) -> None:
    text = "Bestellung,customer_id,timestamp,product_id,quantity,unit_price,country\n1,7,2026-01-05,A,1,5,EIRE\n"
    load_orders(db, write(folder, text), NOW, HASHES, mapping={"Bestellung": "order_id"})
    assert [(row["shop_order_id"], row["country"]) for row in rows(db, orders)] == [("1", "IE")]


@pytest.mark.parametrize(
    ("header", "mapping", "says"),
    [
        ("a,b", {}, "has no column order_id, customer_id"),
        ("", {}, "it has: nothing"),
        (HEADER, {"nummer": "order_id"}, "--map nummer=order_id: the file has order_id"),
        (HEADER, {"sku": "article"}, "--map sku=article: we know the columns order_id"),
    ],
)
def test_a_file_of_another_kind_is_refused(
    db: Database, folder: Path, header: str, mapping: dict[str, str], says: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_orders(db, write(folder, header + "\n"), NOW, HASHES, mapping=mapping)
    assert says in str(caught.value)


def test_what_is_no_archive_is_refused(db: Database, folder: Path) -> None:
    file = folder / "orders.csv.gz"
    file.write_bytes(b"no gzip at all")
    with pytest.raises(ConfigError, match="not gzipped"):
        load_orders(db, file, NOW, HASHES)


def test_of_a_broken_archive_what_can_be_read_goes_in(db: Database, folder: Path) -> None:
    file = folder / "orders.csv.gz"
    file.write_bytes(gzip.compress(ORDERS.encode() * 500)[:-20])
    report = load_orders(db, file, NOW, HASHES)
    assert [fault.field for fault in report.faults][-1] == "file"
    assert rows(db, orders)


def test_dates_without_offset_are_read_in_the_zone_given(db: Database, folder: Path) -> None:
    load_orders(db, write(folder, ORDERS), NOW, HASHES, zone=ZoneInfo("America/New_York"))
    assert rows(db, orders)[0]["placed_at"] == datetime(2026, 1, 5, 15, tzinfo=UTC)


@pytest.mark.parametrize(("currency", "minor"), [("JPY", 5), ("KWD", 5000)])
def test_prices_are_in_the_currency_of_the_row_else_in_the_one_given(
    db: Database, folder: Path, currency: str, minor: int
) -> None:
    text = f"{HEADER},currency\n1,7,2026-01-05,A,1,5,{currency}\n2,7,2026-01-05,A,1,5,\n"
    load_orders(db, write(folder, text), NOW, HASHES, currency="USD")
    assert [(row["currency"], row["total_minor"]) for row in rows(db, orders)] == [(currency, minor), ("USD", 500)]


def test_imported_orders_may_mail_only_from_the_day_that_was_said(db: Database, folder: Path) -> None:
    enrolled: list[int] = []

    def enroll(_connection: Connection, ids: Sequence[int], _now: datetime) -> None:
        enrolled.extend(ids)

    file = write(folder, ORDERS)
    load_orders(db, file, NOW, HASHES, send_since=datetime(2026, 1, 6, tzinfo=UTC), enroll=enroll)
    load_orders(db, file, NOW, HASHES, send_since=datetime(2026, 1, 6, tzinfo=UTC), enroll=enroll)
    assert {row["shop_order_id"]: row["imported"] for row in rows(db, orders)} == {"1": True, "2": False}
    assert enrolled == [row["id"] for row in rows(db, orders) if not row["imported"]]


def test_an_import_holds_people_in_the_order_in_which_everybody_does(database: Database, folder: Path) -> None:
    """It knows Ada before Zoe, and comes to Zoe first. Who holds Ada and needs Zoe must not wait for it."""
    header = f"{HEADER},email"
    past = "1,1,2026-01-04,A,1,5,ada@example.com\n2,2,2026-01-05,A,1,5,zoe@example.com\n"
    load_orders(database, write(folder, f"{header}\n{past}"), NOW, HASHES)
    ada, zoe = (row["id"] for row in rows(database, recipients))
    news = "3,2,2026-01-05,A,1,5,zoe@example.com\n4,1,2026-01-06,A,1,5,ada@example.com\n"
    file, since = write(folder, f"{header}\n{news}"), datetime(2026, 1, 6, tzinfo=UTC)
    with ThreadPoolExecutor(1) as pool, database.write() as connection:
        lock_recipients(connection, [ada])
        done = pool.submit(load_orders, database, file, NOW, HASHES, send_since=since)
        while not (done.done() or somebody_waits(database)):
            sleep(0.01)
        lock_recipients(connection, [zoe])
    assert counts(done.result()) == (2, 0, 0, 0)


def test_a_file_does_not_touch_an_order_that_the_shop_has_updated(db: Database, folder: Path) -> None:
    at = datetime(2026, 1, 5, 10, tzinfo=UTC)
    line = OrderLine("HELMET", "Helmet", 1, 4000)
    known = Order("1", OrderState.COMPLETED, "EUR", 4000, at, at + timedelta(hours=1), at, lines=(line,))
    with db.write() as connection:
        apply(connection, "generic", [OrderSeen(known)], NOW)
    assert counts(load_orders(db, write(folder, ORDERS), NOW, HASHES)) == (1, 0, 2, 0)
    assert lines_of(db, "1") == [("HELMET", 1.0, 4000)]
    assert rows(db, orders)[0]["imported"] is False


def test_progress_reaches_the_size_of_the_file(db: Database, folder: Path) -> None:
    file = write(folder, HEADER + "\n" + "1,7,2026-01-05,A,1,5\n" * 5_000, "orders.csv.gz")
    seen: list[tuple[int, int]] = []
    load_orders(db, file, NOW, HASHES, progress=lambda done, total: seen.append((done, total)))
    assert len(seen) >= 3
    assert seen[-1] == (file.stat().st_size, file.stat().st_size)
    assert seen == sorted(seen)


# ---------------------------------------------------------------- products


def test_products_come_in_and_a_second_file_changes_only_what_it_says(db: Database, folder: Path) -> None:
    text = "sku,title,department,price,color\nBELL,Bell,Accessories,5.00,brass\nBIKE,Bike,Bikes,,\n"
    assert counts(load_products(db, write(folder, text), NOW)) == (2, 0, 0, 0)
    assert counts(load_products(db, write(folder, text), NOW)) == (0, 0, 2, 0)
    assert counts(load_products(db, write(folder, "product_id,name,stock\nBELL,Brass bell,3\n"), NOW)) == (0, 1, 0, 0)
    bell, bike = rows(db, products)
    assert (bell["title"], bell["department"], bell["price_minor"], bell["stock"]) == (
        "Brass bell",
        "Accessories",
        500,
        3,
    )
    assert (bike["price_minor"], bike["stock"]) == (None, None)


def test_struck_prices_and_ratings_come_in_and_an_empty_field_takes_them_back(db: Database, folder: Path) -> None:
    head = "sku,title,price,regular_price,average_rating,reviews\n"
    load_products(db, write(folder, f"{head}BELL,Bell,5.00,7.50,4.6,12\n"), NOW)
    (bell,) = rows(db, products)
    assert (bell["compare_at_minor"], bell["rating"], bell["rating_count"]) == (750, 4.6, 12)
    load_products(db, write(folder, "sku,title,price\nBELL,Bell,5.00\n"), NOW)
    assert rows(db, products) == [bell]
    load_products(db, write(folder, f"{head}BELL,Bell,5.00,,,0\n"), NOW)
    (bell,) = rows(db, products)
    assert (bell["compare_at_minor"], bell["rating"], bell["rating_count"]) == (0, None, 0)


def test_prices_in_other_currencies_come_in_and_an_empty_field_takes_them_back(db: Database, folder: Path) -> None:
    load_products(db, write(folder, "sku,title,price,prices\nBELL,Bell,5.00,4.90 CHF; 700 jpy\n"), NOW)
    told = {"CHF": {"minor": 490, "compare_at": None}, "JPY": {"minor": 700, "compare_at": None}}
    assert [row["prices"] for row in rows(db, products)] == [told]
    load_products(db, write(folder, "sku,title,price\nBELL,Bell,5.50\n"), NOW)
    assert [row["prices"] for row in rows(db, products)] == [told]
    (fault,) = load_products(db, write(folder, "sku,title,prices\nBELL,Bell,4.90\n"), NOW).faults
    assert "prices" in str(fault)
    assert "12.90 CHF" in str(fault)
    load_products(db, write(folder, "sku,title,prices\nBELL,Bell,\n"), NOW)
    assert [row["prices"] for row in rows(db, products)] == [None]


@pytest.mark.parametrize("column", ["cost", "Cost per item", "cost_per_item", "Meta: _wc_cog_cost"])
def test_costs_come_in_under_the_names_that_shops_give_them_and_an_empty_one_is_taken_back(
    column: str, db: Database, folder: Path
) -> None:
    load_products(db, write(folder, f"sku,title,price,{column}\nBELL,Bell,5.00,2.10\n"), NOW)
    assert [row["cost_minor"] for row in rows(db, products)] == [210]
    load_products(db, write(folder, "sku,title,price\nBELL,Bell,5.50\n"), NOW)
    assert [row["cost_minor"] for row in rows(db, products)] == [210]
    load_products(db, write(folder, f"sku,title,{column}\nBELL,Bell,\n"), NOW)
    assert [row["cost_minor"] for row in rows(db, products)] == [None]
    (fault,) = load_products(db, write(folder, f"sku,title,{column}\nBELL,Bell,little\n"), NOW).faults
    assert (fault.line, fault.field) == (2, "cost")


def test_products_that_no_mail_can_offer_are_counted(db: Database, folder: Path) -> None:
    text = "sku,title,url,price\nBELL,Bell,https://shop.example/bell,\nBIKE,Bike,,9\nCAGE,Cage,/cage,0\n"
    report = load_products(db, write(folder, text), NOW)
    assert report.notes == (
        "without a web address (url), so not offered in mails: 2 of 3 products",
        "without a price, so not offered in mails: 2 of 3 products",
    )
    assert load_products(db, write(folder, "sku,title,url,price\nBELL,Bell,https://shop.example,9\n"), NOW).notes == ()
    assert load_products(db, write(folder, "sku,title\nBELL,Brass bell\n"), NOW).notes == (), "it has both already"


def test_a_bad_product_is_named_and_of_two_with_one_sku_the_first_counts(db: Database, folder: Path) -> None:
    text = "sku,title,price,stock\nA,Bell,cheap,\nB,,1,\nC,Cap,1,many\nD,Dynamo,1,1\nD,Double,2,1\nE,Eye,-1,\n"
    rated = load_products(db, write(folder, "sku,title,rating\nF,Fork,6\n"), NOW)
    assert [(fault.line, fault.field) for fault in rated.faults] == [(2, "rating")]
    report = load_products(db, write(folder, text), NOW)
    assert [(fault.line, fault.field) for fault in report.faults] == [
        (2, "price"), (3, "title"), (4, "stock"), (6, "sku"), (7, "price"),
    ]  # fmt: skip
    assert [row["title"] for row in rows(db, products)] == ["Dynamo"]


# ---------------------------------------------------------------- customers

CUSTOMERS = """customer_id,email,first_name,locale,time_zone,country,accepts_marketing,consent_at
77,Ada@Example.com,Ada,fr_FR,Europe/Paris,France,yes,2025-05-05
78,ben@example.com,Ben,,,,no,2025-06-06T10:00:00+02:00
79,chika@example.com,Chika,ja,Asia/Tokyo,JP,,
"""


def test_customers_come_in_with_their_consent_and_twice_changes_nothing(db: Database, folder: Path) -> None:
    assert counts(load_customers(db, write(folder, CUSTOMERS), NOW, HASHES)) == (3, 0, 0, 0)
    assert counts(load_customers(db, write(folder, CUSTOMERS), NOW + timedelta(days=9), HASHES)) == (0, 0, 3, 0)
    ada, ben, chika = rows(db, recipients)
    assert (ada["email"], ada["locale"], ada["time_zone"], ada["country"]) == (
        "ada@example.com", "fr-FR", "Europe/Paris", "FR",
    )  # fmt: skip
    assert [(row["recipient_id"], row["state"], row["source"], row["at"]) for row in rows(db, consents)] == [
        (ada["id"], "granted", "import", datetime(2025, 5, 5, tzinfo=UTC)),
        (ben["id"], "denied", "import", datetime(2025, 6, 6, 8, tzinfo=UTC)),
    ]
    assert chika["first_name"] == "Chika"


def test_an_undated_yes_from_a_file_does_not_overrule_a_no(db: Database, folder: Path) -> None:
    load_customers(db, write(folder, CUSTOMERS), NOW, HASHES)
    undated = "email,accepts_marketing\nben@example.com,yes\nchika@example.com,yes\nadamant,yes\n"
    report = load_customers(db, write(folder, undated), NOW, HASHES)
    assert counts(report) == (0, 1, 1, 1)
    assert [row["state"] for row in rows(db, consents)] == ["granted", "denied", "granted"]


def test_orders_imported_earlier_find_their_customers_address(db: Database, folder: Path) -> None:
    load_orders(db, write(folder, ORDERS), NOW, HASHES)
    load_customers(db, write(folder, CUSTOMERS), NOW, HASHES)
    ada = rows(db, recipients)[0]
    assert [row["recipient_id"] for row in rows(db, orders)] == [ada["id"], None]
    assert len(rows(db, customers)) == 3
