"""What the keys of the brand file say of the shop itself. Told by `test_every_key_acts.py`."""

from typing import Any

from aftercart.db.tables import products
from tests.acceptance.key_shop import World
from tests.acceptance.yaml_keys import brand_key
from tests.cast import ADA, rows, tell_shopify
from tests.intake.payloads import shopify_product

FROM_NOWHERE = {**ADA, "time_zone": None, "country": None}

# ---------------------------------------------------------------- the shop


@brand_key("name", "Velo Unique", sees=["Velo Unique"])
@brand_key("postal_address", "7 Only Street, 75001 Paris", sees=["7 Only Street, 75001 Paris"])
@brand_key("color", "#123456", sees=["#123456"])
@brand_key("font", "Georgia, serif", sees=["Georgia, serif"])
@brand_key("logo_url", "https://bikes.test/logo.png", sees=["https://bikes.test/logo.png"])
@brand_key("locale", "de_DE", sees=["2. März 2026"])
def a_mail_shows_the_shop(shop: World) -> Any:
    shop.order("1", {**ADA, "locale": None})
    html = shop.live(4).mail.html
    shown = (
        "Velo Unique",
        "7 Only Street, 75001 Paris",
        "#123456",
        "https://bikes.test/logo.png",
        "2. März 2026",
        "Georgia, serif",
    )
    return [text for text in shown if text in html]


@brand_key("opens", True, sees=True)
def a_mail_holds_a_picture_that_tells_when_it_is_opened(shop: World) -> Any:
    shop.order()
    return "/o/" in shop.live(4).mail.html


@brand_key("reply_to", "service@bikes.test", sees="service@bikes.test")
def answers_go_where_the_shop_reads_them(shop: World) -> Any:
    shop.order()
    return shop.live(4).mail.headers.get("Reply-To")


@brand_key("url", "https://mine.test", sees=["https://mine.test/a"], brand={"link_hosts": ["partner.test"]})
@brand_key("link_hosts", ["partner.test"], sees=["https://bikes.test/a"])
def links_that_are_not_counted_lead_straight_on(shop: World) -> Any:
    shop.order()
    urls = ("https://partner.test/b", "https://bikes.test/a", "https://mine.test/a")
    return [url for url in urls if f'"{url}"' in shop.live(4).mail.html]


@brand_key("time_zone", "Asia/Tokyo", sees="Thu 03:00", campaign={"steps[].at": "11:00"})
def who_comes_from_nowhere_lives_where_the_shop_is(shop: World) -> Any:
    shop.order("1", FROM_NOWHERE)
    return shop.due


@brand_key("currency", "CHF", sees={"CHF"})
def product_news_without_a_currency_is_in_the_shops_own(shop: World) -> Any:
    tell_shopify(shop.app, "products/update", shopify_product())
    return {row["currency"] for row in rows(shop.app, products)}


@brand_key("paused", True, sees=["paused"])
def the_kill_switch_holds_everything(shop: World) -> Any:
    shop.order()
    return shop.live(3.02).fates
