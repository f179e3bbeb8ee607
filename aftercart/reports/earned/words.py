"""The headline of a report in words: never surer than the figures are."""

from collections.abc import Iterable

from aftercart.money import formatted
from aftercart.quantity import counted
from aftercart.reports.earned.against_holdout import FEWEST, AgainstHoldout
from aftercart.reports.earned.funnel import Stage

NOBODY = (
    "Nobody is held out yet, so what the mails change cannot be said. Where the campaign's file says `holdout: 10%`, "
    "a tenth of the people are kept out by lot, each when their first mail is due."
)


def headline(found: AgainstHoldout | None, locale: str) -> str:
    """A few sentences, for somebody who has never seen a confidence interval."""
    if found is None:
        return NOBODY
    return f"{_result(found, locale)} {_let_go(found)}".rstrip()


def headlines(found: Iterable[AgainstHoldout], locale: str) -> list[str]:
    """Of each currency; what none of them is named in is said once."""
    return list(dict.fromkeys(headline(one, locale) for one in found))


def _let_go(found: AgainstHoldout) -> str:
    if not found.let_go:
        return ""
    return (
        f"{found.let_go:,} of those who get none got mails all the same, while their file named no holdout: "
        "that hides a part of what mails change."
    )


def _result(found: AgainstHoldout, locale: str) -> str:
    arms = (
        f"{counted(found.treated, 'person', 'people')} who may get its mails, "
        f"{counted(found.held_out, 'who gets none', 'who get none')}"
    )
    if found.sorted_by_something:
        return f"Do not trust this comparison: the two groups ({arms}) are of sizes that chance does not make."
    if found.earned is None:
        return f"Too early to say: {arms}. Each group needs at least {FEWEST}."
    earned, low, high = (formatted(round(x), found.currency, locale) for x in _bounds(found))
    span = f"With 95 % certainty between {low} and {high}"
    is_gain = found.earned.estimate >= 0
    if found.earned.decides:
        verb = "It earned" if is_gain else "It lost"
        return f"{verb} {earned} more than no mails would have. {span}; {arms}."
    verb = "It may have earned" if is_gain else "It may have lost"
    return f"{verb} {earned}, but that can still be chance. {span}; {arms}. {_more(found)}"


def _bounds(found: AgainstHoldout) -> tuple[float, float, float]:
    lift = found.earned
    if lift is None:
        raise ValueError("too few people for bounds")
    return abs(lift.estimate), lift.low, lift.high


def _more(found: AgainstHoldout) -> str:
    if not found.more_people:
        return "So far nothing tells them apart."
    return (
        f"About {counted(found.more_people, 'more person', 'more people')} would make it sure, if it goes on like this."
    )


def opened(stage: Stage) -> str:
    """What opens tell, with what they do not; empty where none is counted."""
    if not stage.opened + stage.opened_unread:
        return ""
    return (
        f"{counted(stage.opened, 'mail seems', 'mails seem')} to have been opened. Of {stage.opened_unread:,} "
        "more only machines fetched the picture (Apple Mail does, read or not), and who "
        "shows no pictures is not counted: compare clicks."
    )


def money(stage: Stage, locale: str) -> str:
    """What was credited, each currency apart."""
    found = [formatted(amount, code, locale) for code, amount in sorted(stage.credited.items())]
    return ", ".join(found) or "–"
