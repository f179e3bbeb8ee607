"""The browser of the tests is as narrow as it is told to be, and finds what is wrong with a page."""

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from aftercart.web.server import serving
from tests.browser.chromium import DESKTOP, PHONE, Page, Scheme, Screen

pytestmark = pytest.mark.browser

HEAD = '<!doctype html><meta name="viewport" content="width=device-width, initial-scale=1">'
GOOD = f"{HEAD}<p>Words"
PAGES = {
    "good": GOOD,
    "wide": f'{HEAD}<p style="width: 400px">Words',
    "faint": f'{HEAD}<p style="color: #aaa">Words',
    "dark": f'{HEAD}<meta name="color-scheme" content="light dark"><p style="color: #333">Words',
    "empty": f'{HEAD}<p style="visibility: hidden">Words',
    "throws": f"{GOOD}<script>throw new Error('broken')</script>",
    "complains": f"{GOOD}<script>console.error('broken')</script>",
    "lacks": f'{GOOD}<img src="/nothing.png">',
}


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    routes = [Route(f"/{name}", lambda _, html=html: HTMLResponse(html)) for name, html in PAGES.items()]
    with serving(Starlette(routes=routes)) as url:
        yield url


@pytest.mark.parametrize("screen", [PHONE, DESKTOP])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_as_wide_and_as_dark_as_it_is_told(page: Page, site: str, screen: Screen, scheme: Scheme) -> None:
    page.open(f"{site}/good", screen, scheme)
    assert page.run("[innerWidth, innerHeight]") == list(screen)
    assert page.run(f"matchMedia('(prefers-color-scheme: {scheme})').matches")
    assert page.faults() == []


@pytest.mark.parametrize(
    ("name", "screen", "scheme", "fault"),
    [
        ("wide", PHONE, "light", "pixels wide on a screen of 375"),
        ("faint", DESKTOP, "light", "“Words” has a contrast of 2.32"),
        ("dark", DESKTOP, "dark", "“Words” has a contrast of"),
        ("empty", DESKTOP, "light", "shows no words"),
        ("throws", DESKTOP, "light", "broken"),
        ("complains", DESKTOP, "light", "broken"),
        ("lacks", DESKTOP, "light", "404"),
    ],
)
def test_what_is_wrong_with_a_page_is_found(
    page: Page, site: str, name: str, screen: Screen, scheme: Scheme, fault: str
) -> None:
    page.open(f"{site}/{name}", screen, scheme)
    assert fault in " ".join(page.faults())
    page.open(f"{site}/good", DESKTOP, scheme)
    assert page.faults() == [], "and it is forgotten with the page"
