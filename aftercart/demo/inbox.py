"""A browser inbox of the mails that were really received: each as its recipient sees it, and why it is as it is.

    /                     the list         /mail/7              the mail
    /mail/7/text          its text part    /mail/7/headers      its headers
    /mail/7/products      why these products      /mail/7/decisions    why this mail

Works without JavaScript and asks nobody else for anything. A mail is shown in a sandboxed frame under a policy of its
own: it may show its pictures and open links in a new tab, and nothing more.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any
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

PAGES = Path(__file__).parent / "pages"
PAGE_SIZE = 50
HUES = 8
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
Why = Callable[[UUID], Sequence[Mapping[str, Any]]]
"""Explains a send, in plain values. For products: sku, title, because_title, source, score, and where known
orders_together, image_url, url, price. For decisions: at, stage, outcome, sentence, inputs."""


def inbox_routes(
    mailbox: Mailbox,
    why_products: Why,
    why_mail: Why,
    *,
    shop: str,
    synthetic: bool,
    image_origins: Sequence[str] = (),
) -> list[BaseRoute]:
    """The inbox as routes, for an app of its own or in front of another's. `image_origins`: further origins
    (`http://127.0.0.1:8000`) from which mails may load pictures."""
    pages = _Pages(mailbox, why_products, why_mail, _templates(shop, synthetic), " ".join(image_origins))
    return [
        Route("/", pages.list),
        Route("/mails/count", pages.count),
        Route("/mail/{number:int}", pages.mail),
        Route("/mail/{number:int}/body.html", pages.body),
        Route("/mail/{number:int}/raw.eml", pages.raw),
        Route("/mail/{number:int}/{tab}", pages.mail),
        Route("/pictures/{name}", picture),
        Route("/inbox.css", _page_file),
        Route("/inbox.js", _page_file),
    ]


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


@dataclass(frozen=True)
class _Pages:
    """The handlers. They run in the server's threads, so that a slow look into the database blocks nobody."""

    mailbox: Mailbox
    why_products: Why
    why_mail: Why
    templates: Environment
    image_origins: str

    def list(self, request: Request) -> Response:
        return self._page(request, "list.html", {"selected": None})

    def count(self, request: Request) -> Response:  # noqa: ARG002
        return JSONResponse({"count": len(self.mailbox)}, headers={"cache-control": "no-store"})

    def mail(self, request: Request) -> Response:
        entry, tab = self._entry(request), request.path_params.get("tab", "mail")
        if tab not in TABS:
            raise HTTPException(404)
        return self._page(request, f"{tab}.html", {"selected": entry, "tab": tab, **self._content(tab, entry)})

    def body(self, request: Request) -> Response:
        entry = self._entry(request)
        html = opening_links_in_a_new_tab(_part(self.mailbox.message(entry.number), "html"))
        policy = MAIL_POLICY.format(origins=self.image_origins)
        return HTMLResponse(html, headers={"content-security-policy": policy, **_CAREFUL})

    def raw(self, request: Request) -> Response:
        entry = self._entry(request)
        headers = {"content-disposition": f'attachment; filename="mail-{entry.number}.eml"', **_CAREFUL}
        return Response(self.mailbox.raw(entry.number), media_type="message/rfc822", headers=headers)

    def _entry(self, request: Request) -> Entry:
        try:
            return self.mailbox.entry(request.path_params["number"])
        except KeyError as err:
            raise HTTPException(404, "There is no such mail.") from err

    def _content(self, tab: str, entry: Entry) -> dict[str, Any]:
        match tab:
            case "text":
                return {"text": _part(self.mailbox.message(entry.number), "plain")}
            case "headers":
                headers = [
                    (n, str(v), HEADER_NOTES.get(n.lower(), "")) for n, v in self.mailbox.message(entry.number).items()
                ]
                return {"headers": headers}
            case "products":
                return {"picks": described_picks(self.why_products(entry.send_id)) if entry.send_id else []}
            case "decisions":
                return {"decisions": described_decisions(self.why_mail(entry.send_id)) if entry.send_id else []}
            case _:
                return {}

    def _page(self, request: Request, template: str, context: Mapping[str, Any]) -> Response:
        page = self.templates.get_template(template)
        root = request.scope.get("root_path", "").rstrip("/")
        html = page.render(root=root, total=len(self.mailbox), **self._listing(request), **context)
        return HTMLResponse(
            html, headers={"content-security-policy": PAGE_POLICY.format(origins=self.image_origins), **_CAREFUL}
        )

    def _listing(self, request: Request) -> dict[str, Any]:
        """The page of the list that the request asks for, and the query that leads back to it."""
        words = request.query_params.get("q", "")[:200]
        found = self.mailbox.entries(words)
        pages = max(1, -(-len(found) // PAGE_SIZE))
        page = min(max(1, _number(request.query_params.get("page", "1"))), pages)
        shown = found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        listing = {"words": words, "found": len(found), "page": page, "pages": pages, "entries": shown}
        return {
            **listing,
            "here": _query(words, page),
            "newer": _query(words, page - 1),
            "older": _query(words, page + 1),
        }


_CAREFUL = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-store"}


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
