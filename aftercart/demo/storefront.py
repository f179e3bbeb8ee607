"""The shop that the demo's mails lead to: a front page and a page for each product, where your own shop would be.

    /shop    the front    /shop/products/...    a product

Plain pages without scripts; nothing on them is loaded from anywhere else.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from aftercart.demo.shop import DemoShop, Product
from aftercart.money import formatted

PATH = "/shop"
PAGES = Path(__file__).parent / "pages"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {"content-security-policy": POLICY, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
MOST_OF_A_SHELF = 40
"""Models of a department on the front page."""


class Storefront:
    """The pages of one shop, which must have moved to where they are served."""

    def __init__(self, shop: DemoShop) -> None:
        self._shop = shop
        self._by_path = {unquote(urlsplit(product.url).path): product for product in shop.products}
        self._templates = Environment(
            loader=FileSystemLoader(PAGES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(shop=shop.name, synthetic=shop.synthetic, front=PATH, price=_price, page=_page)

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            Route(PATH, self._front),
            Route(f"{PATH}/shop.css", _style),
            Route(f"{PATH}/{{page:path}}", self._product),
        ]

    def _front(self, request: Request) -> Response:  # noqa: ARG002
        return self._shown("shop.html", {"shelves": shelves(self._shop.products)})

    def _product(self, request: Request) -> Response:
        product = self._by_path.get(request.url.path) or self._by_path.get(unquote(request.url.path))
        if product is None:
            raise HTTPException(404, f"{self._shop.name} sells nothing at this address.")
        variants = [other for other in self._shop.products if other.family and other.family == product.family]
        came_by = request.query_params.get("utm_campaign") if request.query_params.get("utm_source") else None
        return self._shown("product.html", {"product": product, "variants": variants, "came_by": came_by})

    def _shown(self, template: str, context: Mapping[str, Any]) -> Response:
        return HTMLResponse(self._templates.get_template(template).render(context), headers=HEADERS)


def shelves(products: Iterable[Product]) -> list[tuple[str, Sequence[Product], int]]:
    """Each department with one product of each of its models, as far as a front page goes, and how many it has."""
    models = {(p.department, p.family or p.sku): p for p in sorted(products, key=lambda p: p.sku, reverse=True)}
    ordered = sorted(models.values(), key=lambda p: (p.department, p.category, p.title))
    by_department = ((name, list(found)) for name, found in groupby(ordered, key=lambda p: p.department))
    return [(name, found[:MOST_OF_A_SHELF], len(found)) for name, found in by_department]


def _style(request: Request) -> Response:  # noqa: ARG001
    return FileResponse(PAGES / "shop.css", headers={"cache-control": "no-cache"})


def _page(product: Product) -> str:
    """The address of a product's page without its host: the same host serves it."""
    return urlsplit(product.url).path


def _price(product: Product) -> str:
    return formatted(product.price_minor, product.currency, "en_US")
