"""`aftercart check` holds campaigns against the products, where there is a database with some."""

from collections.abc import Sequence
from contextlib import closing
from itertools import cycle
from pathlib import Path

import pytest

from aftercart.db.session import Database
from aftercart.db.tables import products
from tests.cli.conftest import Typed
from tests.deployment import init_small
from tests.rows import MONDAY

LACKING = "no product has department Bikez — did you mean Bikes?"


@pytest.fixture
def deployment(tmp_path: Path) -> Path:
    """A shop in euros whose campaign asks for a department with a slip in its name."""
    folder = tmp_path / "shop"
    init_small(folder)
    (folder / ".env").unlink()
    file = folder / "campaigns" / "accessories.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("audience: {} ", "audience: {bought: {department: [Bikez]}} "), encoding="utf-8")
    return folder


def sell(url: str, *departments: str, currency: str = "EUR", on: Sequence[str] = ("",)) -> None:
    """A product of each department, their pages in turn those of `on`."""
    columns = ("category", "brand", "family", "color", "description", "image_url", "url")
    usual = {**dict.fromkeys(columns, ""), "published": True, "updated_at": MONDAY, "price_minor": 100}
    rows = [
        {"sku": str(n), "title": str(n), "department": name, "currency": currency, **usual, "url": page}
        for n, (name, page) in enumerate(zip(departments, cycle(on), strict=False))
    ]
    with closing(Database(url)) as database, database.write() as connection:
        connection.execute(products.insert(), rows)


def test_a_department_that_no_product_has_is_a_warning(
    typed: Typed, deployment: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(deployment)
    monkeypatch.setenv("AFTERCART_DATABASE_URL", database_url)
    sell(database_url, "Bikes", "Clothing", currency="USD")
    result = typed("check")
    assert result.exit_code == 0, result.output
    assert f"accessories.yaml:8:21: warning: audience.bought.department: {LACKING}" in result.stdout
    assert "brand.yaml:9:1: warning: currency: no product is priced in EUR; they are in USD" in result.stdout


def test_a_pinned_product_that_is_not_there_is_a_warning(
    typed: Typed, deployment: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pinned in the step or in a variant of it, where nothing else of the files asks for products by their number."""
    monkeypatch.chdir(deployment)
    monkeypatch.setenv("AFTERCART_DATABASE_URL", database_url)
    sell(database_url, "Bikes")
    file = deployment / "campaigns" / "accessories.yaml"
    text, line = file.read_text(encoding="utf-8"), "    recommend:\n"
    variant = "    experiment: {name: pins, variants: [{id: b, recommend: {pinned: [%s]}}]}\n"
    for pinned in (f"{line}      pinned: [%s]\n", f"{variant}{line}"):
        file.write_text(text.replace(line, pinned % "HELMET"), encoding="utf-8")
        result = typed("check")
        assert "pinned: no product has sku HELMET" in result.stdout, result.output
        file.write_text(text.replace(line, pinned % '"0"'), encoding="utf-8")
        assert "pinned" not in typed("check").stdout


def test_products_on_a_host_that_is_not_listed_are_a_warning(
    typed: Typed, deployment: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(deployment)
    monkeypatch.setenv("AFTERCART_DATABASE_URL", database_url)
    sell(database_url, *["Bikes"] * 5, on=("https://cdn.other.example/a", "https://www.example.com/b", "", "odd:x"))
    told = [line for line in typed("check").stdout.splitlines() if "link_hosts" in line]
    message = "clicks on 2 of 5 products cannot be counted: cdn.other.example is not in link_hosts"
    fix = "write link_hosts: [example.com, cdn.other.example]"
    assert told == [f"campaigns/brand.yaml:11:1: warning: link_hosts: {message} — {fix}"]


def test_without_products_nothing_is_said(
    typed: Typed, deployment: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(deployment)
    monkeypatch.setenv("AFTERCART_DATABASE_URL", database_url)
    assert "0 warnings" in typed("check").stdout


@pytest.mark.parametrize("url", ["", "postgresql://a@127.0.0.1:1/b"])
def test_without_a_database_nothing_is_said_and_none_is_made(
    typed: Typed, deployment: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(deployment)
    monkeypatch.setenv("AFTERCART_DATABASE_URL", url)
    before = sorted(deployment.rglob("*"))
    assert "0 warnings" in typed("check").stdout
    assert sorted(deployment.rglob("*")) == before


def test_a_database_of_another_version_is_passed_over(
    typed: Typed, deployment: Path, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(deployment)
    monkeypatch.setenv("AFTERCART_DATABASE_URL", empty_url)
    with closing(Database(empty_url)) as database, database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE products (id INTEGER)")
    assert "0 warnings" in typed("check").stdout


@pytest.mark.parametrize("path", ["shop", "shop/campaigns", "shop/campaigns/accessories.yaml"])
def test_a_deployment_is_held_against_its_own_products(
    typed: Typed, deployment: Path, path: str, newest_sqlite: Path
) -> None:
    """And not against those of the folder in which somebody types."""
    (deployment / "data").mkdir()
    own = deployment / "data" / "aftercart.db"
    own.write_bytes(newest_sqlite.read_bytes())
    here = Path("data") / "aftercart.db"
    here.parent.mkdir()
    here.write_bytes(newest_sqlite.read_bytes())
    sell(f"sqlite:///{here}", "Bikez")
    assert "0 warnings" in typed("check", path).stdout
    sell(f"sqlite:///{own}", "Bikes")
    assert LACKING in typed("check", path).stdout
