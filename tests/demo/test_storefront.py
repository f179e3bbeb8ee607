"""The demo's mails lead to pages that exist: a shop front, and a page for each product."""

import asyncio
from dataclasses import replace
from urllib.parse import quote

import httpx
import pytest
from starlette.applications import Starlette

from aftercart.demo import bike_shop
from aftercart.demo.shop import DemoShop, Product
from aftercart.demo.storefront import Storefront

HOST = "http://127.0.0.1:8000"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def shop() -> DemoShop:
    return bike_shop.generate(people=5).moved_to(f"{HOST}/shop")


def _get(shop: DemoShop, url: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=Storefront(shop).routes))
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
            return await client.get(url)

    return asyncio.run(ask())


def test_every_product_has_a_page_where_its_url_leads(shop: DemoShop) -> None:
    for product in shop.products:
        page = _get(shop, product.url)
        assert page.status_code == 200
        assert f"<h1>{product.title}</h1>" in page.text
        assert f"/pictures/{product.picture}" in page.text
    bike = shop.products[0]
    assert "€1,190.00" in _get(shop, bike.url).text
    assert "This is where your shop's page would be." in _get(shop, bike.url).text


def test_the_front_shows_every_model_once(shop: DemoShop) -> None:
    page = _get(shop, f"{HOST}/shop").text
    assert page.count('<span class="name">') == len({product.family for product in shop.products})
    assert page.index("<h2>Accessories") < page.index("<h2>Bikes") < page.index("<h2>Clothing")


def test_whoever_came_by_a_mail_is_told_so(shop: DemoShop) -> None:
    bike = shop.products[0]
    assert "signed link" not in _get(shop, bike.url).text
    page = _get(shop, f"{bike.url}?utm_source=aftercart&utm_medium=email&utm_campaign=bikes").text
    assert "signed link" in page
    assert "<code>bikes</code>" in page


def test_products_of_other_peoples_files_are_shown_as_they_are(shop: DemoShop) -> None:
    """No picture, no department, an article number with a slash and a title that is no markup."""
    url = f"{HOST}/shop/products/{quote('A/1 b', safe='')}"
    odd = Product("A/1 b", HOSTILE, "", "", "", "", "", "", "", 850, "GBP", url)
    other = replace(shop, name="Gifts", synthetic=False, products=(odd,))
    for url in (f"{HOST}/shop", other.products[0].url, f"{other.products[0].url}?utm_source=x&utm_campaign={HOSTILE}"):
        page = _get(other, url)
        assert page.status_code == 200
        assert "&lt;script&gt;" in page.text
        assert HOSTILE not in page.text
        assert "synthetic" not in page.text


def test_a_large_shop_shows_a_part_of_each_shelf(shop: DemoShop) -> None:
    many = tuple(replace(shop.products[0], sku=str(n), family=str(n), url=f"{HOST}/shop/{n}") for n in range(1_200))
    page = _get(replace(shop, products=many), f"{HOST}/shop").text
    assert "40 of 1,200" in page
    assert page.count('<span class="name">') == 40


def test_its_pages_load_nothing_from_elsewhere_and_run_nothing(shop: DemoShop) -> None:
    for url in (f"{HOST}/shop", shop.products[0].url):
        page = _get(shop, url)
        assert "//" not in page.text.replace("<!doctype html>", "")
        assert "<script" not in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
    style = _get(shop, f"{HOST}/shop/shop.css")
    assert style.headers["content-type"].startswith("text/css")
    assert "url(" not in style.text


def test_what_the_shop_does_not_sell_is_not_found(shop: DemoShop) -> None:
    assert _get(shop, f"{HOST}/shop/products/nothing").status_code == 404
