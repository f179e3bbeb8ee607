"""`import products|orders|customers` as they are typed."""

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select

from aftercart.db.session import Database
from aftercart.db.tables import customers, enrollments, order_lines, orders, products, recipients, suppressions
from tests.cast import Shop, campaign
from tests.cli.conftest import Typed
from tests.cli.conftest import aftercart as started
from tests.commanded import aftercart

Stored = Callable[[Table], list[dict[str, Any]]]

PRODUCTS = "artikel,bezeichnung,price\nBIKE,Road bike,900\nLAMP,Lamp,25\n"
ORDERS = "order_id,customer_id,ordered_at,sku,quantity,unit_price\n1,7,2026-01-05 10:00,BIKE,1,900\n"
NAMES = ("--map", "artikel=sku", "--map", "bezeichnung=title")


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Stored]:
    with closing(Database(f"sqlite:///{tmp_path / 'data' / 'aftercart.db'}")) as database:

        def rows(table: Table) -> list[dict[str, Any]]:
            with database.read() as connection:
                return [dict(row) for row in connection.execute(select(table)).mappings()]

        yield rows


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str, str], str]:
    """A file beside the installation; compressed where its name says so."""

    def write(name: str, text: str) -> str:
        content = text.encode()
        (tmp_path / name).write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
        return name

    return write


Written = Callable[[str, str], str]


@pytest.mark.parametrize("name", ["products.csv", "products.csv.gz"])
def test_products_come_in_under_the_names_of_another_system(
    typed: Typed, stored: Stored, written: Written, name: str
) -> None:
    result = typed("import", "products", written(name, PRODUCTS), *NAMES, "--currency", "chf")
    assert (result.exit_code, result.stdout) == (0, "2 products: 2 added, 0 there already.\n")
    found = {(row["sku"], row["title"], row["price_minor"], row["currency"]) for row in stored(products)}
    assert found == {("BIKE", "Road bike", 90000, "CHF"), ("LAMP", "Lamp", 2500, "CHF")}
    again = typed("import", "products", name, *NAMES, "--currency", "CHF")
    assert again.stdout == "2 products: 0 added, 2 there already.\n"


def test_products_on_a_host_without_tracking_are_told(typed: Typed, written: Written) -> None:
    pages = "A,A,https://www.example.com/a,9\nB,B,https://other.example/b,9\n"
    file = written("p.csv", f"sku,title,url,price\n{pages}")
    assert typed("import", "products", file).stderr == "", "there is no brand that could say"
    assert typed("init", ".").exit_code == 0
    result = typed("import", "products", file)
    assert result.exit_code == 0
    assert result.stderr == (
        "aftercart: clicks on 1 of 2 products cannot be counted: other.example is not in link_hosts of brand.yaml; "
        "add it\n"
    )


def test_a_bad_row_is_named_with_its_line_and_the_rest_goes_in(typed: Typed, stored: Stored, written: Written) -> None:
    file = written("products.csv", f"{PRODUCTS},nothing,1\nBELL,Bell,9\n")
    result = typed("import", "products", file, *NAMES)
    assert result.exit_code == 1
    assert result.stderr.startswith("products.csv:4: ")
    assert result.stdout == "4 products: 3 added, 0 there already, 1 bad.\n"
    assert {row["sku"] for row in stored(products)} == {"BIKE", "LAMP", "BELL"}


def test_no_letter_is_left_out_of_a_text_that_is_not_utf8(tmp_path: Path, typed: Typed, stored: Stored) -> None:
    (tmp_path / "products.csv").write_bytes("sku,title\nVELO,Vélo\nLAMP,Lamp\n".encode("latin-1"))
    result = typed("import", "products", "products.csv")
    assert result.exit_code == 1
    assert "products.csv:2: title: is not UTF-8 (save the file as UTF-8)" in result.stderr
    assert [row["title"] for row in stored(products)] == ["Lamp"]


def test_what_is_not_read_of_a_file_may_be_in_any_letters(tmp_path: Path, typed: Typed, stored: Stored) -> None:
    (tmp_path / "left.csv").write_bytes("email,name\njose@example.com,José\n".encode("latin-1"))
    assert typed("import", "suppressions", "left.csv").exit_code == 0
    assert [row["email"] for row in stored(suppressions)] == ["jose@example.com"]


def test_the_report_comes_as_json_too(typed: Typed, written: Written) -> None:
    result = typed("import", "products", written("p.csv", f"{PRODUCTS},nothing,1\n"), *NAMES, "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert {key: report[key] for key in ("rows", "added", "changed", "unchanged", "bad")} == {
        "rows": 3, "added": 2, "changed": 0, "unchanged": 0, "bad": 1,
    }  # fmt: skip
    (fault,) = report["faults"]
    assert (fault["file"], fault["line"]) == ("p.csv", 4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("products", "none.csv"), "none.csv"),
        (("products", "products.csv"), "artikel"),
        (("products", "products.csv", "--map", "artikel"), "THEIRS=OURS"),
        (("products", "products.csv", "--map", "artikel=sku", "--map", "bezeichnung=sku"), "one meaning"),
        (("products", "products.csv", *NAMES, "--currency", "gold"), "gold"),
        (("orders", "products.csv", "--time-zone", "Mars/Base"), "Mars/Base"),
        (("orders", "products.csv", "--send-since", "soon"), "soon"),
    ],
)
def test_wrong_usage_exits_2_and_says_why(typed: Typed, written: Written, words: tuple[str, ...], said: str) -> None:
    written("products.csv", PRODUCTS)
    result = typed("import", *words)
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p.csv", gzip.compress(PRODUCTS.encode(), mtime=0), "it looks gzipped — name it p.csv.gz"),
        ("p.csv.gz", PRODUCTS.encode(), "it is not gzipped, though its name says so — name it p.csv"),
        ("p.csv", PRODUCTS.replace(",", ";").encode(), "its columns are parted by semicolons, and commas are"),
        ("p.csv", PRODUCTS.replace(",", "\t").encode(), "its columns are parted by tabs, and commas are"),
        ("p.csv", PRODUCTS.encode("utf-16"), "is in UTF-16 — export it as comma-separated CSV in UTF-8"),
        ("p.csv", PRODUCTS.encode("utf-16-le"), "is in UTF-16 — export it as comma-separated CSV in UTF-8"),
    ],
)
def test_a_file_of_another_kind_is_named_for_what_it_is(
    tmp_path: Path, typed: Typed, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    result = typed("import", "products", name)
    words = " ".join(result.stderr.replace("│", " ").split())
    assert result.exit_code == 2
    assert said in words
    assert "--map" not in words
    assert all(letter.isprintable() for letter in words)


def test_of_a_file_that_was_cut_off_what_is_left_goes_in(tmp_path: Path, typed: Typed, stored: Stored) -> None:
    lines = "".join(f"{n},Product {n * 7919 % 10007},1\n" for n in range(5_000))
    whole = gzip.compress(f"sku,title,price\n{lines}".encode())
    for left in (len(whole) // 2, len(whole) - 4, 12):
        (tmp_path / "p.csv.gz").write_bytes(whole[:left])
        result = typed("import", "products", "p.csv.gz")
        assert result.exit_code == 1
        assert "file: is damaged or was cut off from here on: copy it anew" in result.stderr
        assert ", 1 bad." in result.stdout
    assert len(stored(products)) > 2_000


def test_orders_come_in_to_learn_from(typed: Typed, stored: Stored, written: Written) -> None:
    zone = ("--shop", "shopify", "--currency", "USD", "--time-zone", "Asia/Tokyo")
    result = typed("import", "orders", written("orders.csv", ORDERS), *zone)
    assert (result.exit_code, result.stdout) == (0, "1 order line: 1 added, 0 there already.\n")
    (order,) = stored(orders)
    assert (order["shop"], order["currency"], order["imported"]) == ("shopify", "USD", True)
    assert order["placed_at"] == datetime(2026, 1, 5, 1, tzinfo=UTC)
    assert [row["sku"] for row in stored(order_lines)] == ["BIKE"]


def test_a_shop_that_is_none_is_refused(tmp_path: Path, typed: Typed, written: Written) -> None:
    """Its orders would count beside those that the shop's webhooks bring, each a second time."""
    file, people = written("orders.csv", ORDERS), written("people.csv", "email,customer_id\nada@example.com,77\n")
    for arguments in (("orders", file), ("customers", people), ("personalize", str(tmp_path))):
        result = typed("import", *arguments, "--shop", "shopfy")
        assert result.exit_code == 2, arguments
        assert "shopfy is no shop: did you mean shopify?" in result.stderr


def test_orders_mail_only_from_the_day_that_is_said(tmp_path: Path, stored: Stored, written: Written) -> None:
    aftercart(tmp_path, "init", ".")
    yesterday, before = (datetime.now(UTC) - timedelta(days=days) for days in (1, 3))
    header = "order_id,customer_id,ordered_at,sku,quantity,unit_price,email"
    lines = [f"{n},{n},{day:%Y-%m-%d},BIKE,1,9,c{n}@example.com" for n, day in enumerate((before, yesterday), 1)]
    file = written("orders.csv", "\n".join([header, *lines, ""]))
    assert aftercart(tmp_path, "import", "orders", file).returncode == 0
    assert stored(enrollments) == []
    changed = written("more.csv", "\n".join([header, *(f"1{line}" for line in lines), ""]))
    result = aftercart(tmp_path, "import", "orders", changed, "--send-since", f"{yesterday:%Y-%m-%d}", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["added"] == 2
    numbers = {row["id"]: row["shop_order_id"] for row in stored(orders)}
    assert [numbers[row["order_id"]] for row in stored(enrollments)] == ["12"]


def test_customers_come_in_with_what_they_said(typed: Typed, stored: Stored, written: Written) -> None:
    file = written("people.csv", "email,customer_id,accepts_marketing\nada@example.com,77,yes\nno address,78,yes\n")
    result = typed("import", "customers", file, "--json")
    assert (result.exit_code, json.loads(result.stdout)["bad"]) == (1, 1)
    assert [row["email"] for row in stored(recipients)] == ["ada@example.com"]
    assert [row["shop_customer_id"] for row in stored(customers)] == ["77"]


def test_rows_of_somebody_who_was_erased_are_told_as_passed_over(typed: Typed, written: Written) -> None:
    assert typed("init", ".").exit_code == 0
    file = written("people.csv", "email,customer_id\nada@example.com,77\nben@example.com,78\n")
    assert typed("import", "customers", file).stdout == "2 customers: 2 added, 0 there already.\n"
    assert typed("erase", "ada@example.com").exit_code == 0
    again = typed("import", "customers", file)
    assert (again.exit_code, again.stdout) == (0, "2 customers: 0 added, 1 there already, 1 passed over.\n")
    assert again.stderr == "aftercart: 1 row names somebody who was erased here: passed over\n"


def test_products_without_a_price_are_told_and_are_no_fault(typed: Typed, written: Written) -> None:
    page = "https://shop.example/bell"
    file = written("products.csv", f"sku,title,url,price\nBELL,Bell,{page},9\nBIKE,Bike,{page},\n")
    result = typed("import", "products", file)
    assert result.exit_code == 0
    assert "aftercart: without a price, so not offered in mails: 1 of 2 products\n" in result.stderr


def test_products_without_a_web_address_are_told_and_are_no_fault(typed: Typed, written: Written) -> None:
    file = written("products.csv", "sku,title,url,price\nBELL,Bell,https://shop.example/bell,9\nBIKE,Bike,,9\n")
    result = typed("import", "products", file)
    assert result.exit_code == 0
    assert result.stdout == "2 products: 2 added, 0 there already.\n"
    assert result.stderr == "aftercart: without a web address (url), so not offered in mails: 1 of 2 products\n"
    report = json.loads(typed("import", "products", file, "--json").stdout)
    assert report["notes"] == ["without a web address (url), so not offered in mails: 1 of 2 products"]


PEAK = """
import resource, sys
from aftercart.cli import main
try: main()
except SystemExit as end: assert not end.code, end.code
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024), file=sys.stderr)
"""


def test_a_longer_file_takes_no_more_memory(tmp_path: Path) -> None:
    """A line kept costs some hundred bytes. Each file fills many chunks, so that both have seen the largest one."""

    def peak(lines: int) -> int:
        folder = tmp_path / str(lines)
        folder.mkdir()
        with (folder / "orders.csv").open("w") as file:
            file.write("order_id,customer_id,ordered_at,sku,quantity,unit_price\n")
            file.writelines(f"{n // 5},{n // 9},2026-01-05 10:00,SKU-{n % 997},1,9.99\n" for n in range(lines))
        result = started(folder, "import", "orders", "orders.csv", "--json", code=PEAK, AFTERCART_SECRET_KEY="k" * 40)
        assert json.loads(result.stdout)["added"] == lines, result.stderr
        return int(result.stderr)

    fewer, more = 30_000, 90_000
    assert peak(more) - peak(fewer) < 100 * (more - fewer)


def test_a_topic_that_no_mail_is_about_is_refused_with_those_that_there_are(
    tmp_path: Path, typed: Typed, stored: Stored, written: Written
) -> None:
    Shop(tmp_path).write(campaign(topic="news"), campaign("other", topic="offers"))
    file = written("left.csv", "email,topic\nada@example.com,news\nben@example.com,newz\nchika@example.com,\n")
    result = typed("import", "suppressions", file)
    assert result.exit_code == 1
    assert 'left.csv:3: topic: "newz" is none of news, offers' in result.stderr
    assert {(row["email"], row["scope"]) for row in stored(suppressions)} == {
        ("ada@example.com", "topic"),
        ("chika@example.com", "brand"),
    }


def test_a_list_without_topics_needs_no_campaigns(typed: Typed, written: Written) -> None:
    assert typed("import", "suppressions", written("left.csv", "email,topic\nada@example.com,\n")).exit_code == 0
