"""What came of an experiment in words: never surer than the figures are."""

from collections.abc import Iterator
from math import ceil

from aftercart.experiments.sequential import Standing
from aftercart.experiments.verdict import FEWEST, Rule, Verdict
from aftercart.money import formatted
from aftercart.quantity import counted, named
from aftercart.reports.earned.experiments import Beside, ExperimentReport

NOT_TESTABLE = (
    "A bandit: more and more new people get what sells best, so the arms hold people of different times, and what "
    "stands here cannot be tested. `mode: test` finds out."
)
METRICS = {
    "conversion": "people who ordered",
    "revenue": "spent by a person",
    "clicked": "people who clicked",
    "left": "people who left",
    "complained": "people who complained",
}
"""What a metric counts."""


def sentences(found: ExperimentReport, locale: str) -> Iterator[str]:
    """What may be said of an experiment, the most important first."""
    yield from (f"Paused: {because}." for because in found.paused)
    if found.sorted_by_something:
        yield "Do not trust this: the arms are of sizes that chance does not make, so something sorts people."
        return
    if not found.is_testable:
        yield NOT_TESTABLE
        return
    if found.replaced:
        yield _ended(found)
    for one in found.arms[1:]:
        yield _sentence(one.arm, found.verdict(one.arm), found, locale)
    if not found.replaced and (ended := _ended(found)):
        yield ended


def _ended(found: ExperimentReport) -> str:
    """Why nobody is waited for; empty where somebody is."""
    waiting = sum(one.waiting for one in found.arms)
    if found.replaced:
        cut = f" {counted(waiting, 'person does', 'people do')} not count, as their days were not over by then."
        return f"A later version has drawn new lots: this is what it came to.{cut if waiting else ''}"
    if waiting:
        return ""
    return f"Nobody new came into it in the last {_days(found)}: this is what it came to."


def _days(found: ExperimentReport) -> str:
    return f"{found.window_days:g} {named(found.window_days, 'day')}"


def _sentence(arm: str, verdict: Verdict | None, found: ExperimentReport, locale: str) -> str:
    if verdict is None and _ended(found):
        return f"{arm}: too few people to say anything: each arm needs {FEWEST} of them."
    if verdict is None:
        return (
            f"{arm}: too early to say. People count once {found.window_days:g} "
            f"{named(found.window_days, 'day is', 'days are')} over, and each arm needs "
            f"{FEWEST} of them."
        )
    value, low, high = (in_words(x, found.metric, found.currency, locale) for x in verdict.interval)
    span = f"{value} a person beside control, with 95 % certainty between {low} and {high}"
    match verdict.standing:
        case Standing.BETTER:
            return f"{arm} is better: {span}."
        case Standing.WORSE:
            return f"{arm} is worse: {span}."
        case Standing.NO_DIFFERENCE:
            return f"{arm}: no difference was shown, and all planned people are known. {span}."
        case Standing.RUNNING:
            return f"{arm}: not decided. {span}. {'' if _ended(found) else _more(verdict, found)}".rstrip()


def _more(verdict: Verdict, found: ExperimentReport) -> str:
    if not verdict.more_people:
        return "So far nothing tells them apart."
    days = ceil(verdict.more_people / found.people_a_day)
    more = counted(verdict.more_people, "more person", "more people")
    needs = f"Needs about {more}, each with an order: {counted(days, 'day')} at the pace so far"
    if verdict.rule is Rule.GROUP_SEQUENTIAL:
        return f"{needs}, as planned; it may end sooner."
    return f"{needs}, if it goes on like this."


def belief(verdict: Verdict, found: ExperimentReport, locale: str) -> str:
    """The summary that is only shown."""
    if verdict.chance_to_win is None or verdict.expected_loss is None:
        return ""
    loss = in_words(verdict.expected_loss, found.metric, found.currency, locale).lstrip("+")
    return (
        f"{verdict.arm}: only to look at, not to decide by: {verdict.chance_to_win:.0%} to be the better one; "
        f"taken for it wrongly, it costs {loss} a person on average."
    )


def beside(found: Beside, currency: str, locale: str) -> str:
    """A metric that does not decide."""
    value, low, high = (in_words(x, found.metric, currency, locale) for x in (found.estimate, found.low, found.high))
    sure = "" if found.p < 0.05 else ", may be chance"
    return f"{found.arm}, {METRICS[found.metric]}: {value} ({low} to {high}{sure})"


def in_words(value: float, metric: str, currency: str, locale: str) -> str:
    """A difference in the unit of its metric: money, or percentage points."""
    if metric == "revenue":
        return ("+" if value > 0 else "") + formatted(round(value), currency, locale)
    return f"{value * 100:+.2f} points"
