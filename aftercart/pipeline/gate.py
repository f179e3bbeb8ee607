"""The gate, asked for a batch: look up the facts, decide, one query a table however many sends there are.

The deciding itself is pure and stands in `aftercart/policy/decision.py`.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from aftercart.bootstrap import App
from aftercart.campaigns.brand import Brand
from aftercart.campaigns.schema import Campaign
from aftercart.campaigns.times import send_times
from aftercart.consent import store as consent
from aftercart.consent.statement import ConsentState
from aftercart.experiments import store as experiments
from aftercart.pipeline.planned import Planned
from aftercart.policy import decision
from aftercart.policy import store as policy
from aftercart.policy.competition import Rival, replaced_by
from aftercart.policy.decision import (
    Allow,
    CampaignStatus,
    ContentFault,
    Defer,
    Facts,
    IfNoCoupon,
    ReviewFacts,
    Verdict,
    bid_of,
    decide,
)
from aftercart.policy.frequency_cap import Counted, FrequencyCap, OnCap, reach
from aftercart.policy.quiet_hours import person_hash
from aftercart.policy.reason import ASKED_AGAIN, Reason
from aftercart.policy.suppression import MailClass, Suppression, blocks


@dataclass(frozen=True)
class People:
    """What the database says about the people of a batch, looked up now."""

    consent: Mapping[int, ConsentState]
    suppressions: Mapping[int, tuple[Suppression, ...]]
    person: Mapping[int, int]
    """Recipient id → the id that stands for the person, in `counted` and `rivals`."""
    addresses: Mapping[int, str]
    """By recipient id, also the other ones of these people."""
    counted: dict[int, list[Counted]]
    """Grows while a batch is asked."""
    rivals: dict[int, list[Rival]]
    """Shrinks while a batch is asked."""
    replaced: set[UUID] = field(default_factory=set)
    """Planned mails whose slot a more important one took; grows while a batch is asked."""
    pauses: Mapping[str, str] = field(default_factory=dict)
    """Why campaigns, arms of experiments, or (under the empty name) all mail have paused themselves."""
    tired: frozenset[int] = frozenset()
    """Who has ignored so many mails that the caps tighten."""

    def counted_for(self, planned: Planned) -> list[Counted]:
        """The mails that hold a slot of the person."""
        return self.counted.get(self.person.get(planned.recipient_id, planned.recipient_id), [])

    def addresses_by_person(self) -> dict[int, dict[int, str]]:
        """By the id that stands for the person: their addresses by recipient id, the oldest first."""
        found: defaultdict[int, dict[int, str]] = defaultdict(dict)
        for id_ in sorted(self.addresses):
            found[self.person[id_]][id_] = self.addresses[id_]
        return found

    def rivals_of(self, planned: Planned) -> list[Rival]:
        """What else is planned for the person, and the mail itself."""
        return self.rivals.get(self.person.get(planned.recipient_id, planned.recipient_id), [])


def look_up_permissions(connection: Connection, app: App, person: Mapping[int, int], now: datetime) -> People:
    """Consent and suppression of everybody in `person`, and pauses: enough for what is asked before any content."""
    addresses = policy.addresses_of(connection, person)
    return People(
        consent=consent.standings(connection, person, now, app.brand.consent_rules),
        suppressions=policy.suppressions_of_persons(connection, person, addresses, app.address_hashes),
        person=person,
        addresses=addresses,
        counted={},
        rivals={},
        pauses={pause.name: pause.because for pause in policy.pauses(connection)},
    )


def look_up(
    connection: Connection, app: App, batch: Sequence[Planned], person: Mapping[int, int], now: datetime
) -> People:
    """The same, with cap slots and rivals: slots as far back as the caps of any of them look."""
    known = look_up_permissions(connection, app, person, now)
    known = dataclasses.replace(known, tired=_tired(connection, app, person))
    rivals = _rivals(connection, app, batch, known, now)
    all_caps = [_caps(app.brand, planned, known.tired) for planned in batch]
    all_caps += [rival.caps for waiting in rivals.values() for rival in waiting]
    since = now - max(map(reach, all_caps), default=timedelta(0))
    counted: defaultdict[int, list[Counted]] = defaultdict(list)
    for who, mails in policy.counted_sends(connection, person, since, now, app.db.boot_id).items():
        counted[who] += mails
    return dataclasses.replace(known, counted=counted, rivals=rivals)


def _rivals(
    connection: Connection, app: App, batch: Sequence[Planned], people: People, now: datetime
) -> dict[int, list[Rival]]:
    """Only mails that compete for slots. One that waits for somebody to act (a pause, a broken template) must not hold
    others. Topic, priority and caps are those that the campaign has now, and the person's own caps are among them."""
    person, lookahead = people.person, max((planned.lookahead for planned in batch), default=timedelta(0))
    chosen = {person[planned.recipient_id]: planned.at_most for planned in batch}
    tired = {person[recipient_id] for recipient_id in people.tired}
    running = {n: c for n, c in app.campaigns.by_name.items() if c.status == "active" and n not in people.pauses}
    compete = {name: campaign for name, campaign in running.items() if campaign.takes_slots}
    found = policy.planned_sends(connection, person, now + lookahead, now, compete, but_not=ASKED_AGAIN)
    return {
        who: [
            dataclasses.replace(
                rival,
                topic=compete[rival.campaign].topic,
                priority=compete[rival.campaign].limits.priority,
                caps=_caps_of(app.brand, compete[rival.campaign], chosen.get(who, ()), is_tired=who in tired),
            )
            for rival in waiting
        ]
        for who, waiting in found.items()
    }


def _tired(connection: Connection, app: App, person: Mapping[int, int]) -> frozenset[int]:
    """Who has ignored too many marketing mails; nobody is expected to click in a receipt."""
    limit = app.brand.guard.tighten_after
    if limit is None:
        return frozenset()
    ignored = policy.ignored(connection, person, app.campaigns.owed)
    return frozenset(id_ for id_, who in person.items() if ignored.get(who, 0) >= limit)


def ask(
    app: App,
    batch: Sequence[Planned],
    people: People,
    held_out: set[tuple[str, int]],
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
    if facts.on_cap is OnCap.REPLACE and facts.caps:
        lost = set(replaced_by(facts.rivals, bid_of(facts)))
        people.replaced.update(lost)
        rivals = people.rivals_of(planned)
        rivals[:] = [rival for rival in rivals if rival.send_id not in lost]
    if planned.takes_slot:
        slots = people.counted[people.person.get(planned.recipient_id, planned.recipient_id)]
        slots.append(Counted(facts.now, planned.campaign_name, planned.topic))


def facts_of(
    app: App,
    planned: Planned,
    people: People,
    now: datetime,
    held_out: set[tuple[str, int]] = frozenset(),  # type: ignore[assignment]
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
        consent=people.consent.get(planned.recipient_id),
        suppressed_for=blocks(people.suppressions.get(planned.recipient_id, ()), planned.mail_class, planned.topic),
        holdout=(planned.campaign_name, planned.recipient_id) in held_out,
        content=fault,
        if_no_coupon=IfNoCoupon(step.coupon.if_empty) if step and step.coupon else IfNoCoupon.WAIT,
        mail_class=planned.mail_class,
        send_times=send_times(campaign.limits if campaign else None, brand).living_in(
            planned.zone.country, planned.zone.region
        ),
        caps=_caps(brand, planned, people.tired),
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
    return decision.still_stands(facts_of(app, planned, _NOBODY, now))


def hold_out(
    connection: Connection, app: App, batch: Sequence[Planned], people: People, now: datetime
) -> set[tuple[str, int]]:
    """Who of the batch belongs to a holdout, the brand's first, then the campaign's. Assigned once and for good.

    Transactional mail is owed to everybody.
    """
    batch = [planned for planned in batch if planned.mail_class is MailClass.MARKETING]
    theirs = people.addresses_by_person()
    ids = {planned.recipient_id for planned in batch}
    addresses = {id_: theirs[people.person[id_]] for id_ in ids}
    secret = app.settings.secret_key[-1]
    share = app.brand.holdout
    everywhere = _members(connection, experiments.BRAND, addresses, share, secret, experiments.brand_hash(share), now)
    held = {(planned.campaign_name, planned.recipient_id) for planned in batch if planned.recipient_id in everywhere}
    for campaign in {planned.campaign for planned in batch if planned.campaign}:
        asked = {
            p.recipient_id: addresses[p.recipient_id]
            for p in batch
            if p.campaign_name == campaign.campaign and p.recipient_id not in everywhere
        }
        name = f"campaign:{campaign.campaign}"
        members = _members(connection, name, asked, campaign.holdout, secret, campaign.version, now)
        held |= {(campaign.campaign, recipient_id) for recipient_id in members}
    return held


def _members(
    connection: Connection,
    experiment: str,
    addresses: Mapping[int, Mapping[int, str]],
    share: float,
    secret: str,
    config_hash: str,
    now: datetime,
) -> set[int]:
    if not share or not addresses:
        return set()
    arms = experiments.assigned(connection, experiment, addresses, share, secret, config_hash, now)
    return {recipient_id for recipient_id, arm in arms.items() if arm == "holdout"}


def _caps(brand: Brand, planned: Planned, tired: Collection[int]) -> tuple[FrequencyCap, ...]:
    return _caps_of(brand, planned.campaign, planned.at_most, is_tired=planned.recipient_id in tired)


def _caps_of(
    brand: Brand, campaign: Campaign | None, at_most: Iterable[str], *, is_tired: bool
) -> tuple[FrequencyCap, ...]:
    """Those of the brand and the campaign, and those that the person chose; none for what is owed."""
    if campaign and campaign.mail_class == "transactional":
        return ()
    shop = campaign.caps_beside(brand.frequency_cap) if campaign else brand.frequency_cap
    caps = (*shop, *map(FrequencyCap.parse, at_most))
    return tuple(cap.halved() for cap in caps) if is_tired else caps


_NOBODY = People(consent={}, suppressions={}, person={}, addresses={}, counted={}, rivals={})
