"""`aftercart report`: what did the campaigns earn?"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from aftercart.cli.known import look_up_campaign
from aftercart.cli.table import print_table
from aftercart.cli.weekly import Of, first_day, show
from aftercart.quantity import counted, named

if TYPE_CHECKING:
    from aftercart.reports.earned import CampaignReport
    from aftercart.reports.earned.against_holdout import AgainstHoldout
    from aftercart.reports.earned.experiments import ExperimentReport
    from aftercart.reports.weekly import Pair


def report(
    campaign: Annotated[str | None, typer.Argument(help="Only this one; of campaigns or pairs.")] = None,
    since: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Only mails due from this day on, in UTC.")
    ] = None,
    into: Annotated[
        str | None, typer.Option("--in", metavar="CURRENCY", help="Convert all amounts, by the rates of their days.")
    ] = None,
    rates: Annotated[
        str | None, typer.Option(metavar="VERSION", help="By these rates; without it by those imported last.")
    ] = None,
    of: Annotated[
        Of,
        typer.Option(help="Of campaigns, or of all mails, week by week."),
    ] = Of.CAMPAIGNS,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a campaign, or a row.")] = False,
) -> None:
    """Say what campaigns earned, beside people who got nothing; then mails, clicks and orders, step by step.

    With --of, what came of mails week by week.
    """
    from aftercart.campaigns.loader import load_campaigns
    from aftercart.cli.open import reading
    from aftercart.cli.rates import asked_rates
    from aftercart.clock import utc_now
    from aftercart.reports.earned.report import brand_holdout, campaigns_with_mails, report_on
    from aftercart.settings import read_settings

    if campaign and of not in (Of.CAMPAIGNS, Of.PAIRS):
        raise typer.BadParameter(f"{of} are told of all campaigns together: leave {campaign} out", param_hint="--of")
    settings = read_settings()
    brand = load_campaigns(settings.campaigns_dir, settings.templates_dir).brand
    start = since.replace(tzinfo=UTC) if since else None
    with reading() as connection:
        look_up_campaign(connection, campaign)
        names = [campaign] if campaign else campaigns_with_mails(connection)
        by = asked_rates(connection, into, rates)
        if of is not Of.CAMPAIGNS:
            day = first_day(start, utc_now())
            show(connection, of, campaign=campaign, since=day, rates=by, locale=brand.locale, as_json=as_json)
            return
        everything = brand_holdout(connection, brand.currency, utc_now(), by) if campaign is None else ()
        shown = by.into if by else brand.currency
        reports = [report_on(connection, n, shown, utc_now(), start, by) for n in names]
    _print_all_mail(everything, brand.locale, as_json=as_json)
    for each in reports:
        if as_json:
            print(json.dumps(each.as_json(), default=str))
        else:
            _print(each, brand.locale)
    if not reports and not as_json:
        print("No mail was planned yet.")


def _print_all_mail(found: "Sequence[AgainstHoldout]", locale: str, *, as_json: bool) -> None:
    """What all campaigns together changed, where `holdout` of the brand file keeps people out of all of them."""
    if not found:
        return
    if as_json:
        print(json.dumps({"brand": [asdict(one) for one in found]}, default=str))
        return
    from aftercart.reports.earned.words import headlines

    print("\nAll campaigns together")
    for line in headlines(found, locale):
        print(f"  {line}")


def _print(report: "CampaignReport", locale: str) -> None:
    from aftercart.policy.reason import Reason
    from aftercart.reports.earned.words import headline, headlines, opened

    by = f" (converted by the rates {report.rates})" if report.rates else ""
    print(f"\n{report.campaign}{by}")
    for line in headlines(report.against_holdout, locale):
        print(f"  {line}")
    if not report.against_holdout:
        print(f"  {headline(None, locale)}")
    _print_stages(report, locale)
    if told := opened(report.total):
        print(f"  {told}")
    for experiment in report.experiments:
        _print_experiment(experiment, locale)
    _print_picks(report)
    for reason, count in report.total.withheld.most_common():
        print(f"  {count:>8,} not sent, {reason}: {Reason(reason).sentence}")


def _print_stages(report: "CampaignReport", locale: str) -> None:
    """The table of steps. There is a column of opened mails only where any was."""
    from aftercart.reports.earned.words import money

    is_opened = bool(report.total.opened + report.total.opened_unread)
    titles = ("step", "planned", "waiting", "sent", "delivered", *(("opened",) if is_opened else ()), "clicked")
    titles += ("orders", "credited")
    rows = [
        (
            s.step,
            f"{s.planned:,}",
            f"{s.waiting:,}",
            f"{s.sent:,}",
            f"{s.arrived:,}",
            *((f"{s.opened:,}",) if is_opened else ()),
            f"{s.clicked:,}",
            f"{s.ordered:,}",
            money(s, locale),
        )
        for s in report.stages
    ]
    print_table(titles, rows)


def _print_picks(report: "CampaignReport") -> None:
    for served in report.served:
        print(
            f"  {served.picks:>8,} {named(served.picks, 'product')} shown in {counted(served.mails, 'mail')}, "
            f"{served.in_words}"
        )
    for pair in report.pairs:
        print(
            f"  {pair.mails:>8,} {named(pair.mails, 'mail')} showed {pair.pick} because of {pair.anchor}: {_did(pair)}"
        )
    for pair in report.annoying:
        print(
            f"  {pair.mails:>8,} {named(pair.mails, 'mail')}, and it annoys: {pair.pick} because of "
            f"{pair.anchor}: {_did(pair)}"
        )


def _did(pair: "Pair") -> str:
    return (
        f"{pair.clicked:,} clicked, {pair.bought:,} bought, {pair.refused:,} less like this, {pair.left_after:,} left"
    )


def _print_experiment(found: "ExperimentReport", locale: str) -> None:
    from aftercart.money import formatted
    from aftercart.reports.earned.trial_words import belief, beside, sentences

    print(
        f"\nexperiment {found.key} ({found.metric}, {found.window_days:g} {named(found.window_days, 'day')} a person)"
    )
    for line in sentences(found, locale):
        print(f"  {line}")
    titles = ("arm", "share", "people", "not over", "mails", "ordered", "conversion", "a person")
    rows = [
        (
            one.arm,
            f"{one.share:.0%}",
            f"{one.people:,}",
            f"{one.waiting:,}",
            f"{one.mails:,}",
            f"{one.ordered:,}",
            f"{one.conversion:.2%}",
            formatted(round(one.spent_each), found.currency, locale),
        )
        for one in found.arms
    ]
    print_table(titles, rows)
    for line in filter(None, (belief(verdict, found, locale) for verdict in found.verdicts)):
        print(f"  {line}")
    for one in found.beside:
        print(f"  {beside(one, found.currency, locale)}")
