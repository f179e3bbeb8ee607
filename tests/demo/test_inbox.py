"""The inbox in the browser: shows what was received, and lets none of it act."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from aftercart.clock import SteppedClock
from aftercart.demo.inbox import Inbox, Records, opening_links_in_a_new_tab
from aftercart.demo.mailbox import Mailbox
from aftercart.demo.smtp_server import Envelope
from aftercart.demo.unmailed import Unmailed

SEND = UUID("0190c0de-0000-7000-8000-000000000001")
HOSTILE = '"><script>alert(1)</script>'
PICK = {
    "sku": "AC-1",
    "title": "Helmet, Red",
    "because_title": "Road Bike",
    "source": "chosen by the model",
    "score": 2.5,
    "image_url": "/pictures/helmet-red.png",
    "lines": ["Bought together in 212 past orders."],
}
DECISION = {
    "at": datetime(2026, 5, 28, 8, tzinfo=UTC),
    "stage": "send",
    "outcome": "waits",
    "sentence": "It is too early or too late in the day where the person lives.",
    "lines": ["Where they live it was 07:14."],
}


class Browser:
    """Asks the routes as a browser would, without a socket."""

    def __init__(self, inbox: Inbox, mounted_at: str = "") -> None:
        routes = [Mount(mounted_at, routes=inbox.routes)] if mounted_at else inbox.routes
        self._site = Starlette(routes=routes, exception_handlers={404: inbox.not_found})

    def get(self, path: str, params: dict[str, str] | None = None, **headers: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._site)
            async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
                return await client.get(path, params=params, headers=headers)

        return asyncio.run(ask())


def _why_products(send_id: UUID) -> Sequence[Mapping[str, Any]]:
    return [PICK] if send_id == SEND else []


def _why_mail(send_id: UUID) -> Sequence[Mapping[str, Any]]:
    return [DECISION] if send_id == SEND else []


def _why_order(number: int) -> Sequence[Mapping[str, Any]]:
    return [{**DECISION, "sentence": f"What was decided about order {number}."}]


NOON = datetime(2026, 5, 28, 12, tzinfo=UTC)
UNMAILED = (
    Unmailed(9, "1009", "chika@example.com", NOON, "waiting", "Due on 31 May 2026, 01:00 UTC.", waits=True),
    Unmailed(8, "1008", "ben@example.com", NOON, "no_consent", "The person has not agreed to marketing mail."),
    Unmailed(7, HOSTILE, "", NOON, "no_email", "The order has no e-mail address."),
)
RECORDS = Records(_why_products, _why_mail, _why_order, lambda: UNMAILED)


def _mail(to: str, subject: str, send_id: UUID | None = None, html: str = "<p>Hello</p>") -> Envelope:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Shop <hello@shop.example>", to, subject
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    if send_id:
        message["Message-ID"] = f"<{send_id}@shop.example>"
    message.set_content(f"Plain words for {to}")
    message.add_alternative(html, subtype="html")
    return Envelope("bounce@shop.example", (to,), message.as_bytes().replace(b"\n", b"\r\n"))


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    clock = SteppedClock(datetime(2026, 5, 28, 9, tzinfo=UTC))
    mailbox = Mailbox(clock=clock)
    yield mailbox
    mailbox.close()


@pytest.fixture
def browser(mailbox: Mailbox) -> Browser:
    return Browser(Inbox(mailbox, RECORDS, shop="Aftercart Bikes", synthetic=True))


def test_an_empty_inbox_says_what_it_waits_for(browser: Browser) -> None:
    page = browser.get("/").text
    assert "No mail yet" in page
    assert "The shop and its people are synthetic." in page


def test_the_list_shows_the_newest_first_and_pages_through_thousands(browser: Browser, mailbox: Mailbox) -> None:
    for number in range(120):
        mailbox.deposit(_mail(f"person{number}@example.com", f"Mail {number}"))
    first, last = browser.get("/").text, browser.get("/?page=3").text
    assert first.index("Mail 119") < first.index("Mail 118")
    assert "1 of 3" in first
    assert "Mail 19<" in last
    assert "Mail 20<" not in last
    assert "3 of 3" in browser.get("/?page=999").text, "a page too far is the last one"
    assert browser.get("/?page=x").status_code == 200
    assert "3 of 3" in browser.get("/mail/7").text, "without a page, the one where the open mail stands"
    assert "1 of 3" in browser.get("/mail/7?page=1").text


def test_search_finds_by_address_and_subject_and_stays_while_reading(browser: Browser, mailbox: Mailbox) -> None:
    mailbox.deposit(_mail("ada@example.com", "Helmets"))
    mailbox.deposit(_mail("ben@example.com", "Tubes"))
    page = browser.get("/", params={"q": "ADA"}).text
    assert "Helmets" in page
    assert "Tubes" not in page
    assert "/mail/1?q=ADA" in page
    assert "Tubes" not in browser.get("/mail/1?q=ADA").text
    assert "Nothing here matches" in browser.get("/?q=nobody").text


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/mail/1", "/mail/1/body.html"),
        ("/mail/1/text", "Plain words for ada@example.com"),
        ("/mail/1/headers", "One click is enough (RFC 8058)"),
        ("/mail/1/products", "Bought together in 212 past orders"),
        ("/mail/1/decisions", "It is too early or too late"),
    ],
)
def test_every_view_of_a_mail_has_its_page(browser: Browser, mailbox: Mailbox, path: str, words: str) -> None:
    mailbox.deposit(_mail("ada@example.com", "Helmets", SEND))
    answer = browser.get(path)
    assert answer.status_code == 200
    assert words in answer.text
    assert answer.text.count('aria-current="page"') == 2, "its line in the list, and its tab"
    assert "/orders" in answer.text, "the way to those that got no mail"


@pytest.mark.parametrize("tab", ["products", "decisions"])
def test_a_mail_that_no_send_made_has_nothing_to_explain(browser: Browser, mailbox: Mailbox, tab: str) -> None:
    mailbox.deposit(_mail("ada@example.com", "Hand-made"))
    assert "Nothing is recorded" in browser.get(f"/mail/1/{tab}").text


def test_orders_that_got_no_mail_are_listed_with_the_reason(browser: Browser) -> None:
    page = browser.get("/orders").text
    assert "ben@example.com" in page
    assert "<b>No consent</b> · order 1008" in page
    assert "<b>Waiting</b> · order 1009" in page
    assert "The person has not agreed to marketing mail." in page
    assert 'href="/order/8"' in page
    assert ">Got no mail <span>3</span>" in browser.get("/").text


def test_an_order_without_a_mail_is_explained_like_a_mail(browser: Browser) -> None:
    page = browser.get("/order/8").text
    assert "Order 1008 got no mail" in page
    assert "What was decided about order 8." in page
    assert page.count('aria-current="page"') == 2, "its line in the list, and its tab"
    assert "Order 1009 waits for its mail" in browser.get("/order/9").text


def test_orders_are_found_by_number_address_and_reason(browser: Browser) -> None:
    for words in ("1008", "BEN@", "no consent", "agreed"):
        page = browser.get("/orders", params={"q": words}).text
        assert "order 1008" in page
        assert "order 1009" not in page
    assert "/order/8?q=ben" in browser.get("/orders?q=ben").text
    assert "Nothing here matches" in browser.get("/orders?q=nobody").text


@pytest.mark.parametrize(
    "path",
    [
        "/mail/1",
        "/mail/0/text",
        "/mail/1/body.html",
        "/mail/1/raw.eml",
        "/order/99",
        "/pictures/x.png",
        "/no/such/page",
    ],
)
def test_what_does_not_exist_is_not_found_and_says_so_on_a_page(browser: Browser, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "<b>Not found.</b>" in answer.text
    assert 'href="/orders"' in answer.text
    assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_a_program_that_asks_for_json_gets_json(browser: Browser) -> None:
    assert browser.get("/mail/99999", accept="application/json").json() == {"detail": "There is no mail 99999."}


def test_an_unknown_view_is_not_found(browser: Browser, mailbox: Mailbox) -> None:
    mailbox.deposit(_mail("ada@example.com", "One"))
    assert browser.get("/mail/1/secrets").status_code == 404


def test_the_mail_is_shown_as_sent_in_a_sandbox_that_runs_nothing(browser: Browser, mailbox: Mailbox) -> None:
    html = "<html><head><title>x</title></head><body>Zoë <script>alert(1)</script></body></html>"
    mailbox.deposit(_mail("ada@example.com", "Helmets", html=html))
    answer = browser.get("/mail/1/body.html")
    assert '<head><base target="_blank"><title>' in answer.text
    assert "Zoë" in answer.text
    policy = answer.headers["content-security-policy"]
    assert "sandbox allow-popups" in policy
    assert "allow-scripts" not in policy
    assert "script-src" not in policy
    assert policy.startswith("default-src 'none'")
    assert 'sandbox="allow-popups' in browser.get("/mail/1").text


def test_nothing_in_a_mail_becomes_markup_of_the_page(browser: Browser, mailbox: Mailbox) -> None:
    mailbox.deposit(_mail("ada@example.com", f"Hello {HOSTILE}", SEND))
    for path in (
        "/",
        "/mail/1",
        "/mail/1/text",
        "/mail/1/headers",
        f"/?q={HOSTILE}",
        "/orders",
        "/order/7",
        f"/{HOSTILE}",
    ):
        page = browser.get(path)
        assert "<script>alert" not in page.text
        assert "script-src 'self'" in page.headers["content-security-policy"]


def test_pages_load_nothing_from_elsewhere(browser: Browser, mailbox: Mailbox) -> None:
    mailbox.deposit(_mail("ada@example.com", "Helmets", SEND))
    for path in ("/", "/mail/1", "/mail/1/products", "/orders", "/order/8", "/inbox.css", "/inbox.js"):
        answer = browser.get(path)
        assert answer.status_code == 200
        assert "http://" not in answer.text
        assert "https://" not in answer.text


def test_the_raw_mail_can_be_saved(browser: Browser, mailbox: Mailbox) -> None:
    envelope = _mail("ada@example.com", "Helmets")
    mailbox.deposit(envelope)
    answer = browser.get("/mail/1/raw.eml")
    assert answer.content == envelope.content
    assert answer.headers["content-disposition"] == 'attachment; filename="mail-1.eml"'


def test_pictures_are_served_and_nothing_beside_them(browser: Browser) -> None:
    assert browser.get("/pictures/helmet-red.png").content.startswith(b"\x89PNG")
    assert browser.get("/pictures/__init__.py").status_code == 404
    assert browser.get("/pictures/..%2finbox.py").status_code == 404


def test_the_page_learns_of_new_mails(browser: Browser, mailbox: Mailbox) -> None:
    mailbox.deposit(_mail("ada@example.com", "Helmets"))
    assert browser.get("/mails/count").json() == {"count": 1}


def test_mounted_below_a_path_its_links_stay_below_it(mailbox: Mailbox) -> None:
    mailbox.deposit(_mail("ada@example.com", "Helmets", SEND))
    browser = Browser(Inbox(mailbox, RECORDS, shop="S", synthetic=False), mounted_at="/mails")
    page = browser.get("/mails/mail/1").text
    assert 'href="/mails/inbox.css"' in page
    assert 'src="/mails/mail/1/body.html"' in page
    assert browser.get("/mails/inbox.css").status_code == 200


def test_pictures_of_another_origin_are_allowed_when_it_is_named(mailbox: Mailbox) -> None:
    mailbox.deposit(_mail("ada@example.com", "Helmets"))
    origin = "http://127.0.0.1:8000"
    inbox = Inbox(mailbox, RECORDS, shop="S", synthetic=False, image_origins=(origin,))
    answer = Browser(inbox).get("/mail/1/body.html")
    assert f"img-src 'self' data: {origin};" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ('<html><HEAD lang="x"><b>', '<html><HEAD lang="x"><base target="_blank"><b>'),
        ("<p>bare</p>", '<base target="_blank"><p>bare</p>'),
        ("<header>", '<base target="_blank"><header>'),
    ],
)
def test_links_of_a_mail_open_in_a_new_tab(html: str, shown: str) -> None:
    assert opening_links_in_a_new_tab(html) == shown


def test_times_are_told_in_utc(browser: Browser, mailbox: Mailbox) -> None:
    mailbox.deposit(_mail("ada@example.com", "Helmets", SEND))
    assert "28 May 2026, 09:00 UTC" in browser.get("/mail/1").text
    assert timedelta(0) == mailbox.entry(1).received_at.utcoffset()
