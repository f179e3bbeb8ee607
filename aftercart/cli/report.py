"""`aftercart report`: what did the campaigns earn?"""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from aftercart.cli.table import print_table

if TYPE_CHECKING:
    from aftercart.reports.earned import CampaignReport
    from aftercart.reports.earned.against_holdout import AgainstHoldout


def report(
    campaign: Annotated[str | None, typer.Argument(help="Only this one.")] = None,
    since: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Only mails due from this day on, in UTC.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a campaign.")] = False,
) -> None:
    """Say what campaigns earned, beside people who got nothing; then mails, clicks and orders, step by step."""
    from aftercart.campaigns.loader import load_campaigns
    from aftercart.cli.open import reading
    from aftercart.clock import utc_now
    from aftercart.reports.earned.report import campaigns_with_mails, report_on
    from aftercart.settings import read_settings

    settings = read_settings()
    brand = load_campaigns(settings.campaigns_dir, settings.templates_dir).brand
    start = since.replace(tzinfo=UTC) if since else None
    with reading() as connection:
        names = campaigns_with_mails(connection)
        if campaign is not None and campaign not in names:
            raise typer.BadParameter(f"no mail of a campaign {campaign} was ever planned; there are {', '.join(names)}")
        reports = [
            report_on(connection, n, brand.currency, utc_now(), start) for n in ([campaign] if campaign else names)
        ]
    for each in reports:
        if as_json:
            print(json.dumps(each.as_json(), default=str))
        else:
            _print(each, brand.locale)
    if not reports and not as_json:
        print("No mail was planned yet.")


def _print(report: "CampaignReport", locale: str) -> None:
    from aftercart.policy.reason import Reason
    from aftercart.reports.earned.words import headline, money

    print(f"\n{report.campaign}")
    for line in _headlines(report, locale):
        print(f"  {line}")
    if not report.against_holdout:
        print(f"  {headline(None, locale)}")
    titles = ("step", "planned", "waiting", "sent", "clicked", "orders", "credited")
    rows = [
        (
            s.step,
            f"{s.planned:,}",
            f"{s.waiting:,}",
            f"{s.sent:,}",
            f"{s.clicked:,}",
            f"{s.ordered:,}",
            money(s, locale),
        )
        for s in report.stages
    ]
    print_table(titles, rows)
    for served in report.served:
        print(f"  {served.picks:>8,} products shown in {served.mails:,} mails, {served.in_words}")
    for reason, count in report.total.withheld.most_common():
        print(f"  {count:>8,} not sent, {reason}: {Reason(reason).sentence}")


def _headlines(report: "CampaignReport", locale: str) -> list[str]:
    from aftercart.reports.earned.words import headline

    def told(one: "AgainstHoldout") -> str:
        return headline(one, locale)

    return [told(one) for one in report.against_holdout]
