"""`evaluate` as it is typed. What it measures is tested in tests/recommendation/test_contest.py."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer
from typer.testing import CliRunner, Result

from aftercart.cli import evaluate as command
from aftercart.db.session import Database
from aftercart.errors import ModelError
from aftercart.testing import lay_down
from tests.recommendation.bike_shop import bike_shop, drawn_orders, open_busy_shop, sell, stock

app = typer.Typer()
app.command("evaluate")(command.evaluate)
ONLY_TWO = ("--without", "item_knn", "--without", "ease", "--without", "content")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AFTERCART_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("AFTERCART_SECRET_KEY", "k" * 40)
    url = f"sqlite:///{tmp_path / 'aftercart.db'}"
    lay_down(url)
    return Database(url)


def typed(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def test_a_table_a_chart_and_json_say_the_same(shop: Database, tmp_path: Path) -> None:
    catalog = bike_shop()
    stock(shop, catalog)
    sell(shop, [(person, at, [catalog[i].sku for i in items]) for person, at, items in drawn_orders(catalog, 1_300)])
    shop.close()
    chart = tmp_path / "quality.svg"
    result = typed("--cases", "30", "--chart", str(chart), "--json", *ONLY_TWO)
    found = json.loads(result.stdout)
    assert [row["name"] for row in found["outcomes"][0]["rows"]] == [
        "aftercart",
        "mail",
        "as shown",
        "popularity",
        "bought_together",
    ]
    drawn = "".join(ElementTree.fromstring(chart.read_text()).itertext())
    assert all(f"{row['ndcg10']:.3f}" in drawn for outcome in found["outcomes"] for row in outcome["rows"])


def test_a_young_shop_is_told_why_nothing_can_be_asked(shop: Database) -> None:
    open_busy_shop(shop)
    shop.close()
    assert isinstance(typed().exception, ModelError)


def test_an_unknown_peer_is_a_wrong_use() -> None:
    result = typed("--without", "magic")
    assert result.exit_code == 2
    assert "item_knn" in result.stderr
