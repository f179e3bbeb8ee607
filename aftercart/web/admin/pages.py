"""The pages of the console. They load nothing from anywhere; light or dark, as the reader's machine is set."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from aftercart.campaigns.brand import Brand
from aftercart.money import formatted
from aftercart.policy.reason import Reason
from aftercart.reports.bars import bars, span
from aftercart.reports.earned import CampaignReport
from aftercart.reports.earned.against_holdout import AgainstHoldout
from aftercart.reports.earned.experiments import ExperimentReport
from aftercart.reports.earned.funnel import Stage
from aftercart.reports.earned.trial_words import belief, beside, sentences
from aftercart.reports.earned.words import headline, money, opened


def overview(
    brand: Brand, reports: Sequence[CampaignReport], everything: Sequence[AgainstHoldout], now: datetime
) -> HTMLResponse:
    """Every campaign with what it earned, in a sentence. `everything`: all of them together, where that is known."""
    return _page("overview.html", brand, now, reports=reports, everything=everything)


def campaign(brand: Brand, report: CampaignReport, now: datetime) -> HTMLResponse:
    """What one campaign earned, and how."""
    return _page("campaign.html", brand, now, report=report)


def _page(name: str, brand: Brand, now: datetime, **facts: Any) -> HTMLResponse:
    nonce, locale = secrets.token_urlsafe(16), brand.locale

    def told(found: AgainstHoldout | None) -> str:
        return headline(found, locale)

    def credited(stage: Stage) -> str:
        return money(stage, locale)

    words = {
        "told": told,
        "credited": credited,
        "opened": opened,
        "sentence": _sentence,
        "span": _span,
        "weeks": _weeks,
    }
    words |= _words_of_experiments(locale)
    html = _environment().get_template(name).render(brand=brand.name, now=now, nonce=nonce, **words, **facts)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
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


def _sentence(reason: str) -> str:
    return Reason(reason).sentence if reason in set(Reason) else reason


def _span(found: AgainstHoldout) -> Markup:
    """The interval of the headline as a picture; what it says stands beside it in words."""
    if found.earned is None:
        return Markup("")
    low, high = min(found.earned.low, 0.0), max(found.earned.high, 0.0)
    picture = span(found.earned.estimate, found.earned.low, found.earned.high, low, high, "the interval")
    return Markup(picture)  # made of numbers


def _weeks(report: CampaignReport) -> Markup:
    values = [(week[5:], sent) for week, (sent, _) in report.by_week.items()]
    return Markup(bars(values, "Mails sent, by week"))  # made of numbers and dates
