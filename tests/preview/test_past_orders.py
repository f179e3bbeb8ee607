"""Real orders in the preview: what was bought is shown, to nobody but whoever sits there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from aftercart.bootstrap import App
from aftercart.campaigns.schema import Campaign
from aftercart.clock import SteppedClock
from aftercart.pipeline import rights
from aftercart.pipeline.sending.past_orders import PastOrders, masked
from aftercart.preview.server import Preview
from aftercart.preview.shelf import Shelf, Wanted
from aftercart.preview.shop import ShopNow
from aftercart.preview.uses import uses
from aftercart.recommendation.recommender import Recommender
from aftercart.testing import engine
from tests.cast import ADA, BIKE, MONDAY, Shop, campaign, customer, order, stock_up
from tests.preview.test_server import HERE, Browser
from tests.rendering.conftest import SHIPPED

STEP = """recommend: {slots: 2, fallback: [best_sellers]}, experiment: {name: question, variants: [
  {id: asked, subject: "What goes with {{ order.lines[0].title }}?"},
  {id: narrow, recommend: {slots: 2, only: {brand: [None]}}}]}"""
"""One variant finds nothing in any order."""


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    shop = Shop(tmp_path / "shop")
    shop.write(campaign())
    with engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        stock_up(app)
        order(app, "1", customer(1, locale="de-DE"), [{**BIKE, "sku": "LAMP", "title": "Lampe <rot>"}])
        order(app, "2", ADA)
        yield app


@pytest.fixture
def sent() -> list[Wanted]:
    return []


@pytest.fixture
def browser(app: App, tmp_path: Path, sent: list[Wanted]) -> Browser:
    text = campaign().replace("template: plain", f"template: accessories, {STEP}")
    read = [Campaign.model_validate(YAML(typ="safe").load(text))]
    orders = PastOrders(app.settings.database, Recommender(tmp_path / "models"))
    shelf = Shelf(
        SHIPPED, tmp_path / "cache", lambda: ShopNow(app.brand.for_templates(), uses=tuple(uses(read))), orders
    )

    def send(wanted: Wanted) -> str:
        sent.append(wanted)
        return "Sent"

    return Browser(Preview(shelf, lambda _: "", send).app)


def test_the_newest_orders_can_be_chosen_and_no_address_is_shown(browser: Browser) -> None:
    page = browser.get("/thanks").text
    assert page.index("2, 2026-03-02, a…@example.com") < page.index("1, 2026-03-02, c…@example.com")
    assert "ada@" not in page
    assert "customer1@" not in page


def test_the_orders_of_somebody_who_was_erased_are_not_shown(app: App, browser: Browser) -> None:
    rights.erase(app, "ada@example.com")
    page = browser.get("/thanks").text
    assert "1, 2026-03-02, c…@example.com" in page
    assert "2, 2026-03-02" not in page
    assert "this order is gone" in browser.get("/thanks?sample=order-2").text


def test_a_real_order_is_shown_as_its_buyer_would_get_it(browser: Browser) -> None:
    page = browser.get("/thanks").text
    (german,) = [part.partition('"')[0] for part in page.split('value="')[1:] if ">1, 2026" in part]
    mail = browser.get(f"/thanks/mail.html?sample={german}").text
    assert "Lampe &lt;rot&gt;" in mail
    assert "Hallo C1," in mail
    assert "Road-550" not in mail
    offered = browser.get(f"/accessories?sample={german}").text
    assert "Bike" in offered
    assert "https://www.example.com/BIKE" in offered


def test_a_variant_of_an_experiment_can_be_chosen(browser: Browser) -> None:
    page = browser.get("/accessories?sample=order-1").text
    assert "<option>accessories/complements/asked</option>" in page
    assert "What goes with" not in page
    variant = browser.get("/accessories?sample=order-1&use=accessories/complements/asked").text
    assert "What goes with Lampe &lt;rot&gt;?" in variant
    assert "example.com/BIKE" in variant
    narrow = browser.get("/accessories?sample=order-1&use=accessories/complements/narrow").text
    assert "example.com/BIKE" not in narrow
    assert "the step finds no product for this order and asks for 1: no mail" in narrow
    assert "accessories%2Fcomplements" not in variant.partition('href="/thanks?')[2].partition('"')[0]


def test_a_buyer_whose_language_the_template_has_not_gets_that_of_the_brand(app: App, tmp_path: Path) -> None:
    order(app, "3", customer(3, locale="ja-JP"))
    orders = PastOrders(app.settings.database, Recommender(tmp_path / "models"))
    shelf = Shelf(SHIPPED, tmp_path / "cache", lambda: ShopNow(app.brand.for_templates(), "es_ES"), orders)
    assert "Gracias" in shelf.rendered(Wanted("thanks", order=3)).html


def test_what_a_customer_bought_is_sent_to_nobody(browser: Browser, sent: list[Wanted]) -> None:
    assert browser.post("/thanks/test?sample=order-1", headers={"origin": HERE}).status_code == 409
    assert "disabled" in browser.get("/thanks?sample=order-1").text
    assert sent == []


def test_an_order_that_is_not_there_is_said(browser: Browser) -> None:
    assert "this order is gone" in browser.get("/thanks?sample=order-4711").text
    assert browser.get("/thanks?sample=order-x").status_code == 404


def test_without_a_database_there_are_samples_and_none_is_made(tmp_path: Path) -> None:
    orders = PastOrders(f"sqlite:///{tmp_path}/none.db", Recommender(tmp_path / "models"))
    shelf = Shelf(SHIPPED, tmp_path / "cache", ShopNow, orders)
    assert "Real orders" not in Browser(Preview(shelf, lambda _: "").app).get("/thanks").text
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "old.db").write_bytes(b"")
    assert PastOrders(f"sqlite:///{tmp_path}/old.db", Recommender(tmp_path / "models")).recent() == []


def test_an_address_keeps_its_first_letter_and_its_domain() -> None:
    assert masked("ada@example.com") == "a…@example.com"
