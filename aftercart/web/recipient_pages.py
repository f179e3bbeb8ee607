"""The few small pages that a recipient of a mail sees. Nothing on them is loaded from anywhere else."""

import re
import secrets
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

FALLBACK_COLOR = "#1f5fbf"
RETRY_AFTER_S = 30
_HEX_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}


@dataclass(frozen=True, slots=True)
class RecipientPages:
    """Pages in the dress of a brand. `color` is `#rrggbb`; anything else becomes a quiet blue."""

    brand: str
    color: str

    def ask(self, email: str) -> HTMLResponse:
        """Does this address want to leave? One button, which posts to the same address."""
        return self._page("unsubscribe.html", email=email)

    def left(self, email: str) -> HTMLResponse:
        """This address has left."""
        return self._page("unsubscribed.html", email=email)

    def may_we(self) -> HTMLResponse:
        """May we write? One button. Shows no address: the link may have been passed on."""
        return self._page("confirm.html")

    def confirmed(self) -> HTMLResponse:
        """They said yes."""
        return self._page("confirmed.html")

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

    def _page(self, name: str, *, status: int = 200, **facts: str) -> HTMLResponse:
        color = shown_color(self.color)
        nonce = secrets.token_urlsafe(16)
        html = (
            _pages()
            .get_template(name)
            .render(brand=self.brand, color=color, on_color=readable_on(color), nonce=nonce, **facts)
        )
        policy = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; img-src 'self'; form-action 'self'; "
            "frame-ancestors 'none'; base-uri 'none'"
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


@cache
def _pages() -> Environment:
    folder = Path(__file__).parent / "pages"
    return Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
