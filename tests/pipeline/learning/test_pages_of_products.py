"""A mail's buttons lead somewhere: what has no page is not offered."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import decisions, picks
from aftercart.testing import engine, run_until
from tests.cast import ADA, BIKE, MONDAY, Shop, campaign, fates, order, outbox, rows, stock_up, tell

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
STEP = "recommend: {slots: 2, at_least: 1, fallback: [best_sellers]}, template: plain"
BUTTONS = """\
<mjml><mj-body><mj-section><mj-column>
<mj-text>{% for pick in picks %}<a href="{{ pick.url }}">{{ pick.title }}</a>{% endfor %}</mj-text>
<mj-text><a href="{{ links.unsubscribe }}">Leave</a> {{ brand.postal_address }}</mj-text>
</mj-column></mj-section></mj-body></mjml>
"""


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    """A shop whose three best sellers have no page yet."""
    shop = Shop(tmp_path / "shop").write(campaign().replace("template: plain", STEP)).template("plain", BUTTONS)
    with engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        stock_up(app, ["BIKE"])
        for sku in ("LAMP", "LOCK", "PUMP"):
            facts = {"sku": sku, "title": sku.title(), "price": "20", "currency": "EUR", "category": sku}
            tell(app, "product.updated", facts)
            order(app, f"past {sku}", {"email": "past@example.com"}, [{**BIKE, "sku": sku}])
        yield app


def has_its_page_at(app: App, sku: str, url: str) -> None:
    tell(app, "product.updated", {"sku": sku, "title": sku.title(), "url": url})


def test_a_product_without_a_page_is_not_offered(app: App) -> None:
    has_its_page_at(app, "PUMP", "https://www.example.com/pump")
    has_its_page_at(app, "LOCK", "/products/lock")
    order(app, "1", ADA)
    run_until(app, DUE)
    (mail,) = outbox(app).messages
    assert [row["sku"] for row in rows(app, picks)] == ["PUMP"]
    assert "#unsafe-url" not in mail.html
    (allowed,) = [row for row in rows(app, decisions) if row["reason"] == "allowed"]
    assert allowed["inputs"]["filtered"]["no_url"] == 2


def test_a_mail_that_could_offer_nothing_but_dead_buttons_is_not_sent(app: App) -> None:
    order(app, "1", ADA)
    run_until(app, DUE)
    assert fates(app)[-1] == ("skipped", "no_picks")
    assert outbox(app).messages == []
    (skipped,) = [row for row in rows(app, decisions) if row["reason"] == "no_picks"]
    assert skipped["inputs"]["filtered"] == {"no_url": 3}
