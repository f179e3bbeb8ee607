"""The pages of the console. They load nothing from any other server; light or dark, as the reader's machine is set."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from aftercart.campaigns.brand import Brand
from aftercart.exchange.rates import Rates
from aftercart.money import formatted
from aftercart.policy.reason import Reason
from aftercart.policy.store import Pause
from aftercart.quantity import named
from aftercart.reports.bars import span
from aftercart.reports.earned.against_holdout import AgainstHoldout
from aftercart.reports.earned.experiments import ExperimentReport
from aftercart.reports.earned.funnel import Stage
from aftercart.reports.earned.trial_words import belief, beside, sentences
from aftercart.reports.earned.words import headline, money, opened
from aftercart.reports.weekly_words import SMALL, revenue_each
from aftercart.web.admin import charts


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands on every page. `as_of`: when it was made; `counted_at`: when what came of mails was last counted,
    week by week. `rates`: by which amounts were converted; `currencies`: into which they could be; `chosen`: what the
    reader asked for, empty for each currency apart, None for nothing. `paused`: what has paused itself, as of now;
    `idle`: the status of each campaign that its file does not call active, as of now."""

    as_of: datetime
    counted_at: datetime | None
    rates: Rates | None
    currencies: Sequence[str]
    path: str
    chosen: str | None
    paused: Sequence[Pause] = ()
    idle: Mapping[str, str] = field(default_factory=dict)

    @property
    def kept(self) -> str:
        """What takes the reader's choice along to another page."""
        return "" if self.chosen is None else f"?in={quote(self.chosen)}"


def page(name: str, brand: Brand, shown: Shown, report: object) -> HTMLResponse:
    """One of the templates beside this file, and what it tells."""
    nonce, locale = secrets.token_urlsafe(16), brand.locale

    def told(found: AgainstHoldout | None) -> Markup:
        return _marked(headline(found, locale))

    def credited(stage: Stage) -> str:
        return money(stage, locale)

    def each(revenue: Mapping[str, int], people: int) -> str:
        return revenue_each(revenue, people, locale)

    words = {
        "told": told,
        "credited": credited,
        "each": each,
        "opened": opened,
        "sentence": _sentence,
        "span": _span,
        "weeks": charts.weeks,
        "lives": charts.lives,
        "troubles": charts.troubles,
        "rates_beside_tests": charts.rates_beside_tests,
        "small": SMALL,
        "named": named,
    }
    words |= _words_of_experiments(locale)
    html = (
        _environment()
        .get_template(name)
        .render(brand=brand.name, switched_off=brand.paused, shown=shown, nonce=nonce, report=report, **words)
    )
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; frame-ancestors 'none'; "
        "base-uri 'none'; form-action 'none'"
    )
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex, nofollow",
    }
    return HTMLResponse(html, headers=headers)


def _words_of_experiments(locale: str) -> dict[str, Any]:
    def tried(found: ExperimentReport) -> list[str]:
        return list(sentences(found, locale))

    def believed(found: ExperimentReport) -> list[str]:
        return [line for verdict in found.verdicts if (line := belief(verdict, found, locale))]

    def aside(found: ExperimentReport) -> list[str]:
        return [beside(one, found.currency, locale) for one in found.beside]

    def price(minor: float, currency: str) -> str:
        return formatted(round(minor), currency, locale)

    return {"tried": tried, "believed": believed, "aside": aside, "price": price}


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _marked(words: str) -> Markup:
    """What stands between backticks, as they write it on a terminal, is code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(words))))


def _sentence(reason: str) -> str:
    return Reason(reason).sentence if reason in set(Reason) else reason


def _span(found: AgainstHoldout) -> Markup:
    """The interval of the headline as a picture; what it says stands beside it in words."""
    if found.earned is None:
        return Markup("")
    low, high = min(found.earned.low, 0.0), max(found.earned.high, 0.0)
    picture = span(found.earned.estimate, found.earned.low, found.earned.high, low, high, "the interval")
    return Markup(picture)  # made of numbers
