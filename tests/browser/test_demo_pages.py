"""The demo's inbox and shop in a real browser, with JavaScript on: one that really played, and one with long words."""

import contextlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from uuid import uuid4

import httpx
import pytest
from starlette.applications import Starlette

from aftercart.demo import bike_shop
from aftercart.demo.inbox import Inbox, Records
from aftercart.demo.mailbox import Mailbox
from aftercart.demo.run import Wanted, played
from aftercart.demo.smtp_server import Envelope
from aftercart.demo.storefront import Storefront
from aftercart.demo.unmailed import Unmailed
from aftercart.web.server import serving
from tests.browser.chromium import DESKTOP, PHONE, Page, Scheme, Screen

pytestmark = pytest.mark.browser

FEW = 500
"""People who make a shop of some thirty orders a week."""
LOOKS = [(PHONE, "light"), (PHONE, "dark"), (DESKTOP, "light"), (DESKTOP, "dark")]
every_look = pytest.mark.parametrize(("screen", "scheme"), LOOKS, ids=lambda value: str(value).replace(" ", ""))

NOON = datetime(2026, 5, 28, 12, tzinfo=UTC)
LONG = "x" * 120
"""What no line of a phone holds, and no space breaks."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A week that was played; the address where it is served."""
    with contextlib.chdir(tmp_path_factory.mktemp("demo")), played(Wanted(seed=3, people=FEW)) as demo:
        yield demo.base_url


@pytest.fixture(scope="module")
def unmailed(demo: str) -> str:
    """The page of an order that got no mail."""
    found = re.search(r'href="(/order/\d+)"', httpx.get(f"{demo}/orders", timeout=30).text)
    assert found
    return found[1]


@every_look
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/", ""),
        ("/?q=nobody", ""),
        ("/mail/1", ""),
        ("/mail/1/body.html", ""),
        ("/mail/1/text", "/u/"),
        ("/mail/1/headers", "One click is enough (RFC 8058)"),
        ("/mail/1/products", "past order"),
        ("/mail/1/decisions", "Nothing spoke against the mail"),
        ("/orders", ""),
        ("/shop", "This is where your shop would be."),
        ("/shop/products/bk-swift3-red-54", "€1,190.00"),
    ],
)
def test_every_page_of_the_demo_fits_and_can_be_read(
    page: Page, demo: str, screen: Screen, scheme: Scheme, path: str, words: str
) -> None:
    page.open(f"{demo}{path}", screen, scheme)
    assert page.faults() == []
    assert words in page.words()


@every_look
def test_the_page_of_an_order_without_a_mail_fits_and_can_be_read(
    page: Page, demo: str, unmailed: str, screen: Screen, scheme: Scheme
) -> None:
    page.open(f"{demo}{unmailed}", screen, scheme)
    assert page.faults() == []
    assert "got no mail" in page.words()


@every_look
@pytest.mark.parametrize("path", ["/mail/99999", "/order/99999", "/no/such/page", "/c/nonsense", "/u/nonsense"])
def test_the_pages_of_errors_fit_and_can_be_read(
    page: Page, demo: str, screen: Screen, scheme: Scheme, path: str
) -> None:
    page.open(f"{demo}{path}", screen, scheme)
    (status,) = page.faults()
    assert re.fullmatch(rf"log: Failed to load resource: .* 404 .* {demo}{path}", status), "that it is one, and no more"


@pytest.mark.parametrize("screen", [PHONE, DESKTOP])
@pytest.mark.parametrize("path", ["/", "/mail/1", "/mail/1/products", "/mail/1/decisions", "/orders"])
def test_nobody_can_overlook_that_the_shop_is_made_up(page: Page, demo: str, screen: Screen, path: str) -> None:
    page.open(f"{demo}{path}", screen)
    assert "The shop and its people are synthetic." in page.words()


# ---------------------------------------------------------------- long words, long lists


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The pages of a demo with many mails and one order that got none, all of whose words are long."""
    mailbox = Mailbox()
    for number in range(1, 121):
        message = EmailMessage()
        message["From"], message["To"] = f"{LONG[:60]}@shop.example", f"ada{number}@example.com"
        message["Subject"], message["Message-ID"] = f"Mail {number} {LONG}", f"<{uuid4()}@shop.example>"
        message.set_content(LONG)
        message.add_alternative(
            "<html><head></head><body><p>Words with <b>weight</b></p></body></html>", subtype="html"
        )
        mailbox.deposit(Envelope("hello@shop.example", (f"{LONG[:60]}@example.com",), message.as_bytes()))
    unmailed = Unmailed(8, LONG, f"{LONG[:60]}@example.com", NOON, "no_consent", f"{LONG}.")
    step = {"at": NOON, "stage": "gate", "outcome": "no_consent", "sentence": f"{LONG}.", "lines": [LONG]}
    pick = {"sku": LONG, "title": LONG, "because_title": LONG, "source": "lightfm", "score": 1.0, "lines": [LONG]}
    records = Records(lambda _: [pick], lambda _: [step], lambda _: [step], lambda: [unmailed])
    inbox = Inbox(mailbox, records, shop="Bikes", synthetic=True)
    shop = Storefront(bike_shop.generate(people=5).moved_to("http://127.0.0.1/shop"))
    with serving(Starlette(routes=[*inbox.routes, *shop.routes], exception_handlers={404: inbox.not_found})) as url:
        yield url
    mailbox.close()


@pytest.mark.parametrize("screen", [PHONE, DESKTOP])
@pytest.mark.parametrize(
    "path",
    ["/", "/mail/1", "/mail/1/text", "/mail/1/headers", "/mail/1/products", "/mail/1/decisions", "/orders", "/order/8"],
)
def test_long_words_do_not_widen_a_page(page: Page, site: str, screen: Screen, path: str) -> None:
    page.open(f"{site}{path}", screen)
    assert page.faults() == []


@pytest.mark.parametrize("number", [120, 100, 82, 71])
def test_the_open_mail_is_in_sight_in_the_list(page: Page, site: str, number: int) -> None:
    page.open(f"{site}/mail/{number}", DESKTOP)
    assert page.run("""(() => {
        const line = document.querySelector(".entries [aria-current]"), box = line.getBoundingClientRect();
        return document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2)?.closest("a") === line;
    })()""")


def test_the_list_stays_where_it_was_while_what_is_open_is_in_sight(page: Page, site: str) -> None:
    page.open(f"{site}/mail/110", DESKTOP)
    page.run("document.querySelector('.list').scrollTop = 300")
    page.open(f"{site}/mail/109", DESKTOP)
    assert page.run("document.querySelector('.list').scrollTop") == 300
