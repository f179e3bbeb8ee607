"""May this mail go out now? One pure function, one order of checks; its answers carry a reason of `reason.py`.

The gate, in this order: kill switch → enrollment still valid (order, its items, its campaign) → still worth sending
→ permission (suppression, then consent) → holdout → content → a break that the person asked for → quiet hours and days
→ frequency caps. The first stop is the answer; all of them are kept, so that "why did Ada not get this" has a complete
answer. Suppression stands before consent because who unsubscribes loses both, and "has unsubscribed" says more than
"has not agreed". Holdout stands after consent and before the caps, so that both arms are equally eligible.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from aftercart.policy.competition import Bid, yields_until
from aftercart.policy.consent import may_market
from aftercart.policy.facts import CampaignStatus, ContentFault, Facts, IfNoCoupon
from aftercart.policy.frequency_cap import Counted, OnCap, next_free
from aftercart.policy.reason import CANCELING, Reason
from aftercart.policy.suppression import SuppressionReason

RECHECK = timedelta(minutes=15)
"""How often a mail that waits for somebody to act (to end a pause, to mend a template, to pay) asks again."""


@dataclass(frozen=True, slots=True)
class Allow:
    """It may go out now."""


@dataclass(frozen=True, slots=True)
class Defer:
    """Not now; ask again at `until`, which lies in the future and not after the mail's last use."""

    until: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class Skip:
    """Never. `because`: what kept it until it expired."""

    reason: Reason
    because: Reason | None = None

    @property
    def state(self) -> Literal["skipped", "canceled"]:
        """The state in which the send ends."""
        return "canceled" if self.reason in CANCELING else "skipped"


Answer = Allow | Defer | Skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, and every reason that would have stopped the mail, in gate order."""

    answer: Answer
    stops: tuple[Reason, ...]


Check = Callable[[Facts], Defer | Skip | None]


def decide(facts: Facts) -> Verdict:
    """The whole gate."""
    return _first(facts, (*_BEFORE_CONTENT, *_AFTER_CONTENT))


def before_content(facts: Facts) -> Verdict:
    """The gate up to and including the holdout: asked before any work goes into content."""
    return _first(facts, _BEFORE_CONTENT)


def once_more(facts: Facts) -> Verdict:
    """The gate for a mail that was handed over and may not have arrived: it has its content and its slot already."""
    return _first(facts, _ONCE_MORE)


def still_stands(facts: Facts) -> bool:
    """Whether a mail that was allowed a moment ago may still go, as far as that can be told without a look-up."""
    return not any(check(facts) for check in _BY_THE_CLOCK)


def _first(facts: Facts, checks: Iterable[Check]) -> Verdict:
    stops = [stop for check in checks if (stop := check(facts))]
    answer = _within_limit(stops[0], facts) if stops else Allow()
    return Verdict(answer, tuple(stop.reason for stop in stops))


def _within_limit(stop: Defer | Skip, facts: Facts) -> Defer | Skip:
    """A mail that would wait beyond its last use does not wait at all; the cause is kept."""
    if isinstance(stop, Skip) or facts.now < stop.until <= facts.valid_until:
        return stop
    return Skip(Reason.EXPIRED, because=stop.reason)


def _switched_off(facts: Facts) -> Defer | None:
    return _ask_again(facts, Reason.PAUSED) if facts.paused else None


def _paused_itself(facts: Facts) -> Defer | None:
    """The guard holds marketing alone: receipts annoy nobody, and nobody may be left without theirs for days."""
    return _ask_again(facts, Reason.GUARD) if facts.guarded and not facts.is_owed else None


def _case_is_open(facts: Facts) -> Defer | None:
    """Nobody who waits for an answer about an order wants to be sold what goes with it; what is owed still comes."""
    return _ask_again(facts, Reason.CASE_OPEN) if facts.case_open and not facts.is_owed else None


def _order_taken_back(facts: Facts) -> Defer | Skip | None:
    """An order whose payment fell through holds its mails: it may yet be paid."""
    match facts.order_state:
        case "canceled":
            return Skip(Reason.ORDER_CANCELED)
        case "refunded":
            return Skip(Reason.ORDER_REFUNDED)
        case "test":
            return Skip(Reason.TEST_ORDER)
        case "completed":
            return None if facts.anchors_left else Skip(Reason.ITEMS_RETURNED)
        case _:
            return _ask_again(facts, Reason.ORDER_NOT_COMPLETED)


def _not_to_be_reviewed(facts: Facts) -> Skip | None:
    """Who sent something back, or got money back, has said what there is to say."""
    if facts.review is None:
        return None
    if facts.review.came_back:
        return Skip(Reason.CAME_BACK)
    return Skip(Reason.ASKED_BEFORE) if facts.review.asked_before else None


def _bought_meanwhile(facts: Facts) -> Skip | None:
    return Skip(Reason.BOUGHT_SINCE) if facts.bought_since else None


def _not_delivered(facts: Facts) -> Defer | None:
    """The shop took its word back that the order arrived, or names a day to come."""
    return _ask_again(facts, Reason.NOT_DELIVERED) if facts.awaits_delivery else None


def _campaign_not_running(facts: Facts) -> Defer | Skip | None:
    """A pause holds mails, and they go on when it ends. So does a file that is gone: it may be on its way back, as an
    editor saves it. A draft cancels mails, and so does a campaign that no longer has them."""
    match facts.campaign_status:
        case None:
            return _ask_again(facts, Reason.CAMPAIGN_MISSING)
        case CampaignStatus.PAUSED:
            return _ask_again(facts, Reason.CAMPAIGN_PAUSED)
        case CampaignStatus.DRAFT:
            return Skip(Reason.CAMPAIGN_INACTIVE)
        case CampaignStatus.ACTIVE:
            return None if facts.has_step else Skip(Reason.CAMPAIGN_INACTIVE)


def _too_late(facts: Facts) -> Skip | None:
    return Skip(Reason.EXPIRED, because=facts.waits_for) if facts.now >= facts.valid_until else None


def _suppressed(facts: Facts) -> Skip | None:
    if facts.suppressed_for is None:
        return None
    return Skip(suppressed_as(facts.suppressed_for))


def suppressed_as(reason: SuppressionReason) -> Reason:
    """What is said of a mail that a suppression stops."""
    match reason:
        case SuppressionReason.UNSUBSCRIBED:
            return Reason.UNSUBSCRIBED
        case SuppressionReason.ERASED:
            return Reason.ERASED
        case _:
            return Reason.SUPPRESSED


def _not_permitted(facts: Facts) -> Skip | None:
    """Transactional mail is owed to its reader, who need not have agreed to it."""
    if facts.is_owed:
        return None
    return None if may_market(facts.consent) else Skip(Reason.NO_CONSENT)


def _held_out(facts: Facts) -> Skip | None:
    return Skip(Reason.HOLDOUT) if facts.holdout else None


def _content_fault(facts: Facts) -> Defer | Skip | None:
    """A broken template can be mended and codes can be brought, so these mails wait; products that are not there will
    not come by waiting."""
    match facts.content:
        case None:
            return None
        case ContentFault.TEMPLATE_ERROR:
            return _ask_again(facts, Reason.TEMPLATE_ERROR)
        case ContentFault.NO_COUPON if facts.if_no_coupon is not IfNoCoupon.DROP:
            return _ask_again(facts, Reason.NO_COUPON)
        case fault:
            return Skip(Reason(fault))


def _too_early_or_late_in_the_day(facts: Facts) -> Defer | None:
    if facts.send_times.is_quiet(facts.now, facts.zone):
        return Defer(_opening(facts, facts.now), Reason.QUIET_HOURS)
    return None


def _on_a_day_off(facts: Facts) -> Defer | None:
    if facts.send_times.is_day_off(facts.now, facts.zone):
        return Defer(_opening(facts, facts.now), Reason.DAY_OFF)
    return None


def _lost_its_slot(facts: Facts) -> Skip | None:
    return Skip(Reason.REPLACED) if facts.replaced else None


def _too_many_lately(facts: Facts) -> Defer | Skip | None:
    free = next_free(facts.caps, facts.counted, facts.now, facts.zone, facts.campaign, facts.topic)
    if free is None:
        return None
    if facts.on_cap is OnCap.DROP:
        return Skip(Reason.FREQUENCY_CAP)
    return Defer(_opening(facts, free), Reason.FREQUENCY_CAP)


def _snoozed(facts: Facts) -> Defer | None:
    """Before the quiet hours, so that a break of months does not first wait for the morning. What is owed comes."""
    if facts.snoozed_until is None or facts.now >= facts.snoozed_until or facts.is_owed:
        return None
    return Defer(_opening(facts, facts.snoozed_until), Reason.SNOOZED)


def _outranked(facts: Facts) -> Defer | None:
    """A mail without caps makes way, too: it may take the only slot of one that has them. What is owed never waits."""
    until = None if facts.is_owed else yields_until(facts.rivals, bid_of(facts))
    return Defer(_opening(facts, until), Reason.OUTRANKED) if until else None


def bid_of(facts: Facts) -> Bid:
    """The mail as it competes for a slot."""
    return Bid(
        mail=Counted(facts.now, facts.campaign, facts.topic),
        priority=facts.priority,
        lookahead=facts.lookahead,
        counted=facts.counted,
        zone=facts.zone,
    )


def _ask_again(facts: Facts, reason: Reason) -> Defer:
    return Defer(min(facts.now + RECHECK, facts.valid_until), reason)


def _opening(facts: Facts, start: datetime) -> datetime:
    """The first instant, `start` or later, that is at which mail may go out and a slot is free under every cap.

    It ends early once the mail's last use has passed: such a mail expires anyway.
    """
    moment = start
    while moment <= facts.valid_until:
        free = next_free(facts.caps, facts.counted, moment, facts.zone, facts.campaign, facts.topic) or moment
        later = facts.send_times.allowed_from(free, facts.zone, facts.person_hash)
        if later == moment:
            break
        moment = later
    return moment


_BEFORE_CONTENT: tuple[Check, ...] = (
    _switched_off,
    _paused_itself,
    _order_taken_back,
    _not_to_be_reviewed,
    _bought_meanwhile,
    _not_delivered,
    _case_is_open,
    _campaign_not_running,
    _too_late,
    _suppressed,
    _not_permitted,
    _held_out,
)
_AFTER_CONTENT: tuple[Check, ...] = (
    _content_fault,
    _snoozed,
    _on_a_day_off,
    _too_early_or_late_in_the_day,
    _lost_its_slot,
    _too_many_lately,
    _outranked,
)
_ONCE_MORE: tuple[Check, ...] = (
    *(check for check in _BEFORE_CONTENT if check is not _held_out),
    _snoozed,
    _on_a_day_off,
    _too_early_or_late_in_the_day,
)
_BY_THE_CLOCK: tuple[Check, ...] = (
    _switched_off,
    _campaign_not_running,
    _too_late,
    _on_a_day_off,
    _too_early_or_late_in_the_day,
)
