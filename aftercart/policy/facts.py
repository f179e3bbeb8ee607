"""What the gate looks at before a mail goes out: plain values about one planned mail, looked up by others."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Any

from aftercart.consent.statement import ConsentState
from aftercart.policy.competition import LOOKAHEAD, Rival
from aftercart.policy.days import EVERY_DAY
from aftercart.policy.frequency_cap import Counted, FrequencyCap, OnCap
from aftercart.policy.reason import Reason
from aftercart.policy.send_times import ANY_TIME, SendTimes
from aftercart.policy.suppression import MailClass, SuppressionReason


class ContentFault(StrEnum):
    """What is wrong with the content of a mail."""

    NO_PICKS = "no_picks"
    NO_COUPON = "no_coupon"
    TEMPLATE_ERROR = "template_error"


class IfNoCoupon(StrEnum):
    """What becomes of a mail that should carry a code when none is left."""

    WAIT = "wait"
    GO_WITHOUT = "go_without"
    DROP = "drop"


class CampaignStatus(StrEnum):
    """What the campaign's file says of it."""

    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class ReviewFacts:
    """What a mail that asks for a review has to know. `came_back`: something of the order was refunded or sent back.
    `asked_before`: about all that is left of it."""

    came_back: bool
    asked_before: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that the gate looks at, about one planned mail, looked up at `now`."""

    now: datetime
    valid_until: datetime
    """The instant from which on the mail is no longer worth sending; never after the next step is due."""
    zone: tzinfo
    person_hash: int
    campaign: str
    topic: str
    campaign_status: CampaignStatus | None
    """None: its file is not there."""
    waits_for: Reason | None = None
    """What somebody should have done for it meanwhile: one of `ASKED_AGAIN`."""
    has_step: bool = True
    """Whether the campaign still has this mail."""
    order_state: str
    """placed, completed, canceled or refunded."""
    anchors_left: int
    """How many bought products were not sent back."""
    consent: ConsentState | None
    suppressed_for: SuppressionReason | None = None
    holdout: bool = False
    content: ContentFault | None = None
    if_no_coupon: IfNoCoupon = IfNoCoupon.WAIT
    send_times: SendTimes = ANY_TIME
    mail_class: MailClass = MailClass.MARKETING
    caps: tuple[FrequencyCap, ...] = ()
    """None for transactional mail: it is never capped."""
    tired: bool = False
    """Whether the person has ignored so many mails that the caps were halved."""
    counted: tuple[Counted, ...] = ()
    snoozed_until: datetime | None = None
    """Until when the person asked for no mail."""
    on_cap: OnCap = OnCap.DEFER
    priority: int = 0
    lookahead: timedelta = LOOKAHEAD
    rivals: tuple[Rival, ...] = ()
    replaced: bool = False
    """A more important mail has just taken its slot."""
    paused: bool = False
    """The kill switch: nothing goes out at all."""
    guarded: str = ""
    """Why the campaign, or the brand, has paused itself; empty: it has not."""
    case_open: bool = False
    """Whether a support case about the order is open."""
    awaits_delivery: bool = False
    """Whether it goes after delivery, and the order has not arrived."""
    review: ReviewFacts | None = None
    """Of a mail that asks for a review; else None."""
    bought_since: bool = False
    """Whether the mail is only for people who have not bought meanwhile, and this one has."""

    @property
    def is_owed(self) -> bool:
        """Transactional."""
        return self.mail_class is MailClass.TRANSACTIONAL


def inputs(facts: Facts) -> dict[str, Any]:
    """The facts as plain JSON values, to be stored beside the decision."""
    return {
        "local_time": facts.now.astimezone(facts.zone).isoformat(timespec="seconds"),
        "zone": str(facts.zone),
        "valid_until": _utc(facts.valid_until),
        "paused": facts.paused,
        "topic": facts.topic,
        "class": facts.mail_class,
        "guarded": facts.guarded,
        "case_open": facts.case_open,
        **({"review": asdict(facts.review)} if facts.review else {}),
        "campaign_status": facts.campaign_status,
        "order_state": facts.order_state,
        "anchors_left": facts.anchors_left,
        "consent": facts.consent,
        "suppressed_for": facts.suppressed_for,
        "holdout": facts.holdout,
        "content": facts.content,
        **told_of_times(facts.send_times),
        "caps": [str(cap) for cap in facts.caps],
        **({"tired": True} if facts.tired and facts.caps else {}),
        **({"snoozed_until": _utc(facts.snoozed_until)} if facts.snoozed_until else {}),
        "counted": [_utc(mail.at) for mail in facts.counted],
        "on_cap": facts.on_cap,
        "priority": facts.priority,
    }


def told_of_times(times: SendTimes) -> dict[str, Any]:
    """When mail may go out, as it is kept with a decision: only what is set."""
    told = {
        "quiet_hours": "; ".join(map(str, times.quiet_hours)),
        "send_on": "" if times.send_on == EVERY_DAY else str(times.send_on),
        "not_on": str(times.not_on),
        "holidays_of": "-".join(filter(None, (times.country, times.region))) if times.not_on_holidays else "",
    }
    return {name: value for name, value in told.items() if value}


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds")
