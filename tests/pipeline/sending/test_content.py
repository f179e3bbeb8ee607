"""What a mail says, and the headers that it bears."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import decisions, links, picks, products, sends
from aftercart.delivery.base import Message
from aftercart.testing import engine, run_until
from aftercart.tracking.links import TRAP
from tests.cast import (
    ADA,
    BIKE,
    DAY,
    MONDAY,
    Shop,
    campaign,
    click,
    customer,
    only_send,
    order,
    outbox,
    rows,
    stock_up,
    tell,
)
from tests.rendering.mjml import in_column

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
STEP = "recommend: {slots: 2, at_least: 1, fallback: [best_sellers]}, template: plain"


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    shop = Shop(tmp_path / "shop")
    shop.write(campaign().replace("template: plain", STEP), brand="reply_to: service@example.com\n")
    with engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        stock_up(app)
        for number, sku in enumerate(("LAMP", "LOCK", "PUMP", "BELL")):
            order(app, f"past{number}", {"email": "past@example.com"}, [{**BIKE, "sku": sku}])
        yield app


def mailed(app: App, address: str = "ada@example.com") -> Message:
    run_until(app, DUE)
    (mail,) = outbox(app).mails_to(address)
    return mail


def test_the_headers_are_those_that_mailbox_providers_ask_for(app: App) -> None:
    """T26, T28"""
    order(app, "1", ADA)
    mail = mailed(app)
    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "<mailto:service@example.com?" in mail.headers["List-Unsubscribe"]
    assert mail.headers["List-Id"].endswith("<accessories.example.com>")
    assert mail.headers["Feedback-ID"] == "complements:accessories:example.com"
    assert mail.headers["Reply-To"] == "service@example.com"
    assert mail.sender == "Example Bikes <hello@example.com>"


def test_everybody_reads_their_own_name_and_their_own_links(app: App) -> None:
    """T37: nothing of one mail is left over in the next."""
    for number in range(8):
        order(app, str(number), customer(number))
    run_until(app, DUE)
    for number in range(8):
        (mail,) = outbox(app).mails_to(f"customer{number}@example.com")
        named = {f"C{other}" for other in range(8) if f"Hi C{other}," in mail.html}
        assert named == {f"C{number}"}
    tokens = [mail.headers["List-Unsubscribe"] for mail in outbox(app).messages]
    assert len(set(tokens)) == 8


def test_what_was_offered_lately_or_is_owned_is_not_offered(app: App) -> None:
    order(app, "1", ADA, [BIKE, {**BIKE, "sku": "LAMP"}])
    run_until(app, DUE)
    first = {row["sku"] for row in rows(app, picks)}
    order(app, "2", ADA)
    run_until(app, DUE + 4 * DAY)
    ids = {row["id"] for row in rows(app, sends) if row["order_id"] == max(r["order_id"] for r in rows(app, sends))}
    second = {row["sku"] for row in rows(app, picks) if row["send_id"] in ids}
    assert first
    assert second
    assert not first & second
    assert not {"BIKE", "LAMP"} & (first | second)


def test_a_tracked_link_leads_where_it_was_meant_to(app: App) -> None:
    """T39"""
    order(app, "1", ADA)
    mail = mailed(app)
    expected = "https://www.example.com?utm_source=aftercart&utm_medium=email&utm_campaign=accessories"
    assert click(app, mail) == expected
    assert [row["url"] for row in rows(app, links) if row["position"] != TRAP] == [expected]


CARDS = """<mjml><mj-body><mj-section><mj-column>{% for pick in picks %}<mj-text>{{ pick.sku }} {{ pick.price|money }}
{% if pick.compare_at %}before {{ pick.compare_at|money }}{% endif %}
{% if pick.rating %}rated {{ pick.rating.value|number }} by {{ pick.rating.count }}{% endif %}</mj-text>{% endfor %}
<mj-text><a href="{{ links.unsubscribe }}">leave</a></mj-text></mj-column></mj-section></mj-body></mjml>"""


def test_a_card_strikes_through_what_the_shop_told_if_it_is_above_the_price(app: App, tmp_path: Path) -> None:
    Shop(tmp_path / "shop").template("plain", CARDS)
    told = {"price": "20", "currency": "EUR", "compare_at_price": "20", "rating": 0, "rating_count": 0}
    for sku in ("LOCK", "PUMP", "BELL"):
        tell(app, "product.updated", {"sku": sku, "title": sku.title(), **told})
    lamp = {"sku": "LAMP", "title": "Lamp", **told, "compare_at_price": "25", "rating": 4.5, "rating_count": 7}
    tell(app, "product.updated", lamp)
    order(app, "1", ADA)
    lamp_line, other = sorted((line for line in mailed(app).text.splitlines() if "€" in line), key=len, reverse=True)
    assert lamp_line == "LAMP €20.00 before €25.00 rated 4.5 by 7"
    assert other[5:] == "€20.00"


def test_a_card_shows_the_price_that_its_buyer_pays_where_the_shop_told_one_in_their_currency(
    app: App, tmp_path: Path
) -> None:
    Shop(tmp_path / "shop").template("plain", CARDS)
    for sku in ("LOCK", "PUMP", "BELL", "LAMP"):
        tell(app, "product.updated", {"sku": sku, "title": sku.title(), "price": "20", "currency": "EUR"})
    abroad = [{"currency": "CHF", "price": "19.90", "compare_at_price": "24"}, {"currency": "JPY", "price": 3200}]
    lamp = {"sku": "LAMP", "title": "Lamp", "price": "20", "compare_at_price": "30", "currency": "EUR"}
    tell(app, "product.updated", {**lamp, "prices": abroad})
    order(app, "1", ADA, currency="CHF")
    lines = mailed(app).text.splitlines()
    assert "LAMPCHF19.90beforeCHF24.00" in ["".join(line.split()) for line in lines]
    assert [line for line in lines if line.endswith("€20.00")]


def test_what_a_product_costs_the_shop_is_in_no_mail_and_in_nothing_that_is_kept_of_it(app: App) -> None:
    """tests/rendering/context_1.txt holds all that a template has: no cost is among it."""
    told = {"price": "999", "currency": "EUR", "cost": "123.45"}
    for sku in ("LAMP", "LOCK", "PUMP", "BELL", "BIKE"):
        tell(app, "product.updated", {"sku": sku, "title": sku.title(), **told})
    order(app, "1", ADA)
    mail = mailed(app)
    kept = [repr(rows(app, table)) for table in (sends, picks, decisions)]
    assert "12345" in repr(rows(app, products))
    assert not [text for text in (*kept, mail.html, mail.text) if "123.45" in text or "12345" in text]


def test_a_mail_that_holds_the_address_of_another_recipient_stays_here(app: App) -> None:
    """Wherever it comes from: here a shop knows one person by the address of another."""
    order(app, "1", customer(1, first_name="customer2@example.com"))
    order(app, "2", customer(2))
    run_until(app, DUE)
    assert [mail.recipient for mail in outbox(app).messages] == ["customer2@example.com"]
    (held,) = [row for row in rows(app, sends) if row["state"] == "scheduled"]
    assert held["reason"] == "template_error"


def test_an_address_that_nobody_should_follow_is_counted_and_its_product_named_once_for_all_mails(
    app: App, tmp_path: Path
) -> None:
    picture = '<mj-image src="{{ picks[0].image_url }}" /><mj-text>{{ brand.postal_address }}</mj-text>'
    Shop(tmp_path / "shop").template("plain", in_column(picture))
    for sku in ("LAMP", "LOCK", "PUMP", "BELL"):
        tell(app, "product.updated", {"sku": sku, "title": sku, "image_url": "ftp://files.example.com/1.png"})
    order(app, "1", ADA)
    order(app, "2", customer(2))
    with capture_logs() as logs:
        run_until(app, DUE)
    assert [mail.html.count("#unsafe-url") for mail in outbox(app).messages] == [1, 1]
    told = [line for line in logs if line["event"] == "unsafe_urls"]
    assert [(line["log_level"], line["step"], line["urls"]) for line in told] == [("warning", "complements", 2)]
    assert told[0]["sku"] in ("LAMP", "LOCK", "PUMP", "BELL")


def test_a_send_keeps_the_versions_it_was_made_with(app: App) -> None:
    order(app, "1", ADA)
    mailed(app)
    sent = next(row for row in rows(app, sends) if row["state"] == "sent")
    assert sent["subject"] == "About order 1"
    assert sent["model_version"] == "fallback"
    assert sent["config_version"] == app.campaigns.by_name["accessories"].version
    assert len(sent["template_version"]) == 12


def test_a_customer_without_a_locale_is_written_to_in_the_brands(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop").write(campaign(), brand="locale: de_DE\n")
    body = (shop.folder / "templates" / "plain" / "body.mjml").read_text()
    shop.template("plain", body.replace("Shop</a>", "Shop</a> {{ order.lines[0].price|money }}"))
    with engine(tmp_path, SteppedClock(MONDAY), **shop.files) as app:
        order(app, "1", {**ADA, "locale": ""})
        assert "900,00\xa0€" in mailed(app).text
        assert only_send(app)["state"] == "sent"
