"""What is written correctly and still cannot work, or will not work as its author thinks.

Each rule is a function from a campaign (or the brand) to findings; the loader adds file and line.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from difflib import get_close_matches
from itertools import pairwise

from aftercart.campaigns.brand import Brand
from aftercart.campaigns.fault import Severity
from aftercart.campaigns.finding import Finding
from aftercart.campaigns.limits import Limits
from aftercart.campaigns.schema import DEFAULT_VALID_FOR, Campaign, Step
from aftercart.campaigns.times import send_times
from aftercart.campaigns.topics import topics_owed
from aftercart.campaigns.ways import each_way
from aftercart.campaigns.yaml_file import Loc
from aftercart.policy import public_holidays
from aftercart.policy.send_times import SendTimes
from aftercart.rendering.running.context import CONFIRMATION


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a campaign is checked against. `templates`: the names of all templates there are."""

    brand: Brand
    templates: Sequence[str]


Rule = Callable[[Campaign, Surroundings], Iterator[Finding]]


def lint_campaign(campaign: Campaign, around: Surroundings) -> Iterator[Finding]:
    """Everything to say about a campaign, and about what its experiments make of it."""
    for rule in _RULES:
        yield from each_way(campaign, _asked(rule, around))


def _asked(rule: Rule, around: Surroundings) -> Callable[[Campaign], Iterator[Finding]]:
    return lambda campaign: rule(campaign, around)


def lint_brand(brand: Brand, campaigns: Sequence[Campaign] = ()) -> Iterator[Finding]:
    """Everything to say about the brand file, beside these campaigns."""
    yield from _nobody_can_leave(brand, campaigns)
    if _contrast_with_white(brand.color) < READABLE_CONTRAST:
        message = f"white letters on {brand.color} are hard to read (buttons have them)"
        yield Finding(("color",), message, "choose a darker color", Severity.WARNING)
    yield from _hardly_open(send_times(None, brand), brand, ())
    yield from _needs_holidays(brand.not_on_holidays, ("not_on_holidays",))
    if brand.domain == "example.com":
        fix = "write your own before you send to customers"
        yield Finding(("sender",), f"{brand.address} is the example that came with Aftercart", fix, Severity.NOTE)
    if not brand.address.rpartition("@")[0].isascii():
        message = f"{brand.address} has letters outside ASCII before the @, and many mail servers take no such sender"
        yield Finding(("sender",), message, "use an address in plain letters; the domain may stay", Severity.WARNING)


def _nobody_can_leave(brand: Brand, campaigns: Sequence[Campaign]) -> Iterator[Finding]:
    owed = topics_owed(campaigns)
    for index, topic in enumerate(brand.topics):
        if topic.id in owed:
            message = "only transactional mail is about it, so people cannot leave it and are not asked about it"
            yield Finding(("topics", index, "id"), message, "take it out, or use it in marketing", Severity.WARNING)


def _unknown_template(campaign: Campaign, around: Surroundings) -> Iterator[Finding]:
    for index, step in enumerate(campaign.steps):
        if step.template not in around.templates and step.template != CONFIRMATION:
            near = get_close_matches(step.template, around.templates, n=1)
            known = f"known: {', '.join(around.templates) or 'none'}"
            fix = f"did you mean {near[0]}?" if near else known
            yield Finding(("steps", index, "template"), f"there is no template {step.template!r}", fix)


def _asks_for_consent(campaign: Campaign, _around: Surroundings) -> Iterator[Finding]:
    for index, step in enumerate(campaign.steps):
        if step.template == CONFIRMATION:
            message = (
                f"{CONFIRMATION!r} is the template of double opt-in, which goes out by itself and fills it otherwise"
            )
            fix = "choose another template; `double_opt_in: true` in brand.yaml asks people to confirm"
            yield Finding(("steps", index, "template"), message, fix)


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


_IS_MARKETING = {
    "recommend": "recommends something",
    "coupon": "hands out a code",
    "asks_review": "asks for a review",
}
"""What makes a mail advertising. Asking how content somebody is does (Bundesgerichtshof, 2018, VI ZR 225/17)."""


def _owed_and_yet(campaign: Campaign, _around: Surroundings) -> Iterator[Finding]:
    """What contradicts the class of the mails."""
    if campaign.mail_class == "marketing":
        if "counts" in campaign.model_fields_set:
            yield Finding(("counts",), "marketing mail always counts", "leave it out")
        return
    for index, step in enumerate(campaign.steps):
        for key, does in _IS_MARKETING.items():
            if getattr(step, key):
                message = f"a mail that {does} is marketing, whatever else it says"
                yield Finding(("steps", index, key), message, f"take {key} out, or class: transactional")
    for key in ("frequency_cap", "priority", "lookahead", "on_cap", "on_drop"):
        if key in campaign.limits.model_fields_set:
            message = "says nothing for transactional mail, which is never capped"
            yield Finding(("limits", key), message, "leave it out")
    if campaign.holdout:
        message = "transactional mail is owed to its reader, so nobody may be held out"
        yield Finding(("holdout",), message, "leave it out")


def _review_before_delivery(campaign: Campaign, _around: Surroundings) -> Iterator[Finding]:
    for index, step in enumerate(campaign.steps):
        if step.asks_review and campaign.trigger != "order.delivered":
            message = "a review is asked for after delivery, and this campaign begins with the payment"
            yield Finding(("steps", index, "asks_review"), message, "write trigger: order.delivered")


def _tries_nothing(campaign: Campaign, _around: Surroundings) -> Iterator[Finding]:
    for index, step in enumerate(campaign.steps):
        for number, variant in enumerate(step.experiment.variants if step.experiment else ()):
            if step.varied(variant.id) == step:
                loc = ("steps", index, "experiment", "variants", number)
                yield Finding(loc, "says the same as the step, so nothing is tried", "change something, or take it out")


def _cannot_be_tested(campaign: Campaign, _around: Surroundings) -> Iterator[Finding]:
    for index, step in enumerate(campaign.steps):
        if step.experiment and step.experiment.mode == "bandit":
            message = "sends more and more people what sells best, so how much better it is cannot be tested"
            fix = "write mode: test to find out"
            yield Finding(("steps", index, "experiment", "mode"), message, fix, Severity.NOTE)


def _held_for_ever(campaign: Campaign, around: Surroundings) -> Iterator[Finding]:
    caps = campaign.caps_beside(around.brand.frequency_cap)
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
    daily = [window for window in send_times(campaign.limits, around.brand).quiet_hours if window.every_day]
    for index, step in enumerate(campaign.steps):
        if step.at and (quiet := next((window for window in daily if window.covers(_someday(step.at))), None)):
            message = (
                f"{step.at:%H:%M} lies in the quiet hours ({quiet}), so the mail waits until {quiet.end:%H:%M}, "
                "and valid_for counts from then"
            )
            yield Finding(("steps", index, "at"), message, "choose a time outside them", Severity.WARNING)


def _someday(wall_time: time) -> datetime:
    return datetime.combine(_ANY_DAY, wall_time)


def _hardly_ever_allowed(campaign: Campaign, around: Surroundings) -> Iterator[Finding]:
    yield from _hardly_open(send_times(campaign.limits, around.brand), campaign.limits, ("limits",))


def _hardly_open(times: SendTimes, said_by: Limits | Brand, loc: Loc) -> Iterator[Finding]:
    """Week after week: what dates and holidays close besides, ends. `said_by`: the part at `loc` that is judged."""
    minutes = times.open_minutes()
    keys = ("quiet_hours", "send_on", "not_on") if all(minutes) else ("send_on", "not_on", "quiet_hours")
    key = next((name for name in keys if getattr(said_by, name)), None)
    if key is None:
        return
    loc = (*loc, key)
    if not any(minutes):
        message = f"leaves no moment of the week in which a mail may go out ({times})"
        yield Finding(loc, message, "allow another day of the week, or make the quiet hours shorter")
    elif (shortest := min(filter(None, minutes))) < SHORTEST_DAY:
        message = f"leave {shortest} min a day in which a mail may go out"
        fix = "they are written from the evening to the morning, as 21:00-08:00"
        yield Finding(loc, message, fix, Severity.WARNING)


def _holidays_unknown(campaign: Campaign, _around: Surroundings) -> Iterator[Finding]:
    yield from _needs_holidays(campaign.limits.not_on_holidays, ("limits", "not_on_holidays"))


def _needs_holidays(asked: bool | None, loc: Loc) -> Iterator[Finding]:
    if asked and not public_holidays.is_known():
        message = "public holidays are known only with an optional package, which is not installed"
        yield Finding(loc, message, f"pip install 'aftercart[{public_holidays.EXTRA}]', or list the dates in not_on")


def _cut_short(campaign: Campaign, _around: Surroundings) -> Iterator[Finding]:
    for index, (step, later) in enumerate(pairwise(campaign.steps)):
        if step.valid_for and step.after.about + step.valid_for.about > later.after.about > step.after.about:
            message = f"is cut short: the step {later.id!r} is due before {step.valid_for} are over"
            fix = "fine if you mean it; a mail never waits beyond the next one"
            yield Finding(("steps", index, "valid_for"), message, fix, Severity.NOTE)


_RULES: tuple[Rule, ...] = (
    _unknown_template,
    _asks_for_consent,
    _unknown_topic,
    _step_twice,
    _step_out_of_order,
    _owed_and_yet,
    _review_before_delivery,
    _tries_nothing,
    _cannot_be_tested,
    _held_for_ever,
    _more_than_there_are_slots,
    _nobody_can_match,
    _due_in_quiet_hours,
    _hardly_ever_allowed,
    _holidays_unknown,
    _cut_short,
)

_ANY_DAY = date(2026, 1, 5)
SHORTEST_DAY = 120
"""With fewer minutes in which mails may go, the quiet hours are likely written the wrong way round."""
READABLE_CONTRAST = 4.5
"""WCAG 2.2, success criterion 1.4.3."""


def _contrast_with_white(color: str) -> float:
    """Contrast ratio of white on `#rrggbb` (WCAG 2.2, definition of relative luminance)."""
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
