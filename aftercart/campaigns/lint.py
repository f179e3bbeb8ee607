"""What is written correctly and still cannot work, or will not work as its author thinks.

Each rule is a function from a campaign (or the brand) to findings; the loader adds file and line.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from itertools import pairwise

from aftercart.campaigns.brand import Brand
from aftercart.campaigns.fault import Severity
from aftercart.campaigns.schema import DEFAULT_VALID_FOR, Campaign, Step
from aftercart.campaigns.yaml_file import Loc
from aftercart.policy.quiet_hours import QuietHours


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to say about the key at `loc`."""

    loc: Loc
    message: str
    fix: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a campaign is checked against. `templates`: the names of all templates there are."""

    brand: Brand
    templates: Sequence[str]


Rule = Callable[[Campaign, Surroundings], Iterator[Finding]]


def lint_campaign(campaign: Campaign, around: Surroundings) -> Iterator[Finding]:
    """Everything to say about a campaign."""
    for rule in _RULES:
        yield from rule(campaign, around)


def lint_brand(brand: Brand) -> Iterator[Finding]:
    """Everything to say about the brand file."""
    if _contrast_with_white(brand.color) < READABLE_CONTRAST:
        message = f"white letters on {brand.color} are hard to read (buttons have them)"
        yield Finding(("color",), message, "choose a darker color", Severity.WARNING)
    yield from _short_days(brand.quiet_hours, ("quiet_hours",))
    if brand.domain == "example.com":
        fix = "write your own before you send to customers"
        yield Finding(("sender",), f"{brand.address} is the example that came with Aftercart", fix, Severity.NOTE)
    if not brand.address.rpartition("@")[0].isascii():
        message = f"{brand.address} has letters outside ASCII before the @, and many mail servers take no such sender"
        yield Finding(("sender",), message, "use an address in plain letters; the domain may stay", Severity.WARNING)


def _unknown_template(campaign: Campaign, around: Surroundings) -> Iterator[Finding]:
    for index, step in enumerate(campaign.steps):
        if step.template not in around.templates:
            near = get_close_matches(step.template, around.templates, n=1)
            known = f"known: {', '.join(around.templates) or 'none'}"
            fix = f"did you mean {near[0]}?" if near else known
            yield Finding(("steps", index, "template"), f"there is no template {step.template!r}", fix)


def _unknown_topic(campaign: Campaign, around: Surroundings) -> Iterator[Finding]:
    """Only a brand that lists its topics can say that one is wrong."""
    known = [topic.id for topic in around.brand.topics]
    if known and campaign.topic not in known:
        near = get_close_matches(campaign.topic, known, n=1)
        fix = f"did you mean {near[0]}?" if near else f"write one of {', '.join(known)}, or add it to the brand file"
        yield Finding(("topic",), f"brand.yaml lists no topic {campaign.topic!r}", fix)


def _step_twice(campaign: Campaign, _around: Surroundings) -> Iterator[Finding]:
    counts = Counter(step.id for step in campaign.steps)
    seen: set[str] = set()
    for index, step in enumerate(campaign.steps):
        if counts[step.id] > 1 and step.id in seen:
            yield Finding(
                ("steps", index, "id"), f"a step {step.id!r} stands above already", "give it a name of its own"
            )
        seen.add(step.id)


def _step_out_of_order(campaign: Campaign, _around: Surroundings) -> Iterator[Finding]:
    for index, (before, step) in enumerate(pairwise(campaign.steps), start=1):
        if not _is_later(step, before):
            message = f"is due at {step.after}, not later than the step before it ({before.after})"
            yield Finding(("steps", index, "after"), message, "put the steps in the order in which they are due")


def _is_later(step: Step, before: Step) -> bool:
    if step.after.about != before.after.about:
        return step.after.about > before.after.about
    return step.at is not None and before.at is not None and step.at > before.at


def _held_for_ever(campaign: Campaign, around: Surroundings) -> Iterator[Finding]:
    caps = [*around.brand.frequency_cap, *campaign.limits.frequency_cap]
    for index, step in enumerate(campaign.steps):
        if caps and step.valid_for is None:
            message = (
                f"a frequency cap ({caps[0]}) could hold this mail again and again, so say how long it is worth sending"
            )
            fix = f"add valid_for: {DEFAULT_VALID_FOR}, which is what holds where there is no cap"
            yield Finding(("steps", index, "valid_for"), message, fix)


def _more_than_there_are_slots(campaign: Campaign, _around: Surroundings) -> Iterator[Finding]:
    for index, step in enumerate(campaign.steps):
        if step.recommend and step.recommend.at_least > step.recommend.slots:
            message = f"at least {step.recommend.at_least} products can never fill {step.recommend.slots} slots"
            yield Finding(("steps", index, "recommend", "at_least"), message, "lower it, or raise slots")


def _nobody_can_match(campaign: Campaign, _around: Surroundings) -> Iterator[Finding]:
    bought, not_bought = campaign.audience.bought, campaign.audience.not_bought
    if bought and bought == not_bought:
        message = "asks for orders without the very products that `bought` asks for, so nobody can match"
        yield Finding(("audience", "not_bought"), message, "change one of the two")


def _due_in_quiet_hours(campaign: Campaign, around: Surroundings) -> Iterator[Finding]:
    quiet = campaign.limits.quiet_hours or around.brand.quiet_hours
    for index, step in enumerate(campaign.steps):
        if quiet and step.at and quiet.covers(step.at):
            message = (
                f"{step.at:%H:%M} lies in the quiet hours ({quiet}), so the mail waits until {quiet.end:%H:%M}, "
                "and valid_for counts from then"
            )
            yield Finding(("steps", index, "at"), message, "choose a time outside them", Severity.WARNING)


def _hardly_ever_allowed(campaign: Campaign, _around: Surroundings) -> Iterator[Finding]:
    yield from _short_days(campaign.limits.quiet_hours, ("limits", "quiet_hours"))


def _short_days(quiet: QuietHours | None, loc: Loc) -> Iterator[Finding]:
    if quiet and (allowed := quiet.allowed_a_day) < SHORTEST_DAY:
        message = f"leave {allowed.seconds // 60} min a day in which a mail may go out"
        fix = "they are written from the evening to the morning, as 21:00-08:00"
        yield Finding(loc, message, fix, Severity.WARNING)


def _cut_short(campaign: Campaign, _around: Surroundings) -> Iterator[Finding]:
    for index, (step, later) in enumerate(pairwise(campaign.steps)):
        if step.valid_for and step.after.about + step.valid_for.about > later.after.about > step.after.about:
            message = f"is cut short: the step {later.id!r} is due before {step.valid_for} are over"
            fix = "fine if you mean it; a mail never waits beyond the next one"
            yield Finding(("steps", index, "valid_for"), message, fix, Severity.NOTE)


def _days_in_hours(campaign: Campaign, _around: Surroundings) -> Iterator[Finding]:
    day = timedelta(days=1)
    for index, step in enumerate(campaign.steps):
        exact = step.after.exact
        if exact and not exact % day:
            message = f"{step.after} is exact: where clocks change in between, the mail comes an hour earlier or later"
            fix = f"write {exact // day}d for the same time of day"
            yield Finding(("steps", index, "after"), message, fix, Severity.NOTE)


_RULES: tuple[Rule, ...] = (
    _unknown_template,
    _unknown_topic,
    _step_twice,
    _step_out_of_order,
    _held_for_ever,
    _more_than_there_are_slots,
    _nobody_can_match,
    _due_in_quiet_hours,
    _hardly_ever_allowed,
    _cut_short,
    _days_in_hours,
)

SHORTEST_DAY = timedelta(hours=2)
"""With fewer hours in which mails may go, the quiet hours are likely written the wrong way round."""
READABLE_CONTRAST = 4.5
"""WCAG 2.2, success criterion 1.4.3."""


def _contrast_with_white(color: str) -> float:
    """Contrast ratio of white on `#rrggbb` (WCAG 2.2, definition of relative luminance)."""
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
