"""What the charts of the pages show, as `assets/charts.js` draws it; each says no more than the table beside it."""

from collections.abc import Sequence
from typing import Any

from aftercart.reports.earned.report import CampaignReport
from aftercart.reports.weekly import Cohort, Domain, Part
from aftercart.reports.weekly_words import SMALL

COHORTS, DOMAINS = 6, 8
"""More would not be told apart on a phone."""
FEWEST = 30
"""Of fewer mails a share says nothing."""

Chart = dict[str, Any]


def weeks(report: CampaignReport) -> Chart:
    """Mails sent and clicked, week by week."""
    sent, clicked = ([counts[n] for counts in report.by_week.values()] for n in (0, 1))
    series = [{"name": "sent", "values": sent}, {"name": "clicked", "values": clicked}]
    return _chart("Mails sent and clicked, by week", "bar", [week[5:] for week in report.by_week], series)


def lives(found: Sequence[Cohort]) -> Chart:
    """Orders a hundred people, week by week of their life, of the newest cohorts that have lived for two."""
    lived = [one for one in found if one.people and any(week.orders for week in one.weeks[1:])][:COHORTS]
    series = [
        {"name": f"{one.week:%m-%d}", "values": [round(100 * week.orders / one.people, 1) for week in one.weeks]}
        for one in lived
    ]
    return _chart("Orders of a hundred people, by week", "line", [str(n) for n in range(9)], series if lived else [])


def troubles(found: Sequence[Domain]) -> Chart:
    """Of a hundred mails, how many were not taken, came back or were called spam."""
    told = [one for one in found if one.sent + one.refused >= FEWEST][:DOMAINS]
    tried = [(one, one.sent + one.refused) for one in told]
    series = [
        {"name": "refused", "values": [round(100 * one.refused / all_, 2) for one, all_ in tried]},
        {"name": "came back", "values": [round(100 * one.bounced / all_, 2) for one, all_ in tried]},
        {"name": "called spam", "values": [round(100 * one.complained / all_, 2) for one, all_ in tried]},
    ]
    names = [one.domain or SMALL for one in told]
    return _chart("Of a hundred mails", "bar", names, series if told else [], across=True)


def rates_beside_tests(found: Sequence[Part]) -> Chart:
    """What the parts of the newest version did in its test, and in mails."""
    newest = [one for one in found if one.model == found[0].model]
    series = [
        {"name": "clicked, of a hundred shown", "values": [round(one.click_rate, 2) for one in newest]},
        {"name": "bought, of a hundred shown", "values": [round(one.purchase_rate, 2) for one in newest]},
        {"name": "hits in its test, of a hundred", "values": [round(100 * (one.hr10 or 0), 1) for one in newest]},
    ]
    return _chart("In mails, and in the test before", "bar", [one.in_words for one in newest], series, across=True)


def _chart(title: str, kind: str, names: list[str], series: list[dict[str, Any]], *, across: bool = False) -> Chart:
    return {"title": title, "kind": kind, "names": names, "series": series, "across": across}
