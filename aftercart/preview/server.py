"""`aftercart preview`: the mails in a browser, on this machine alone, anew whenever a file is saved.

Only whoever sits here may ask: another host's page could make the browser ask by a name of its own that leads here, so
the name is looked at, and a test is sent only for a page of ours.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from aftercart.errors import AftercartError, Place, TemplateError
from aftercart.preview.schemes import SCHEMES, in_scheme
from aftercart.preview.shelf import Shelf, Wanted
from aftercart.rendering.checking.mail_rules import CLIPPED_BYTES
from aftercart.rendering.checking.samples import VARIANTS

PAGES = Path(__file__).parent / "pages"
_HERE = ("127.0.0.1", "localhost", "::1")
_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'"
)
_MAIL_POLICY = "default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'; sandbox allow-popups"
_ORDER = "order-"
"""Before the number of a real order, where else the name of a sample stands."""
_HUES = ("#c9d7e3", "#d8c9b6", "#b9cfc0", "#d3bfcf")
_PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="560" height="560"><rect width="560" height="560" fill="{hue}"/>'
    '<circle cx="280" cy="280" r="130" fill="none" stroke="#fff" stroke-width="26"/></svg>'
)

SendTest = Callable[[Wanted], str]
"""Sends a mail to whoever looks, and says in words what came of it. Raises AftercartError."""


class Preview:
    """The pages."""

    def __init__(self, shelf: Shelf, headers: Callable[[Wanted], str], send_test: SendTest | None = None) -> None:
        """`headers`: those with which a mail would go out. Without `send_test` nothing can be sent."""
        self._shelf, self._headers, self._send_test = shelf, headers, send_test
        self._pages = Environment(loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined)

    @property
    def app(self) -> Starlette:
        """Handlers run in the server's threads: compiling takes its time."""
        return Starlette(
            routes=[
                Route("/", self._first),
                Route("/stamp", self._stamp),
                Route("/picture/{number:int}.svg", self._picture),
                Route("/preview.{kind}", self._file),
                Route("/source/{file:path}", self._source),
                Route("/{name}", self._page),
                Route("/{name}/mail.html", self._mail),
                Route("/{name}/test", self._test, methods=["POST"]),
            ]
        )

    def _first(self, request: Request) -> Response:
        _only_from_here(request)
        if not self._shelf.names:
            return self._nothing("There is no template in this folder.", self._shelf.stamp())
        return RedirectResponse(f"/{self._shelf.names[0]}")

    def _stamp(self, request: Request) -> Response:
        _only_from_here(request)
        return JSONResponse({"stamp": self._shelf.stamp()}, headers={"cache-control": "no-store"})

    def _picture(self, request: Request) -> Response:
        hue = _HUES[request.path_params["number"] % len(_HUES)]
        return Response(_PICTURE.format(hue=hue), media_type="image/svg+xml")

    def _file(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        if kind not in ("css", "js"):
            raise HTTPException(404)
        return FileResponse(PAGES / f"preview.{kind}", headers={"cache-control": "no-store"})

    def _page(self, request: Request, said: str = "") -> Response:
        _only_from_here(request)
        stamp = self._shelf.stamp()  # before anything is read: what is saved meanwhile is another state than this one
        try:
            wanted, scheme = self._wanted(request), _scheme(request)
        except HTTPException as err:
            return self._nothing(err.detail, stamp)
        shown: dict[str, Any] = {"mail": None, "error": "", "size": 0, "headers": ""}
        try:
            mail = self._shelf.rendered(wanted)
            shown |= {"mail": mail, "size": len(mail.html.encode()), "headers": self._headers(wanted)}
        except TemplateError as err:
            shown["error"] = str(err)
        page = self._pages.get_template("preview.html").render(
            **shown,
            wanted=wanted,
            scheme=scheme,
            schemes=SCHEMES,
            query=_query(wanted, scheme),
            orders=self._shelf.orders,
            names=self._shelf.names,
            samples=VARIANTS,
            uses=self._shelf.uses(wanted.template),
            elsewhere=_query(replace(wanted, use=""), scheme),
            locales=self._shelf.locales(wanted.template),
            limit=CLIPPED_BYTES,
            faults=[(one, self._link(one.place)) for one in self._shelf.faults(wanted.template)],
            files=self._shelf.files(wanted.template),
            can_send=self._send_test is not None and wanted.order is None,
            said=said,
            stamp=stamp,
        )
        return HTMLResponse(page, headers={"content-security-policy": _PAGE_POLICY, "cache-control": "no-store"})

    def _nothing(self, said: str, stamp: str) -> Response:
        """What stands in for a page until there is one: editors take a file away for a moment when they save it."""
        page = self._pages.get_template("nothing.html").render(said=said, stamp=stamp)
        return HTMLResponse(page, 404, {"content-security-policy": _PAGE_POLICY, "cache-control": "no-store"})

    def _link(self, place: Place) -> tuple[str, str]:
        below = self._shelf.below(place.file)
        return below, f"/source/{below}#L{place.line or 1}"

    def _mail(self, request: Request) -> Response:
        _only_from_here(request)
        base = f"{request.url.scheme}://{request.url.netloc}/picture"
        try:
            html = in_scheme(self._shelf.rendered(self._wanted(request), base).html, _scheme(request))
        except TemplateError as err:
            raise HTTPException(422, str(err)) from err
        return HTMLResponse(html, headers={"content-security-policy": _MAIL_POLICY, "cache-control": "no-store"})

    def _source(self, request: Request) -> Response:
        _only_from_here(request)
        file = request.path_params["file"]
        try:
            lines = self._shelf.source(file).split("\n")
        except TemplateError as err:
            raise HTTPException(404, str(err)) from err
        page = self._pages.get_template("source.html").render(file=file, lines=lines)
        return HTMLResponse(page, headers={"content-security-policy": _PAGE_POLICY, "cache-control": "no-store"})

    def _test(self, request: Request) -> Response:
        _only_from_here(request)
        if request.headers.get("origin") != f"{request.url.scheme}://{request.url.netloc}":
            raise HTTPException(403, "A test is sent only from the page of the preview.")
        if self._send_test is None:
            raise HTTPException(409, "Start the preview with --to YOUR@ADDRESS to send tests.")
        wanted = self._wanted(request)
        if wanted.order is not None:
            raise HTTPException(409, "What a customer bought is shown here and goes to nobody: send a sample.")
        try:
            said = self._send_test(wanted)
        except AftercartError as err:
            said = str(err)
        return self._page(request, said)

    def _wanted(self, request: Request) -> Wanted:
        name, asked = request.path_params["name"], request.query_params
        sample, locale = asked.get("sample") or VARIANTS[0], asked.get("locale", "")
        order = sample.removeprefix(_ORDER) if sample.startswith(_ORDER) else ""
        if name not in self._shelf.names or not (sample in VARIANTS or order.isdecimal()):
            raise HTTPException(404, f"There is no template {name} with a sample {sample}.")
        use = asked.get("use", "")
        known = use if any(one.key == use for one in self._shelf.uses(name)) else ""  # it may have been edited away
        wanted = Wanted(name, sample, locale, use=known)
        return replace(wanted, sample=VARIANTS[0], order=int(order)) if order else wanted


def _query(wanted: Wanted, scheme: str) -> str:
    sample = wanted.sample if wanted.order is None else f"{_ORDER}{wanted.order}"
    use = {"use": wanted.use} if wanted.use else {}
    return urlencode({"sample": sample, "locale": wanted.locale, "scheme": scheme, **use})


def _scheme(request: Request) -> str:
    asked = request.query_params.get("scheme", "")
    return asked if asked in SCHEMES else SCHEMES[0]


def _only_from_here(request: Request) -> None:
    """Raises HTTPException where the browser was sent here under another name."""
    if urlsplit(f"//{request.headers.get('host', '')}").hostname not in _HERE:
        raise HTTPException(403, "The preview answers on this machine alone.")
