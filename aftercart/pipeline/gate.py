"""The gate, asked for a batch: look up the facts, decide, one query a table however many sends there are.

The deciding itself is pure and stands in `aftercart/policy/decision.py`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from aftercart.bootstrap import App
from aftercart.campaigns.brand import Brand
from aftercart.experiments import store as experiments
from aftercart.pipeline.planned import Planned
from aftercart.policy import decision
from aftercart.policy import store as policy
from aftercart.policy.competition import LOOKAHEAD, Rival
from aftercart.policy.consent import ConsentState
from aftercart.policy.decision import ASKED_AGAIN, Allow, CampaignStatus, ContentFault, Defer, Facts, Verdict, decide
from aftercart.policy.frequency_cap import Counted, FrequencyCap, reach
from aftercart.policy.quiet_hours import person_hash
from aftercart.policy.suppression import MailClass, Suppression, blocks


@dataclass(frozen=True)
class People:
    """What the database says about the people of a batch, looked up now."""

    consent: Mapping[int, ConsentState]
    suppressions: Mapping[str, tuple[Suppression, ...]]
    counted: dict[int, list[Counted]]
    """Grows while a batch is asked."""
    rivals: dict[int, list[Rival]]
    """Shrinks while a batch is asked."""
    pauses: Mapping[str, str] = field(default_factory=dict)
    """Why campaigns, or (under the empty name) all of them, have paused themselves."""
    tired: frozenset[int] = frozenset()
    """Who has ignored so many mails that the caps tighten."""


def look_up_permissions(connection: Connection, batch: Sequence[Planned]) -> People:
    """Consent and suppression of everybody in the batch, and pauses: enough for what is asked before any content."""
    return People(
        consent=policy.current_consent(connection, {planned.recipient_id for planned in batch}),
        suppressions=policy.suppressions_of(connection, {planned.email for planned in batch}),
        counted={},
        rivals={},
        pauses={pause.name: pause.because for pause in policy.pauses(connection)},
    )


def look_up(connection: Connection, app: App, batch: Sequence[Planned], now: datetime) -> People:
    """The same, with cap slots and rivals."""
    ids = {planned.recipient_id for planned in batch}
    campaigns, permissions = app.campaigns, look_up_permissions(connection, batch)
    tired = _tired(connection, campaigns.brand, ids)
    caps = [_caps(campaigns.brand, planned, tired) for planned in batch]
    since = now - max(map(reach, caps), default=now - now)
    counted = defaultdict(
        list, {i: list(mails) for i, mails in policy.counted_sends(connection, ids, since, now).items()}
    )
    # A mail that waits for a person (a pause, a broken template) must not hold others.
    running = [name for name, campaign in campaigns.by_name.items() if campaign.status == "active"]
    active = [name for name in running if name not in permissions.pauses]
    rivals = policy.planned_sends(connection, ids, now + LOOKAHEAD, active, but_not=ASKED_AGAIN)
    waiting = {recipient_id: list(planned) for recipient_id, planned in rivals.items()}
    return replace(permissions, counted=counted, rivals=waiting, tired=tired)


def _tired(connection: Connection, brand: Brand, ids: Collection[int]) -> frozenset[int]:
    limit = brand.guard.tighten_after
    if limit is None:
        return frozenset()
    return frozenset(id_ for id_, count in policy.ignored(connection, ids).items() if count >= limit)


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
        facts = facts_of(app, planned, people, now, held_out, faults.get(planned.send_id))
        verdict = decide(facts)
        if isinstance(verdict.answer, Allow) and planned.send_id in ready:
            people.counted[planned.recipient_id].append(Counted(now, planned.campaign_name))
        if not isinstance(verdict.answer, Defer):
            _no_rival(people.rivals.get(planned.recipient_id, []), planned)
        yield planned, facts, verdict


def _no_rival(rivals: list[Rival], decided: Planned) -> None:
    itself = Rival(decided.due_at, decided.campaign_name, decided.priority)
    if itself in rivals:
        rivals.remove(itself)


def facts_of(
    app: App,
    planned: Planned,
    people: People,
    now: datetime,
    held_out: set[tuple[str, int]] = frozenset(),  # type: ignore[assignment]
    fault: ContentFault | None = None,
) -> Facts:
    """The facts about one send."""
    campaign, brand = planned.campaign, app.brand
    return Facts(
        now=now,
        valid_until=planned.valid_until,
        zone=planned.zone.zone,
        person_hash=person_hash(planned.email),
        campaign=planned.campaign_name,
        campaign_status=CampaignStatus(campaign.status) if campaign else None,
        has_step=planned.step is not None,
        order_state=planned.order_state,
        anchors_left=len(planned.anchors) if planned.subject_left else 0,
        case_open=planned.case_open,
        consent=people.consent.get(planned.recipient_id),
        suppressed_for=blocks(people.suppressions.get(planned.email, ()), MailClass.MARKETING),
        holdout=(planned.campaign_name, planned.recipient_id) in held_out,
        content=fault,
        quiet_hours=(campaign.limits.quiet_hours if campaign else None) or brand.quiet_hours,
        caps=_caps(brand, planned, people.tired),
        counted=tuple(people.counted.get(planned.recipient_id, ())),
        priority=planned.priority,
        rivals=tuple(people.rivals.get(planned.recipient_id, ())),
        paused=brand.paused,
        guarded=people.pauses.get("") or people.pauses.get(planned.campaign_name, ""),
    )


def still_stands(app: App, planned: Planned, now: datetime) -> bool:
    """Whether a claimed send may still go: no pause, no quiet hours, still worth sending. Asks no database."""
    return decision.still_stands(facts_of(app, planned, _NOBODY, now))


def hold_out(connection: Connection, app: App, batch: Sequence[Planned], now: datetime) -> set[tuple[str, int]]:
    """Who of the batch belongs to a holdout, the brand's first, then the campaign's. Assigned once and for good."""
    emails = {planned.recipient_id: planned.email for planned in batch}
    secret = app.settings.secret_key[-1]
    everywhere = _members(connection, "brand", emails, app.brand.holdout, secret, "brand", now)
    held = {(planned.campaign_name, planned.recipient_id) for planned in batch if planned.recipient_id in everywhere}
    for campaign in {planned.campaign for planned in batch if planned.campaign}:
        people = {
            p.recipient_id: p.email
            for p in batch
            if p.campaign_name == campaign.campaign and p.recipient_id not in everywhere
        }
        name = f"campaign:{campaign.campaign}"
        members = _members(connection, name, people, campaign.holdout, secret, campaign.version, now)
        held |= {(campaign.campaign, recipient_id) for recipient_id in members}
    return held


def _members(
    connection: Connection,
    experiment: str,
    emails: Mapping[int, str],
    share: float,
    secret: str,
    config_hash: str,
    now: datetime,
) -> set[int]:
    if not share or not emails:
        return set()
    arms = experiments.assigned(connection, experiment, emails, share, secret, config_hash, now)
    return {recipient_id for recipient_id, arm in arms.items() if arm == "holdout"}


def _caps(brand: Brand, planned: Planned, tired: Collection[int]) -> tuple[FrequencyCap, ...]:
    own = planned.campaign.limits.frequency_cap if planned.campaign else ()
    caps = (*brand.frequency_cap, *own)
    return tuple(cap.halved() for cap in caps) if planned.recipient_id in tired else caps


_NOBODY = People(consent={}, suppressions={}, counted={}, rivals={})
