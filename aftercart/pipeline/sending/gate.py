"""The gate, asked for a batch: the facts about each send in turn, and what is decided on them.

The deciding itself is pure and stands in `aftercart/policy/decision.py`; what is looked up before, in `people.py`.
"""

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from aftercart.bootstrap import App
from aftercart.campaigns.times import send_times
from aftercart.pipeline.planning.planned import Planned
from aftercart.pipeline.sending.people import NOBODY, People, caps_of
from aftercart.policy import decision
from aftercart.policy.competition import replaced_by
from aftercart.policy.decision import Allow, Defer, Verdict, bid_of, decide
from aftercart.policy.facts import CampaignStatus, ContentFault, Facts, IfNoCoupon, ReviewFacts
from aftercart.policy.frequency_cap import Counted, OnCap
from aftercart.policy.quiet_hours import person_hash
from aftercart.policy.reason import ASKED_AGAIN, Reason
from aftercart.policy.suppression import blocks


def ask(
    app: App,
    batch: Sequence[Planned],
    people: People,
    held_out: Collection[tuple[str, int]],
    faults: Mapping[UUID, ContentFault],
    ready: Collection[UUID],
    now: datetime,
) -> Iterator[tuple[Planned, Facts, Verdict]]:
    """Decide about each send in turn; one that may go takes its slot before the next is asked, and is no rival then.

    `held_out`: pairs of (campaign, recipient id) that get nothing. `ready`: the sends that can be claimed at once;
    another one, though allowed, takes no slot.
    """
    for planned in batch:
        rivals = people.rivals_of(planned)
        itself = [rival for rival in rivals if rival.send_id == planned.send_id]
        rivals[:] = [rival for rival in rivals if rival.send_id != planned.send_id]
        facts = facts_of(app, planned, people, now, held_out, faults.get(planned.send_id))
        verdict = decide(facts)
        match verdict.answer:
            case Allow() if planned.send_id in ready:
                _take_slot(people, planned, facts)
            case Defer(until, reason) if reason not in ASKED_AGAIN:
                rivals += [dataclasses.replace(rival, due_at=until) for rival in itself]
            case _:
                pass
        yield planned, facts, verdict


def _take_slot(people: People, planned: Planned, facts: Facts) -> None:
    """The slot that the mail takes, and those of less important mails, where its campaign wants it so."""
    if facts.on_cap is OnCap.REPLACE and not facts.is_owed:
        lost = set(replaced_by(facts.rivals, bid_of(facts)))
        people.replaced.update(lost)
        rivals = people.rivals_of(planned)
        rivals[:] = [rival for rival in rivals if rival.send_id not in lost]
    if planned.takes_slot:
        slot = Counted(facts.now, planned.campaign_name, planned.topic)
        people.counted[people.person_of(planned)].append(slot)


def facts_of(
    app: App,
    planned: Planned,
    people: People,
    now: datetime,
    held_out: Collection[tuple[str, int]] = frozenset(),
    fault: ContentFault | None = None,
) -> Facts:
    """The facts about one send."""
    campaign, step, brand = planned.campaign, planned.step, app.brand
    return Facts(
        now=now,
        valid_until=planned.valid_until,
        waits_for=Reason(planned.reason) if planned.reason in ASKED_AGAIN else None,
        zone=planned.zone.zone,
        person_hash=person_hash(planned.email),
        campaign=planned.campaign_name,
        topic=planned.topic,
        campaign_status=CampaignStatus(campaign.status) if campaign else None,
        has_step=planned.step is not None,
        order_state=planned.order_state,
        anchors_left=sum(line.left > 0 for line in planned.lines) if planned.subject_left else 0,
        case_open=planned.case_open,
        awaits_delivery=_awaits_delivery(planned, now),
        review=_review(planned),
        bought_since=planned.is_outdone,
        consent=people.consent.get(planned.recipient_id),
        suppressed_for=blocks(people.suppressions.get(planned.recipient_id, ()), planned.mail_class, planned.topic),
        holdout=(planned.campaign_name, planned.recipient_id) in held_out,
        content=fault,
        if_no_coupon=IfNoCoupon(step.coupon.if_empty) if step and step.coupon else IfNoCoupon.WAIT,
        mail_class=planned.mail_class,
        send_times=send_times(campaign.limits if campaign else None, brand).living_in(
            planned.zone.country, planned.zone.region
        ),
        caps=caps_of(brand, planned, people.tired),
        tired=planned.recipient_id in people.tired,
        counted=tuple(people.counted_for(planned)),
        on_cap=OnCap(campaign.limits.on_cap) if campaign else OnCap.DEFER,
        snoozed_until=planned.snoozed_until,
        priority=planned.priority,
        lookahead=planned.lookahead,
        rivals=tuple(people.rivals_of(planned)),
        replaced=planned.send_id in people.replaced,
        paused=brand.paused,
        guarded=_guarded(people.pauses, planned),
    )


def _guarded(pauses: Mapping[str, str], planned: Planned) -> str:
    """Why all mail, its campaign or its arm of an experiment has paused itself."""
    names = ("", planned.campaign_name, *([planned.arm.pause] if planned.arm else []))
    return next((because for name in names if (because := pauses.get(name))), "")


def _awaits_delivery(planned: Planned, now: datetime) -> bool:
    after_delivery = planned.campaign is not None and planned.campaign.trigger == "order.delivered"
    return after_delivery and (planned.delivered_at is None or planned.delivered_at > now)


def _review(planned: Planned) -> ReviewFacts | None:
    if not planned.asks_review:
        return None
    return ReviewFacts(planned.came_back, asked_before=bool(planned.reviewed) and not planned.anchors)


def still_stands(app: App, planned: Planned, now: datetime) -> bool:
    """Whether a claimed send may still go: no pause, no quiet hours, still worth sending. Asks no database."""
    return decision.still_stands(facts_of(app, planned, NOBODY, now))
