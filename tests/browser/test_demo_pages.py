"""The demo's inbox and shop in a real browser, Chromium, with JavaScript on."""

from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from uuid import uuid4

import pytest
from starlette.applications import Starlette

from aftercart.demo import bike_shop
from aftercart.demo.inbox import Inbox, Records
from aftercart.demo.mailbox import Mailbox
from aftercart.demo.smtp_server import Envelope
from aftercart.demo.storefront import Storefront
from aftercart.demo.unmailed import Unmailed
from aftercart.web.server import serving
from tests.browser.chromium import seen

pytestmark = pytest.mark.browser

NOON = datetime(2026, 5, 28, 12, tzinfo=UTC)
UNMAILED = Unmailed(8, "1008", "ben@example.com", NOON, "no_consent", "The person has not agreed to marketing mail.")
STEP = {"at": NOON, "stage": "gate", "outcome": "no_consent", "sentence": UNMAILED.sentence, "inputs": {}}


@pytest.fixture
def site() -> Iterator[str]:
    """The pages of a demo with one mail and one order that got none."""
    mailbox = Mailbox()
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "hello@shop.example", "ada@example.com", "Made for your bike"
    message["Message-ID"] = f"<{uuid4()}@shop.example>"
    message.set_content("Plain words")
    message.add_alternative("<html><head></head><body><p>Words with <b>weight</b></p></body></html>", subtype="html")
    mailbox.deposit(Envelope("hello@shop.example", ("ada@example.com",), message.as_bytes()))
    records = Records(lambda _: [], lambda _: [STEP], lambda _: [STEP], lambda: [UNMAILED])
    inbox = Inbox(mailbox, records, shop="Bikes", synthetic=True)
    shop = Storefront(bike_shop.generate(people=5).moved_to("http://127.0.0.1/shop"))
    with serving(Starlette(routes=[*inbox.routes, *shop.routes], exception_handlers={404: inbox.not_found})) as url:
        yield url
    mailbox.close()


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/", "Made for your bike"),
        ("/mail/1", 'src="/mail/1/body.html"'),
        ("/mail/1/body.html", "<b>weight</b>"),
        ("/mail/1/decisions", "has not agreed"),
        ("/orders", "<b>No consent</b> · order 1008"),
        ("/order/8", "Order 1008 got no mail"),
        ("/mail/99999", "There is no mail 99999."),
        ("/shop", "This is where your shop would be."),
        ("/shop/products/bk-swift3-red-54", "€1,190.00"),
    ],
)
def test_every_page_of_the_demo_is_shown(
    chromium: str, tmp_path: Path, site: str, width: int, path: str, words: str
) -> None:
    page = seen(chromium, tmp_path, f"{site}{path}", width)
    assert words in page
    assert "<html" in page
