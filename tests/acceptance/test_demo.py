"""`aftercart demo`: a week of a shop, start to end, with real webhooks, mails and clicks."""

import contextlib
import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection, func, select
from typer.testing import CliRunner

from aftercart.cli import app
from aftercart.db.session import Database
from aftercart.db.tables import attributions, clicks, order_lines, orders, picks, products, sends
from aftercart.demo.people import links_in
from aftercart.demo.run import Demo, Wanted, played, run
from aftercart.errors import ConfigError
from tests.demo.bike_store import LAST_BIKE, write_bike_store
from workers.embedded import hold

LEFT = Path("data") / "demo" / "data" / "aftercart.db"
FEW = 500
"""People who make a shop of some thirty orders a week."""


@contextmanager
def looking_into(folder: Path) -> Iterator[Connection]:
    """What the demo's engine wrote, played in this folder."""
    with (
        closing(Database(f"sqlite:///{folder / 'data' / 'demo' / 'data' / 'aftercart.db'}")) as db,
        db.read() as open_db,
    ):
        yield open_db


def what_came_of_it(connection: Connection) -> list[tuple[object, ...]]:
    """Every mail, pick, click and credit, without the ids that are drawn at random."""
    order, of = orders.c.shop_order_id, sends.join(orders, orders.c.id == sends.c.order_id)
    asked = (
        select(order, sends.c.campaign, sends.c.state, sends.c.reason, sends.c.sent_at).select_from(of),
        select(order, picks.c.slot, picks.c.sku, picks.c.because, picks.c.source).select_from(of.join(picks)),
        select(order, clicks.c.position, clicks.c.at, clicks.c.verdict).select_from(of.join(clicks)),
        select(order, attributions.c.amount_minor).join(attributions, attributions.c.order_id == orders.c.id),
    )
    return [tuple(row) for query in asked for row in connection.execute(query.order_by(*query.selected_columns))]


def test_the_same_seed_gives_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results, stories = [], []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        results.append(replace(run(Wanted(seed=3, people=FEW)), seconds={}))
        with looking_into(tmp_path / name) as connection:
            stories.append(what_came_of_it(connection))
    assert results[0] == results[1]
    assert stories[0] == stories[1]
    assert results[0].mails_received
    assert results[0].human_clicks
    assert results[0].adds_up


@pytest.mark.parametrize(("folder", "does"), [("data/demo", "plays a demo"), ("data/demo/data", "runs an engine")])
def test_a_demo_leaves_the_folder_of_another_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, does: str
) -> None:
    monkeypatch.chdir(tmp_path)
    LEFT.parent.mkdir(parents=True)
    LEFT.write_bytes(b"what the other one serves")
    with hold(Path(folder)), pytest.raises(ConfigError) as refused:
        run(Wanted(people=FEW))
    assert f"process {os.getpid()} already {does} in {folder}: stop it first" in str(refused.value)
    assert "another folder" in str(refused.value)
    assert LEFT.read_bytes() == b"what the other one serves"


@pytest.fixture(scope="module")
def bike_week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Demo, Path]]:
    """The last week with bikes of a shop's own files, played and still served; and where."""
    folder = tmp_path_factory.mktemp("bikes")
    data = write_bike_store(folder / "store")
    with contextlib.chdir(folder), played(Wanted(data=data, until=LAST_BIKE)) as demo:
        yield demo, folder


def test_mails_to_buyers_of_bikes_offer_accessories_and_clothing_and_name_what_they_go_with(
    bike_week: tuple[Demo, Path],
) -> None:
    demo, folder = bike_week
    bikes = select(order_lines.c.order_id).join(products, products.c.sku == order_lines.c.sku)
    bike_orders = bikes.where(products.c.department == "Bikes")
    offered = (
        select(picks.c.send_id, picks.c.because, picks.c.source, products.c.department, sends.c.order_id)
        .join(sends, sends.c.id == picks.c.send_id)
        .join(products, products.c.sku == picks.c.sku)
        .where(sends.c.order_id.in_(bike_orders))
    )
    with looking_into(folder) as connection:
        found = connection.execute(offered).all()
        bought = {(row.order_id, row.sku) for row in connection.execute(select(order_lines))}
    assert len({row.send_id for row in found}) > 10, "mails to buyers of bikes"
    assert {row.department for row in found} == {"Accessories", "Clothing"}
    assert all((row.order_id, row.because) in bought for row in found if row.source != "best_sellers")
    assert any(row.source == "lightfm" for row in found)
    assert demo.result.adds_up, demo.result.faults


def test_the_week_ends_on_the_day_that_was_asked_for(bike_week: tuple[Demo, Path]) -> None:
    """What lies after it is not shown to the engine: neither to learn from nor as an order."""
    demo, folder = bike_week
    with looking_into(folder) as connection:
        last = connection.execute(select(func.max(orders.c.placed_at)).where(~orders.c.shop_order_id.like("again-%")))
        replayed = select(func.min(orders.c.placed_at), func.count()).where(~orders.c.imported)
        first, count = connection.execute(replayed).one()
        assert last.scalar_one().date() == LAST_BIKE
    assert first.date() == LAST_BIKE - timedelta(days=6)
    assert count == demo.result.orders_in == 7 * 12 + demo.result.bought_after_click


def test_the_table_shows_what_each_campaign_did(bike_week: tuple[Demo, Path]) -> None:
    campaigns = {line.name: line for line in bike_week[0].result.campaigns}
    assert set(campaigns) == {"accessories", "bikes"}
    assert set(campaigns["bikes"].offered) == {"Accessories", "Clothing"}
    assert 0 < campaigns["bikes"].mails < campaigns["bikes"].enrollments
    assert sum(line.mails for line in campaigns.values()) == bike_week[0].result.mails_received


def test_the_button_of_a_mail_leads_to_a_page_of_its_product(bike_week: tuple[Demo, Path]) -> None:
    demo, folder = bike_week
    with httpx.Client(base_url=demo.base_url, timeout=30) as browser:
        mail = browser.get("/mail/1/body.html").text
        buttons = [url for url in links_in(mail) if "/c/" in url]
        landed = [browser.get(url, follow_redirects=True) for url in buttons]
        assert browser.get("/mail/99999").headers["content-type"].startswith("text/html")
    assert [page.status_code for page in landed] == [200] * len(buttons)
    with looking_into(folder) as connection:
        titles = set(connection.execute(select(products.c.title)).scalars())
    assert sum(any(f"<h1>{title}</h1>" in page.text for title in titles) for page in landed) >= 2
    assert all(page.history[0].status_code == 302 for page in landed)
    assert {str(page.url.copy_with(path="/", query=None, fragment=None)) for page in landed} == {f"{demo.base_url}/"}


def test_an_order_without_a_mail_can_be_looked_at(bike_week: tuple[Demo, Path]) -> None:
    demo, _ = bike_week
    with httpx.Client(base_url=demo.base_url, timeout=30) as browser:
        page = browser.get("/orders").text
        first = re.search(r'href="(/order/\d+)"', page)
        assert first
        assert "got no mail" in browser.get(first[1]).text
    assert f">Got no mail <span>{demo.result.orders_in - demo.result.mails_received}</span>" in page


def test_check_has_nothing_to_say_about_the_deployment_that_is_left(bike_week: tuple[Demo, Path]) -> None:
    with contextlib.chdir(bike_week[1] / "data" / "demo"):
        result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 0, result.output
    assert "0 errors, 0 warnings" in result.stdout
