"""Bodies that shops really sent, in a folder beside the repository: `PAYLOADS=DIR make test`.

The folder holds `shopify/` and `woocommerce/`. A file's name begins with what it is: `orders_paid_basic.json` comes by
Shopify's topic `orders/paid`, `order_processing.json` is an order of WooCommerce.
"""

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import events, order_lines, orders, recipients
from aftercart.intake.signing import sign_shopify, sign_woocommerce
from aftercart.testing import SHOP_SECRET, engine, post
from tests.cast import rows

FOLDER = Path(os.environ["PAYLOADS"])
SHOPS = ("shopify", "woocommerce")


def files_of(shop: str) -> list[Path]:
    return sorted((FOLDER / shop).glob("*.json"))


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with engine(tmp_path, SteppedClock(datetime(2030, 1, 1, tzinfo=UTC))) as opened:
        yield opened


def headers(shop: str, file: Path, body: bytes) -> dict[str, str]:
    words = file.stem.split("_")
    if shop == "shopify":
        return sign_shopify(SHOP_SECRET, "velo.myshopify.com", file.stem, "/".join(words[:2]), body)
    return sign_woocommerce(SHOP_SECRET, "https://velo.example/", file.stem, f"{words[0]}.updated", body)


@pytest.mark.parametrize("shop", SHOPS)
def test_there_are_some(shop: str) -> None:
    assert files_of(shop), f"no *.json in {FOLDER / shop}"


@pytest.mark.parametrize(
    ("shop", "file"), [(shop, file) for shop in SHOPS for file in files_of(shop)], ids=lambda part: Path(part).stem
)
def test_it_is_understood_down_to_its_lines(app: App, shop: str, file: Path) -> None:
    body = file.read_bytes()
    post(app, shop, headers(shop, file, body), body)
    assert [(event["state"], event["error"]) for event in rows(app, events)] == [("processed", None)]
    if file.stem.startswith("order"):
        _is_the_order(app, json.loads(body))


def _is_the_order(app: App, sent: Mapping[str, object]) -> None:
    (order,) = rows(app, orders)
    assert (order["shop_order_id"], order["currency"]) == (str(sent["id"]), sent["currency"])
    lines = sent["line_items"]
    assert isinstance(lines, list)
    assert sum(line["quantity"] for line in rows(app, order_lines)) == sum(float(line["quantity"]) for line in lines)
    assert all(line["sku"] and line["title"] for line in rows(app, order_lines))
    billing = sent.get("billing")
    email = billing["email"] if isinstance(billing, dict) else sent["email"]
    assert [row["email"] for row in rows(app, recipients)] == [str(email).lower()]
