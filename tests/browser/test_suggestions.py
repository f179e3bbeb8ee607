"""The script that a shop pastes in, on a page of another origin, under a strict Content-Security-Policy."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from time import monotonic, sleep

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from aftercart.clock import SteppedClock
from aftercart.testing import engine
from aftercart.web.app import create_web
from aftercart.web.server import serving
from tests.browser.axe import violations
from tests.browser.chromium import DESKTOP, PHONE, Page, Screen
from tests.cast import BIKE, MONDAY, Shop, order, tell

pytestmark = pytest.mark.browser

KEY = "key-of-the-pages-of-a-shop"
HOSTILE = '<img src=x onerror=alert(1)> & "quotes" \''
PAGE = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Road bike</title>
<main><h1>Road bike</h1>
<div data-aftercart="goes_with" data-product="BIKE" data-title="Goes well with it"></div>
<div id="nothing" data-aftercart="bought_together" data-product="unheard-of" data-title="Bought with it"></div>
</main><script defer src="{api}/api/recommendations.js" data-key="{key}"></script></html>"""
DOT = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00"
    b"\x01\x00\x00\x02\x02D\x01\x00;"
)


@dataclass
class Storefront:
    """A shop's own site. `api`: where its recommendations come from."""

    api: str = ""
    key: str = KEY
    url: str = ""
    pages: Starlette = field(init=False)

    def __post_init__(self) -> None:
        self.pages = Starlette(routes=[Route("/", self.page), Route("/dot.gif", self.dot)])

    def page(self, _: Request) -> Response:
        policy = f"default-src 'none'; script-src {self.api}; connect-src {self.api}; img-src 'self'"
        return HTMLResponse(PAGE.format(api=self.api, key=self.key), headers={"Content-Security-Policy": policy})

    def dot(self, _: Request) -> Response:
        return Response(DOT, media_type="image/gif")


@pytest.fixture
def storefront() -> Iterator[Storefront]:
    front = Storefront()
    with serving(front.pages) as front.url:
        yield front


def shown(page: Page, front: Storefront, screen: Screen = DESKTOP) -> None:
    """Open the page and wait until the script has done its work."""
    page.open(front.url, screen)
    deadline = monotonic() + 60
    while page.run("document.querySelector('.aftercart') === null"):  # an element itself comes over as {}
        assert monotonic() < deadline, page.words()
        sleep(0.05)


@pytest.mark.parametrize("screen", [PHONE, DESKTOP])
def test_a_page_of_the_shop_shows_what_goes_with_its_product(
    page: Page, storefront: Storefront, tmp_path: Path, screen: Screen
) -> None:
    with ExitStack() as stack:
        settings = {"api_keys": KEY, "api_origins": storefront.url, **Shop(tmp_path / "shop").write().files}
        app = stack.enter_context(engine(tmp_path, SteppedClock(MONDAY), **settings))
        for sku, title in (("BIKE", "Bike"), ("LAMP", HOSTILE), ("LOCK", "Lock")):
            about = {"sku": sku, "title": title, "category": sku, "price": "20", "currency": "EUR"}
            pages = {"url": f"https://www.example.com/{sku}", "image_url": f"{storefront.url}/dot.gif"}
            tell(app, "product.updated", {**about, **pages})
        order(app, "past", {"email": "past@example.com"}, [{**BIKE, "sku": sku} for sku in ("BIKE", "LAMP", "LOCK")])
        storefront.api = stack.enter_context(serving(create_web(app)))
        shown(page, storefront, screen)
        assert page.faults() == []
        assert violations(page) == []
        assert HOSTILE in page.words()
        assert "Goes well with it" in page.words()
        assert "€20.00" in page.words()
        links = page.run("[...document.querySelectorAll('.aftercart a')].map(a => a.href)")
        assert sorted(links) == ["https://www.example.com/LAMP", "https://www.example.com/LOCK"]
        assert page.run("document.querySelector('#nothing').innerHTML") == "", "what has nothing to show shows nothing"


def test_whatever_is_answered_the_page_stays_the_shops(page: Page, storefront: Storefront) -> None:
    """An answer by somebody else: no address but of the web becomes a link, nothing becomes markup."""
    script = files("aftercart.web.suggestions").joinpath("script.js").read_bytes()
    price = {"minor": 1, "currency": "EUR", "text": HOSTILE}
    products = [
        {"title": "Bad", "url": "javascript:alert(1)", "image_url": None, "price": price},
        {"title": HOSTILE, "url": 'https://www.example.com/"><b>', "image_url": "data:text/html,x", "price": price},
    ]

    def js(_: Request) -> Response:
        return Response(script, media_type="text/javascript")

    def answer(_: Request) -> Response:
        return JSONResponse({"products": products}, headers={"Access-Control-Allow-Origin": "*"})

    with serving(
        Starlette(routes=[Route("/api/recommendations.js", js), Route("/api/recommendations", answer)])
    ) as api:
        storefront.api = api
        shown(page, storefront)
        assert page.faults() == []
        assert page.run("[...document.querySelectorAll('a')].map(a => a.protocol)") == ["https:"] * 2
        assert page.run("document.querySelectorAll('img, b').length") == 0
        assert page.run("document.querySelector('.aftercart-title').textContent") == HOSTILE


def test_a_key_that_is_wrong_leaves_the_page_as_it_was(page: Page, storefront: Storefront, tmp_path: Path) -> None:
    settings = {"api_keys": KEY, "api_origins": storefront.url, **Shop(tmp_path / "shop").write().files}
    with engine(tmp_path, SteppedClock(MONDAY), **settings) as app, serving(create_web(app)) as storefront.api:
        storefront.key = "another-key-0123456789"
        page.open(storefront.url)
        sleep(0.5)
        assert page.words().strip() == "Road bike"
        assert all("401" in fault for fault in page.faults()), json.dumps(page.faults())
