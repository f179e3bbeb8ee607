"""A backtest for a browser: one file, that loads nothing but the pictures of a mail when somebody opens it."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from aftercart.backtest.report import Report, Stop
from aftercart.policy.reason import Reason
from aftercart.quantity import counted, named
from aftercart.reports.bars import bars, span

NAMES = {"aftercart": "Aftercart", "bought_together": "Bought together", "best_sellers": "Best sellers"}


def page(reports: Sequence[Report]) -> str:
    """The whole page as HTML; several reports stand side by side."""
    return _environment().get_template("page.html").render(reports=reports, bars=_bars, days=_days, hours=_hours)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"sentence": _sentence, "percent": _percent, "chooser": NAMES.__getitem__}
    environment.globals |= {"span": _span, "counted": counted, "named": named}
    return environment


def _bars(values: Sequence[tuple[str, float]], title: str) -> Markup:
    return Markup(bars(values, title))  # made of numbers and escaped names


def _span(value: float, low: float, high: float, most: float, title: str) -> Markup:
    return Markup(span(value, low, high, min(0.0, low), most, title))  # as above


def _days(report: Report) -> list[tuple[str, float]]:
    return [(day[5:], count) for day, count in report.by_day.items()]


def _hours(report: Report) -> list[tuple[str, float]]:
    return [(f"{hour:02}", count) for hour, count in enumerate(report.by_hour)]


def _sentence(stop: Stop) -> str:
    return Reason(stop.reason).sentence


def _percent(value: float) -> str:
    return f"{value:.1%}"
