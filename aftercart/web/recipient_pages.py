"""The few small pages that a recipient of a mail sees. Nothing but the brand's logo is loaded from anywhere else."""

import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_time
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.responses import HTMLResponse

from aftercart.rendering.running.runtime import day
from aftercart.web.languages import RIGHT_TO_LEFT, catalog
from aftercart.web_address import web_address

FALLBACK_COLOR = "#1f5fbf"
RETRY_AFTER_S = 30
_ISOLATE = Markup("\u2068{}\u2069")
"""A name in another script keeps its own direction within this (UAX #9)."""
_HEX_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}


@dataclass(frozen=True, slots=True)
class RecipientPages:
    """Pages in the dress of a brand. `color` is `#rrggbb`; anything else becomes a quiet blue. `locale`: one of
    `languages.locale_of`."""

    brand: str
    color: str
    logo_url: str | None = None
    locale: str = "en"

    @property
    def language(self) -> str:
        """Without the country."""
        return self.locale.partition("_")[0]

    def ask(self, email: str, topic: str = "") -> HTMLResponse:
        """Does this address want to leave? A button that posts to the same address, and with a `topic` a second one."""
        return self._page("unsubscribe.html", email=email, topic=topic)

    def left(self, email: str, topic: str = "") -> HTMLResponse:
        """This address has left, everything or only a topic."""
        return self._page("unsubscribed.html", email=email, topic=topic)

    def preferences(self, form: Mapping[str, Any]) -> HTMLResponse:
        """What somebody can choose, as it stands (see `preference_form.py`)."""
        return self._page("preferences.html", **form)

    def saved(self, lines: Sequence[str], undo: Sequence[tuple[str, str]]) -> HTMLResponse:
        """Exactly what was saved, and a button that posts what stood there before."""
        return self._page("saved.html", lines=lines, undo=undo)

    def refuse(self, title: str, category: str, *, has_it: bool) -> HTMLResponse:
        """Does somebody want no more like this, or have it already? One button, which posts to the same address."""
        return self._page("refuse.html", product=title, category=category, has_it=has_it)

    def refused(self, title: str, category: str, *, has_it: bool) -> HTMLResponse:
        """It is not offered any more; a button takes that back."""
        return self._page("refused.html", product=title, category=category, has_it=has_it)

    def why(self, facts: Mapping[str, Any]) -> HTMLResponse:
        """Why somebody got a mail."""
        return self._page("why.html", **facts)

    def may_we(self) -> HTMLResponse:
        """May we write? One button. Shows no address: the link may have been passed on."""
        return self._page("confirm.html")

    def confirmed(self) -> HTMLResponse:
        """They said yes."""
        return self._page("confirmed.html")

    def no_longer_asked(self) -> HTMLResponse:
        """They left since they were asked, and an old link brings nobody back."""
        return self._page("no_longer_asked.html")

    def landing(self, shop_url: str) -> HTMLResponse:
        """The front door: says whose mails come from here, and where the shop is."""
        return self._page("landing.html", shop_url=shop_url)

    def no_such_link(self) -> HTMLResponse:
        """404: the token is not ours, or what it speaks of is gone."""
        return self._page("no_such_link.html", status=404)

    def try_again(self) -> HTMLResponse:
        """503: the database is busy or away."""
        page = self._page("try_again.html", status=503)
        page.headers["Retry-After"] = str(RETRY_AFTER_S)
        return page

    def mail(self, html: str) -> HTMLResponse:
        """A mail as it was sent: its own styles and pictures, and nothing that acts."""
        policy = (
            "default-src 'none'; style-src 'unsafe-inline'; img-src http: https: data:; font-src http: https:; "
            "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
        )
        return HTMLResponse(html, headers={**_HEADERS, "Content-Security-Policy": policy})

    def words(self, message: str, **values: str) -> str:
        """A sentence in the reader's language."""
        if self.language in RIGHT_TO_LEFT:
            values = {name: f"\u2068{value}\u2069" for name, value in values.items()}
        return catalog(self.language).gettext(message) % values

    def listed(self, names: Iterable[str]) -> str:
        """Names one after the other, as the reader's script sets them apart; empty for none."""
        if self.language not in RIGHT_TO_LEFT:
            return ", ".join(names)
        apart = "، ".join(f"\u2068{name}\u2069" for name in names)
        # The mark in front makes the list itself run from right to left: names that are set apart give it no direction.
        return f"\u200f{apart}" if apart else ""

    def day(self, at: datetime, zone: str) -> str:
        """The date of an instant as the reader writes it, in a time zone."""
        return day(at.astimezone(ZoneInfo(zone)).date().isoformat(), self.locale, "long")

    def clock(self, at: datetime, zone: str) -> str:
        """Date and time of day likewise."""
        time = format_time(at, "short", tzinfo=ZoneInfo(zone), locale=self.locale)
        return self.words("%(day)s at %(time)s", day=self.day(at, zone), time=time)

    def _page(self, name: str, *, status: int = 200, **facts: Any) -> HTMLResponse:
        color = shown_color(self.color)
        nonce = secrets.token_urlsafe(16)
        dress = {"brand": self.brand, "color": color, "on_color": readable_on(color), "logo_url": self.logo_url}
        how = {"language": self.language, "direction": "rtl" if self.language in RIGHT_TO_LEFT else "ltr"}
        html = _pages(self.language).get_template(name).render(**dress, **how, nonce=nonce, **facts)
        policy = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; img-src 'self'{_origin(self.logo_url)}; "
            "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        return HTMLResponse(html, status, headers={**_HEADERS, "Content-Security-Policy": policy})


def shown_color(color: str) -> str:
    """A brand's color, where it is one that may stand in a page."""
    return color if _HEX_COLOR.fullmatch(color) else FALLBACK_COLOR


def readable_on(color: str) -> str:
    """White or near-black, whichever stands out more on a color (WCAG 2.2 relative luminance)."""
    red, green, blue = (_linear(int(color[i : i + 2], 16) / 255) for i in (1, 3, 5))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#ffffff" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "#000000"


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _origin(url: str | None) -> str:
    """Where the logo comes from, as a Content-Security-Policy names it."""
    parts = web_address(url or "")
    return f" {parts.scheme}://{parts.netloc}" if parts and parts.netloc.isascii() else ""


def _set_apart(value: str) -> Markup:
    """An address or a name within a sentence: its own direction, for a sentence that runs from right to left."""
    return Markup("<strong><bdi>{}</bdi></strong>").format(value)


@cache
def _pages(language: str) -> Environment:
    folder = Path(__file__).parent / "pages"
    pages = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    pages.filters["address"] = _set_apart
    pages.install_gettext_translations(catalog(language), newstyle=True)  # type: ignore[attr-defined]
    if language in RIGHT_TO_LEFT:
        pages.globals["gettext"] = _isolating(pages.globals["gettext"])
    return pages


def _isolating(gettext: Any) -> Callable[..., Any]:
    """The same, and each value keeps its own direction within the sentence, as in `RecipientPages.words`."""

    @pass_context
    def isolated(context: Context, message: str, **values: object) -> Any:
        return gettext(context, message, **{name: _ISOLATE.format(value) for name, value in values.items()})

    return isolated
