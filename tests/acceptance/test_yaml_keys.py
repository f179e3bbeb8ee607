"""What a shop owner writes into the YAML files is what happens: keys that only the whole engine can honor."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import attributions, exposures, orders, picks, products, sends
from aftercart.intake.signing import sign_shopify, sign_woocommerce
from aftercart.testing import SHOP_SECRET, engine, post, run_due, run_until
from tests.cast import (
    ADA,
    BODY,
    BRAND,
    CHIKA,
    DAY,
    HELMET,
    HOUR,
    MONDAY,
    Shop,
    campaign,
    click,
    clock_of,
    customer,
    fates,
    links_in,
    only_send,
    order,
    outbox,
    rows,
    stock_up,
)
from tests.intake.payloads import body, shopify_product, woo_order

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
"""10:00 in Paris, three days after Monday."""
FROM_NOWHERE = {**ADA, "time_zone": None, "country": None}
Open = Callable[..., App]


@pytest.fixture
def open_app(tmp_path: Path) -> Iterator[Open]:
    """An engine with these campaigns, and a brand file with the usual lines but for those given."""
    opened = []

    def with_files(*campaign_files: str, **brand: str) -> App:
        shop = Shop(tmp_path / "shop").write(*campaign_files)
        usual = [line for line in BRAND.splitlines() if line.partition(":")[0] not in brand]
        lines = [*usual, *(f"{key}: {value}" for key, value in brand.items())]
        (shop.folder / "campaigns" / "brand.yaml").write_text("\n".join(lines) + "\n")
        entered = engine(tmp_path, SteppedClock(MONDAY), **shop.files)
        opened.append(entered)
        return entered.__enter__()

    yield with_files
    for entered in opened:
        entered.__exit__(None, None, None)


# ---------------------------------------------------------------- brand.yaml: limits


def test_a_cap_of_the_brand_holds_for_a_campaign_that_has_none(open_app: Open) -> None:
    app = open_app(campaign(caps="[]"), frequency_cap="[1 per 30d]")
    order(app, "1", ADA)
    order(app, "2", ADA, [HELMET])
    run_until(app, MONDAY + 10 * DAY)
    assert sorted(fates(app)) == [("sent", "sent"), ("skipped", "expired")]


def test_the_holdout_of_the_brand_gets_nothing_from_a_campaign_that_has_none(open_app: Open) -> None:
    app = open_app(campaign(holdout="0%"), holdout="50%")
    for number in range(40):
        order(app, str(number), customer(number))
    run_until(app, DUE)
    assert {row["experiment"] for row in rows(app, exposures)} == {"brand"}
    held = {row["recipient_id"] for row in rows(app, exposures) if row["arm"] == "holdout"}
    assert {row["recipient_id"] for row in rows(app, sends) if row["reason"] == "holdout"} == held
    assert 5 < len(held) < 35


def test_quiet_hours_of_the_brand_move_the_plan_of_a_campaign_that_names_none(open_app: Open) -> None:
    app = open_app(campaign(after="9h", at="null", quiet="null"), quiet_hours='"21:00-08:00"')
    order(app, "1", ADA)  # at 15:00, so the mail would be due at midnight
    morning = datetime(2026, 3, 3, 7, tzinfo=UTC)
    assert morning <= only_send(app)["due_at"] < morning + timedelta(minutes=20)


def test_quiet_hours_of_the_brand_hold_a_mail_that_comes_late(open_app: Open) -> None:
    app = open_app(campaign(quiet="null"), quiet_hours='"21:00-08:00"')
    order(app, "1", CHIKA)
    clock_of(app).move_to(datetime(2026, 3, 5, 14, tzinfo=UTC))  # the workers were down until 23:00 in Tokyo
    run_due(app)
    assert fates(app) == [("scheduled", "quiet_hours")]


def test_a_cap_per_topic_counts_campaigns_of_that_topic_and_no_others(open_app: Open) -> None:
    topics = "[{id: tips, name: Tips}, {id: news, name: {en: News, fr: Infos}}]"
    about = {"one": "tips", "two": "tips", "three": "news"}
    files = [campaign(name, topic=topic) for name, topic in about.items()]
    app = open_app(*files, frequency_cap="[1 per 30d per topic]", topics=topics)
    order(app, "1", ADA)
    run_until(app, MONDAY + 10 * DAY)
    assert sorted(fates(app)) == [("sent", "sent"), ("sent", "sent"), ("skipped", "expired")]
    assert {row["topic"] for row in rows(app, sends) if row["state"] == "sent"} == {"tips", "news"}


# ---------------------------------------------------------------- brand.yaml: consent


@pytest.mark.parametrize(("double", "fate"), [("false", ("sent", "sent")), ("true", ("skipped", "no_consent"))])
def test_where_a_yes_has_to_be_confirmed_a_new_one_permits_nothing_yet(
    open_app: Open, double: str, fate: tuple[str, str]
) -> None:
    app = open_app(campaign(quiet="null"), double_opt_in=double)
    order(app, "1", ADA)
    run_until(app, DUE)
    assert fates(app) == [fate]


@pytest.mark.parametrize(("span", "fate"), [("3d", ("skipped", "no_consent")), ("4d", ("sent", "sent"))])
def test_an_implied_yes_ends_so_long_after_the_purchase(open_app: Open, span: str, fate: tuple[str, str]) -> None:
    """CASL s. 10(10)"""
    app = open_app(campaign(after="72h", at="null", quiet="null"), implied_consent_expires=span)
    order(app, "1", {**ADA, "consent": {"basis": "implied"}})
    run_until(app, MONDAY + 3 * DAY + HOUR)
    assert fates(app) == [fate]


def test_an_express_yes_does_not_end_with_the_implied_ones(open_app: Open) -> None:
    app = open_app(campaign(after="72h", at="null", quiet="null"), implied_consent_expires="1d")
    order(app, "1", {**ADA, "consent": {"basis": "express"}})
    run_until(app, MONDAY + 3 * DAY + HOUR)
    assert fates(app) == [("sent", "sent")]


# ---------------------------------------------------------------- brand.yaml: the rest


def test_only_links_to_the_hosts_of_the_brand_are_tracked(open_app: Open, tmp_path: Path) -> None:
    app = open_app(campaign(), link_hosts="[partner.example]")
    links = '<a href="https://shop.partner.example/a">A</a> <a href="https://www.example.com/b">B</a>'
    Shop(tmp_path / "shop").template("plain", BODY.replace("<mj-text>Hi", f"<mj-text>{links} Hi"))
    order(app, "1", ADA)
    run_until(app, DUE)
    (mail,) = outbox(app).messages
    assert len(set(links_in(mail))) == 2, "the one, and the one that no reader sees"
    assert "https://www.example.com/b" in mail.html
    assert "partner.example" not in mail.html


def test_a_person_without_a_zone_is_mailed_by_the_shops_clock(open_app: Open) -> None:
    app = open_app(campaign(at='"10:00"'), time_zone="Asia/Tokyo")
    order(app, "1", FROM_NOWHERE)  # at 23:00 in Tokyo
    assert only_send(app)["due_at"] == datetime(2026, 3, 5, 1, tzinfo=UTC)


def test_product_news_without_currency_and_address_gets_those_of_the_brand(open_app: Open) -> None:
    app = open_app(campaign(), currency="CHF", url="https://velo.example/de")
    content = body(shopify_product())
    post(app, "shopify", sign_shopify(SHOP_SECRET, "velo.myshopify.com", "1", "products/update", content), content)
    assert {row["currency"] for row in rows(app, products)} == {"CHF"}
    assert all(row["url"].startswith("https://velo.example/de/products/trail-helmet") for row in rows(app, products))


def test_local_dates_of_woocommerce_are_of_the_shops_zone(open_app: Open) -> None:
    app = open_app(campaign(), time_zone="Asia/Tokyo")
    local_only = {"date_created_gmt": None, "date_modified_gmt": None, "date_paid_gmt": None}
    content = body(woo_order(date_created="2026-03-02T21:00:00", date_modified="2026-03-02T21:00:09", **local_only))
    post(
        app, "woocommerce", sign_woocommerce(SHOP_SECRET, "https://v.example/", "1", "order.updated", content), content
    )
    (row,) = rows(app, orders)
    assert row["placed_at"] == datetime(2026, 3, 2, 12, tzinfo=UTC)


# ---------------------------------------------------------------- a campaign


@pytest.mark.parametrize(("at_least", "fate"), [(1, ("sent", "sent")), (2, ("skipped", "no_picks"))])
def test_fewer_products_than_asked_for_make_no_mail(open_app: Open, at_least: int, fate: tuple[str, str]) -> None:
    app = open_app(campaign(template=f"plain, recommend: {{slots: 4, at_least: {at_least}}}"))
    stock_up(app, ("BIKE", "LAMP"))
    line: dict[str, Any] = {"title": "x", "quantity": 1, "unit_price": "20"}
    stranger = {"email": "past@example.com", "accepts_marketing": False}
    order(app, "past", stranger, [{**line, "sku": "BIKE"}, {**line, "sku": "LAMP"}])
    order(app, "1", ADA)
    run_until(app, DUE)
    assert fates(app)[-1] == fate
    assert [row["sku"] for row in rows(app, picks)] in (["LAMP"], [])


@pytest.mark.parametrize(("window", "credited"), [("1d", 0), ("3d", 1), ("10d", 2)])
def test_an_order_counts_for_a_mail_within_the_campaigns_own_window(open_app: Open, window: str, credited: int) -> None:
    app = open_app(campaign().replace("window: 5d", f"window: {window}"))
    order(app, "1", ADA)
    run_until(app, DUE + HOUR)  # within seconds only machines open a link
    click(app, outbox(app).messages[0])
    for number, later in enumerate((2 * DAY, 6 * DAY), start=2):
        clock_of(app).move_to(DUE + later)
        order(app, str(number), ADA, [HELMET])
    assert len(rows(app, attributions)) == credited
