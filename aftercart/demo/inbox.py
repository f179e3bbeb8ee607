"""A browser inbox of the mails that were really received: each as its recipient sees it, and why it is as it is.

    /                  the mails             /mail/7              one of them
    /mail/7/text       its text part         /mail/7/headers      its headers
    /mail/7/products   why these products    /mail/7/decisions    why this mail
    /orders            the orders that got no mail               /order/7      why this one did not

Works without JavaScript and asks nobody else for anything. A mail is shown in a sandboxed frame under a policy of its
own: it may show its pictures and open links in a new tab, and nothing more.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from aftercart.demo import pictures
from aftercart.demo.mailbox import Entry, Mailbox
from aftercart.demo.shares import share
from aftercart.demo.telling import described_decisions, described_picks
from aftercart.demo.unmailed import Unmailed

PAGES = Path(__file__).parent / "pages"
PAGE_SIZE = 50
HUES = 8
NO_SUBJECT = "(no subject)"
TABS = {
    "mail": "Mail",
    "text": "Text",
    "headers": "Headers",
    "products": "Why these products",
    "decisions": "Why this mail",
}
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' {origins}; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
MAIL_POLICY = (
    "default-src 'none'; img-src 'self' data: {origins}; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
HEADER_NOTES = {
    "message-id": "Holds the id of the send, and is the same on every attempt",
    "list-unsubscribe": "Where a mail program unsubscribes its user",
    "list-unsubscribe-post": "One click is enough (RFC 8058)",
    "list-id": "Lets people filter these mails (RFC 2919)",
    "feedback-id": "Lets mailbox providers report complaints by campaign",
}


@dataclass(frozen=True)
class Records:
    """What the engine has on record, in plain values; asked anew for every page.

    `why_products` (of a send): sku, title, because_title, source, score, lines, and where known image_url, url, price.
    `why_mail` (of a send) and `why_order` (of an order, by our number): at, stage, campaign, outcome, sentence, lines.
    """

    why_products: Callable[[UUID], Sequence[Mapping[str, Any]]]
    why_mail: Callable[[UUID], Sequence[Mapping[str, Any]]]
    why_order: Callable[[int], Sequence[Mapping[str, Any]]]
    unmailed: Callable[[], Sequence[Unmailed]]


class Inbox:
    """The pages. The handlers run in the server's threads, so that a slow look into the database blocks nobody."""

    def __init__(
        self, mailbox: Mailbox, records: Records, *, shop: str, synthetic: bool, image_origins: Sequence[str] = ()
    ) -> None:
        """`image_origins`: further origins (`http://127.0.0.1:8000`) from which mails may load pictures."""
        self._mailbox, self._records = mailbox, records
        self._templates = _templates(shop, synthetic)
        self._image_origins = " ".join(image_origins)

    @property
    def routes(self) -> list[BaseRoute]:
        """For an app of its own or in front of another's, which also wants `not_found`."""
        return [
            Route("/", self._mails),
            Route("/mails/count", self._count),
            Route("/mail/{number:int}", self._mail),
            Route("/mail/{number:int}/body.html", self._body),
            Route("/mail/{number:int}/raw.eml", self._raw),
            Route("/mail/{number:int}/{tab}", self._mail),
            Route("/orders", self._orders),
            Route("/order/{number:int}", self._order),
            Route("/pictures/{name}", picture),
            Route("/inbox.css", _page_file),
            Route("/inbox.js", _page_file),
        ]

    def not_found(self, request: Request, error: Exception) -> Response:
        """Handles 404: a page for whoever looks, a line for programs."""
        said = str(getattr(error, "detail", "")) or "Not Found"
        if request.method not in ("GET", "HEAD") or request.headers.get("accept") == "application/json":
            return JSONResponse({"detail": said}, 404)
        said = said if said != "Not Found" else f"Nothing is at {request.url.path}."
        return self._page(request, "missing.html", {"reading": True, "title": "Not found", "said": said}, status=404)

    # ------------------------------------------------------------ mails

    def _mails(self, request: Request) -> Response:
        return self._page(request, "list.html", {"reading": False, "title": ""})

    def _count(self, request: Request) -> Response:  # noqa: ARG002
        return JSONResponse({"count": len(self._mailbox)}, headers={"cache-control": "no-store"})

    def _mail(self, request: Request) -> Response:
        entry, tab = self._entry(request), request.path_params.get("tab", "mail")
        if tab not in TABS:
            raise HTTPException(404, "A mail has no such view.")
        about = {"reading": True, "title": entry.subject or NO_SUBJECT, "selected": entry.number, "mail": entry}
        return self._page(request, f"{tab}.html", {**about, "tab": tab, **self._content(tab, entry)})

    def _body(self, request: Request) -> Response:
        entry = self._entry(request)
        html = opening_links_in_a_new_tab(_part(self._mailbox.message(entry.number), "html"))
        policy = MAIL_POLICY.format(origins=self._image_origins)
        return HTMLResponse(html, headers={"content-security-policy": policy, **CAREFUL})

    def _raw(self, request: Request) -> Response:
        entry = self._entry(request)
        headers = {"content-disposition": f'attachment; filename="mail-{entry.number}.eml"', **CAREFUL}
        return Response(self._mailbox.raw(entry.number), media_type="message/rfc822", headers=headers)

    def _entry(self, request: Request) -> Entry:
        try:
            return self._mailbox.entry(request.path_params["number"])
        except KeyError as err:
            raise HTTPException(404, f"There is no mail {request.path_params['number']}.") from err

    def _content(self, tab: str, entry: Entry) -> dict[str, Any]:
        match tab:
            case "text":
                return {"text": _part(self._mailbox.message(entry.number), "plain")}
            case "headers":
                headers = [
                    (n, str(v), HEADER_NOTES.get(n.lower(), "")) for n, v in self._mailbox.message(entry.number).items()
                ]
                return {"headers": headers}
            case "products":
                return {"picks": described_picks(self._records.why_products(entry.send_id)) if entry.send_id else []}
            case "decisions":
                return {
                    "decisions": described_decisions(self._records.why_mail(entry.send_id)) if entry.send_id else []
                }
            case _:
                return {}

    # ------------------------------------------------------------ orders without a mail

    def _orders(self, request: Request) -> Response:
        found = self._records.unmailed()
        reasons = Counter((order.reason, "" if order.waits else order.sentence) for order in found).most_common()
        about = {"reading": False, "title": "Orders that got no mail", "reasons": reasons}
        return self._page(request, "orders.html", about, orders=found)

    def _order(self, request: Request) -> Response:
        found = self._records.unmailed()
        order = next((order for order in found if order.number == request.path_params["number"]), None)
        if order is None:
            raise HTTPException(404, "There is no such order among those that got no mail.")
        decisions = described_decisions(self._records.why_order(order.number))
        about = {"reading": True, "title": f"Order {order.order_id}", "selected": order.number, "order": order}
        return self._page(request, "order.html", {**about, "decisions": decisions}, orders=found)

    # ------------------------------------------------------------ all of them

    def _page(
        self,
        request: Request,
        template: str,
        context: Mapping[str, Any],
        *,
        orders: Sequence[Unmailed] | None = None,
        status: int = 200,
    ) -> Response:
        """`orders`: list these in place of the mails."""
        words = request.query_params.get("q", "")[:200]
        found = self._mailbox.entries(words) if orders is None else orders_with(words, orders)
        shown = {
            "root": request.scope.get("root_path", "").rstrip("/"),
            "list": "mails" if orders is None else "orders",
            "mails_total": len(self._mailbox),
            "orders_total": len(self._records.unmailed() if orders is None else orders),
            **_listing(words, request.query_params.get("page"), found, context.get("selected")),
        }
        html = self._templates.get_template(template).render({"selected": None, **shown, **context})
        policy = PAGE_POLICY.format(origins=self._image_origins)
        return HTMLResponse(html, status, headers={"content-security-policy": policy, **CAREFUL})


def picture(request: Request) -> Response:
    """One of our product pictures."""
    name = request.path_params["name"]
    if name not in {file.name for file in pictures.FOLDER.glob("*.png")}:
        raise HTTPException(404)
    return FileResponse(pictures.FOLDER / name, headers={"cache-control": "public, max-age=86400"})


def _page_file(request: Request) -> Response:
    return FileResponse(PAGES / request.url.path.rpartition("/")[2], headers={"cache-control": "no-cache"})


def _templates(shop: str, synthetic: bool) -> Environment:
    files = FileSystemLoader(PAGES)
    environment = Environment(
        loader=files, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(shop=shop, synthetic=synthetic, tabs=TABS, hue=_hue, moment=_moment)
    return environment


class Listed(Protocol):
    """A line of a list."""

    @property
    def number(self) -> int: ...


def orders_with(words: str, orders: Sequence[Unmailed]) -> Sequence[Unmailed]:
    """The orders whose number, address or reason hold all the words."""
    wanted = words.casefold().split()

    def fits(order: Unmailed) -> bool:
        haystack = f"{order.order_id} {order.recipient} {order.reason.replace('_', ' ')} {order.sentence}".casefold()
        return all(word in haystack for word in wanted)

    return [order for order in orders if fits(order)]


def _listing(words: str, wanted_page: str | None, found: Sequence[Listed], selected: int | None) -> dict[str, Any]:
    """The page of the list that was asked for, else the one that holds what is selected, and the queries that lead
    back to it and to its neighbors."""
    pages = max(1, -(-len(found) // PAGE_SIZE))
    place = next((n for n, entry in enumerate(found) if entry.number == selected), 0)
    page = min(max(1, _number(wanted_page) if wanted_page else place // PAGE_SIZE + 1), pages)
    return {
        "words": words,
        "found": len(found),
        "page": page,
        "pages": pages,
        "entries": found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE],
        "here": _query(words, page),
        "newer": _query(words, page - 1),
        "older": _query(words, page + 1),
    }


CAREFUL = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-store"}


def opening_links_in_a_new_tab(html: str) -> str:
    """The document with a `<base target>`: the frame itself may not be navigated away."""
    base = '<base target="_blank">'
    with_base, found = re.subn(r"(?i)<head(\s[^>]*)?>", lambda head: head[0] + base, html, count=1)
    return with_base if found else base + html


def _part(message: EmailMessage, kind: str) -> str:
    """The mail's HTML or plain text; empty if it has none."""
    part = message.get_body((kind,))
    return str(part.get_content()) if part else ""


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 1


def _query(words: str, page: int) -> str:
    """`?q=..&page=..`, as short as it can be."""
    wanted = {name: value for name, value in (("q", words), ("page", page if page > 1 else "")) if value}
    return f"?{urlencode(wanted)}" if wanted else ""


def _hue(address: str) -> int:
    """A color of the palette for an address, always the same."""
    return int(share("hue", address) * HUES)


def _moment(instant: datetime | str, form: str = "%-d %b %Y, %H:%M UTC") -> str:
    """An instant for the eye; what is no instant stays as it is."""
    return instant.astimezone(UTC).strftime(form) if isinstance(instant, datetime) else instant
