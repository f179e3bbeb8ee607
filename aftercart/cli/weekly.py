"""`aftercart report --of ...`: what came of mails week by week, for all campaigns together."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from aftercart.cli.table import instant, print_table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from aftercart.exchange.rates import Rates
    from aftercart.reports.weekly import Cohort, Domain, Pair, Part

SHOWN = 20
"""Pairs on a screen; with --json there are all."""


class Of(StrEnum):
    """What a report is of."""

    CAMPAIGNS = "campaigns"
    PAIRS = "pairs"
    COHORTS = "cohorts"
    DOMAINS = "domains"
    RECOMMENDATIONS = "recommendations"


def show(
    connection: "Connection",
    of: Of,
    *,
    campaign: str | None,
    since: date,
    rates: "Rates | None",
    locale: str,
    as_json: bool,
) -> None:
    """Print it: tables, or one JSON object a line."""
    from aftercart.db.calendar import monday_of
    from aftercart.reports import weekly
    from aftercart.reports.counting.kept import Basis

    at = weekly.counted_at(connection)
    if as_json:
        for row in _rows(connection, of, campaign, since, rates):
            print(json.dumps(row | {"counted_at": at}, default=str))
        return
    if at is None:
        print("Nothing was counted yet. A worker, or `aftercart up`, does it when it starts, and once an hour.")
        return
    match of:
        case Of.PAIRS:
            _show_pairs(weekly.pairs(connection, campaign, since))
        case Of.COHORTS:
            for basis in Basis:
                _show_cohorts(weekly.cohorts(connection, basis, since, rates), basis, locale)
        case Of.DOMAINS:
            _show_domains(weekly.domains(connection, since))
        case _:
            _show_parts(weekly.parts(connection, since))
    print(f"\nCounted {instant(at.isoformat())}, from the week of {monday_of(since)} on.")


def _rows(
    connection: "Connection", of: Of, campaign: str | None, since: date, rates: "Rates | None"
) -> Iterator[dict[str, Any]]:
    from aftercart.reports import weekly
    from aftercart.reports.counting.kept import Basis

    match of:
        case Of.PAIRS:
            yield from (asdict(one) for one in weekly.pairs(connection, campaign, since))
        case Of.COHORTS:
            for basis in Basis:
                yield from (asdict(one) for one in weekly.cohorts(connection, basis, since, rates))
        case Of.DOMAINS:
            yield from (asdict(one) for one in weekly.domains(connection, since))
        case _:
            yield from (asdict(one) for one in weekly.parts(connection, since))


def _show_pairs(found: "Sequence[Pair]") -> None:
    from aftercart.reports.weekly import annoying

    print("\nWhat was shown most because of what")
    _print_pairs(found[:SHOWN])
    if bad := annoying(found)[:SHOWN]:
        print("\nWhat annoyed most")
        _print_pairs(bad)


def _print_pairs(found: "Sequence[Pair]") -> None:
    titles = ("bought", "shown", "mails", "clicked", "bought then", "less like this", "left")
    counts = ("mails", "clicked", "bought", "refused", "left_after")
    rows = ((one.anchor[:40], one.pick[:40], *(f"{getattr(one, name):,}" for name in counts)) for one in found)
    print_table(titles, rows)


def _show_cohorts(found: "Sequence[Cohort]", basis: str, locale: str) -> None:
    first = "mail" if basis == "mailed" else "order"
    print(f"\nPeople by the week of their first {first}: what each of them ordered in it and in the eight after")
    titles = ("week", "people", "mails", "clicked", "left", *(str(number) for number in range(9)))
    print_table(titles, (_cohort(one, locale) for one in found))


def _cohort(one: "Cohort", locale: str) -> Sequence[str]:
    from aftercart.reports.weekly_words import revenue_each

    sums = (sum(getattr(week, name) for week in one.weeks) for name in ("mails", "clicked", "leavers"))
    each = (revenue_each(week.revenue, one.people, locale) for week in one.weeks)
    return (one.week.isoformat(), f"{one.people:,}", *(f"{number:,}" for number in sums), *each)


def _show_domains(found: "Sequence[Domain]") -> None:
    print()
    titles = ("domain", "sent", "refused", "deferred", "delivered", "bounced", "hard", "soft", "spam")
    print_table(titles, (_domain(asdict(one)) for one in found))


def _domain(one: dict[str, Any]) -> Sequence[str]:
    from aftercart.reports.weekly_words import SMALL

    name = one.pop("domain") or SMALL
    return (name, *(f"{number:,}" for number in one.values()))


def _show_parts(found: "Sequence[Part]") -> None:
    print()
    titles = ("model", "chosen by", "shown", "clicked", "bought", "NDCG@10 in its test", "hits in ten")
    print_table(titles, _parts(found))


def _parts(found: "Sequence[Part]") -> Iterator[Sequence[str]]:
    for one in found:
        tested = ("not tested", "")
        if one.ndcg10 is not None and one.hr10 is not None:
            tested = (f"{one.ndcg10:.3f}", f"{one.hr10:.1%}")
        rates = (f"{one.click_rate:.2f}%", f"{one.purchase_rate:.2f}%")
        yield (one.model, one.in_words, f"{one.picks:,}", *rates, *tested)


def first_day(since: datetime | None, now: datetime) -> date:
    """From when on, where nobody says it: the last quarter."""
    from aftercart.reports.weekly import LATELY

    return (since or now - LATELY).date()
