"""A batch of due sends, from decision to receipt.

1. Load the sends and all that is known about them; ask the gate as far as it needs no content.
2. Recommend and render for those that may still go. Nothing is locked meanwhile.
3. In one transaction: lock the people and their sends, look everything up again, ask the whole gate, take the cap
   slots, claim. An unsubscribe a millisecond earlier is honored here.
4. Hand over, one message after the other; each is marked between the server's go-ahead and its body.

A crash before 4 costs nothing: the lease runs out and the send is decided again. A crash inside a hand-over leaves
that one send `unknown`, and it is never sent again by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import structlog
from sqlalchemy import Connection

from aftercart.bootstrap import App
from aftercart.campaigns.loader import Campaigns
from aftercart.coupons import store as coupons
from aftercart.db.session import is_passing
from aftercart.enrollment import store as enrollments
from aftercart.ids import shuffled
from aftercart.ledger import store as ledger
from aftercart.ledger.states import SendState
from aftercart.pipeline.planning.configuration import (
    Configuration,
    configuration_of,
    keep_configuration,
    keep_what_ended,
)
from aftercart.pipeline.planning.lots import count_in
from aftercart.pipeline.planning.planned import Planned, load
from aftercart.pipeline.sending.content import Content, prepare
from aftercart.pipeline.sending.dropped import Decided, drop, may_drop
from aftercart.pipeline.sending.gate import ask, facts_of
from aftercart.pipeline.sending.hand_over import Claimed, hand_over
from aftercart.pipeline.sending.held_out import hold_out
from aftercart.pipeline.sending.people import look_up, look_up_permissions
from aftercart.pipeline.sending.turn import Turn
from aftercart.policy.decision import Allow, Answer, Defer, Skip, before_content
from aftercart.policy.facts import ContentFault, inputs
from aftercart.policy.reason import SAID_ONCE, Reason
from aftercart.policy.store import lock_recipients, persons_of

log = structlog.get_logger()


def deliver(app: App, send_ids: Sequence[UUID], turn: Turn | None = None) -> None:
    """Bring every one of these sends one step on: handed over, put off, or ended with a reason.

    `turn`: shared with what delivers in other threads of this process.
    """
    with (turn or Turn()).taken() as hold:
        hand_over(app, claim(app, send_ids), hold.heard)


def claim(app: App, send_ids: Sequence[UUID]) -> list[Claimed]:
    """All but the hand-over: put off or ended with a reason, or claimed with its slot, in the order to leave."""
    return reserve(app, send_ids, contents_for(app, send_ids))


def contents_for(app: App, send_ids: Sequence[UUID]) -> dict[UUID, Content]:
    """Content for the sends that may go. Where one of them breaks the engine, each is prepared by itself."""
    try:
        return _prepare_batch(app, send_ids)
    except Exception as err:  # a door
        if is_passing(err):  # the database is busy or away: nothing is lost, the message comes again
            raise
        log.exception("prepare_batch_failed", sends=len(send_ids))
        return {id_: content for send_id in send_ids for id_, content in _prepare_one(app, send_id).items()}


def _prepare_one(app: App, send_id: UUID) -> dict[UUID, Content]:
    try:
        return _prepare_batch(app, [send_id])
    except Exception as err:  # the same door: this one waits like one whose template is broken, with the cause kept
        if is_passing(err):
            raise
        log.exception("prepare_failed", send_id=str(send_id))
        return {send_id: Content(None, ContentFault.TEMPLATE_ERROR, f"{type(err).__name__}: {err}"[:1000])}


def _prepare_batch(app: App, send_ids: Sequence[UUID]) -> dict[UUID, Content]:
    now = app.clock()
    with app.db.read() as connection:
        rows = ledger.due(connection, send_ids, now, app.db.boot_id)
        person = persons_of(connection, {row["recipient_id"] for row in rows})
        under = configuration_of(app)
        batch = _load(connection, under.campaigns, rows, person)
        people = look_up_permissions(connection, app, person, now)
        hopeful = [p for p in batch if isinstance(before_content(facts_of(app, p, people, now)).answer, Allow)]
        contents = prepare(connection, app, hopeful, person, now)
        return {id_: replace(content, configuration=under) for id_, content in contents.items()}


def _load(
    connection: Connection, campaigns: Campaigns, rows: Sequence[Mapping[str, Any]], person: Mapping[int, int]
) -> list[Planned]:
    return load(connection, rows, person, campaigns.by_name, campaigns.brand.time_zone)


def reserve(app: App, send_ids: Sequence[UUID], contents: Mapping[UUID, Content]) -> list[Claimed]:
    """The transaction that decides. Returns what it claimed, in the order in which it shall leave.

    Sends that were tried in vain go last, and the rest are shuffled: a mail server that stumbles over some mails, which
    were perhaps planned together, must not meet them in a row.
    """
    with app.db.write() as connection:
        now = app.clock()  # not before: the transaction may have had to wait for its turn
        rows, person = _lock(connection, app, send_ids, now)
        under = configuration_of(app)
        batch = _load(connection, under.campaigns, rows, person)
        people = look_up(connection, app, batch, person, now)
        eligible = [p for p in batch if isinstance(before_content(facts_of(app, p, people, now)).answer, Allow)]
        held_out = hold_out(connection, app, eligible, people, now)
        mailed = [p for p in eligible if (p.campaign_name, p.recipient_id) not in held_out]
        count_in(connection, [(p.arm, p.recipient_id) for p in mailed if p.arm], now)
        faults = {send_id: content.fault for send_id, content in contents.items() if content.fault}
        ready = _ready(connection, batch, person, contents, now)
        decided = list(ask(app, batch, people, held_out, faults, ready, now))
        claimed = _record(connection, decided, contents, ready, under, now, app.db.boot_id)
        drop(connection, under, decided, people.replaced, now)
    return sorted(claimed, key=lambda claim: (claim.planned.tries, shuffled(claim.send_id)))


def _ready(
    connection: Connection,
    batch: Sequence[Planned],
    person: Mapping[int, int],
    contents: Mapping[UUID, Content],
    now: datetime,
) -> dict[UUID, Content]:
    """The content that can go as it is.

    A send that was hopeless a moment ago has none. Where its order has changed since, its person was offered one of its
    products in another mail meanwhile, or another mail took its code, it is outdated. Either way its next turn comes.
    """
    offered = ledger.offered_since(connection, person, now - ledger.NOT_AGAIN_FOR)
    fitting = {
        planned.send_id: content
        for planned in batch
        if (content := contents.get(planned.send_id))
        and content.message
        and content.is_about(planned)
        and content.skus.isdisjoint(offered.get(person[planned.recipient_id], ()))
    }
    with_code = {id_: content.coupon for id_, content in fitting.items() if content.coupon}
    lost = with_code.keys() - coupons.still_free(connection, with_code) | _asks_later(batch, person)
    return {id_: content for id_, content in fitting.items() if id_ not in lost}


def _asks_later(batch: Sequence[Planned], person: Mapping[int, int]) -> set[UUID]:
    """Of several mails that ask a person for reviews all but the first: the next turn knows what that one asked."""
    asking = [planned for planned in batch if planned.asks_review]
    first = {person[planned.recipient_id]: planned.send_id for planned in reversed(asking)}
    return {planned.send_id for planned in asking} - set(first.values())


def _lock(
    connection: Connection, app: App, send_ids: Sequence[UUID], now: datetime
) -> tuple[list[dict[str, Any]], dict[int, int]]:
    """Lock the people, then their sends: the order that everybody keeps (see `aftercart/ledger/store`).

    Returns the rows of the sends, and for each recipient id the id that stands for the person.
    """
    people = ledger.recipients_of(connection, send_ids)
    lock_recipients(connection, people)
    theirs = persons_of(connection, people)
    rows = ledger.lock_due(connection, send_ids, now, app.db.boot_id, theirs, all_planned=may_drop(app))
    return [row for row in rows if row["recipient_id"] in people], theirs


def _record(
    connection: Connection,
    decided: Sequence[Decided],
    contents: Mapping[UUID, Content],
    ready: Mapping[UUID, Content],
    under: Configuration,
    now: datetime,
    boot_id: str | None,
) -> list[Claimed]:
    claimed = [
        Claimed(planned, ready[planned.send_id], planned.attempt + 1)
        for planned, _, verdict in decided
        if isinstance(verdict.answer, Allow) and planned.send_id in ready
    ]
    _keep_versions(connection, claimed, now)
    ledger.claim(connection, [_lease(claim) for claim in claimed], now, boot_id)
    coupons.give(connection, {c.send_id: c.content.coupon for c in claimed if c.content.coupon}, now)
    again = [claim.send_id for claim in claimed if claim.planned.attempt]
    ledger.keep_content(connection, again, _pick_rows(claimed), _link_rows(claimed), _copy_rows(claimed))
    templates = {copy.version: copy.template for claim in claimed if (copy := claim.content.copy)}
    ledger.keep_templates(connection, templates)
    waits = {p.send_id: a for p, _, verdict in decided if isinstance(a := verdict.answer, Defer)}
    ledger.defer(connection, {send_id: (wait.until, wait.reason) for send_id, wait in waits.items()})
    ends = {p: a for p, _, verdict in decided if isinstance(a := verdict.answer, Skip)}
    keep_what_ended(connection, under, {planned.campaign_name for planned in ends}, now)
    ledger.end(
        connection,
        {p.send_id: (SendState(skip.state), skip.reason) for p, skip in ends.items()},
        {p.send_id: under.of(p.campaign_name) for p in ends},
    )
    enrollments.complete(connection, (p.enrollment_id for p in ends), now)
    of_claimed = {claim.send_id for claim in claimed}
    news = [_decision(d, contents, now) for d in decided if _is_news(d, of_claimed)]
    ledger.keep_decisions(connection, news)
    for planned, skip in ends.items():
        log.info("send_ended", send_id=str(planned.send_id), state=skip.state, reason=skip.reason)
    return claimed


def _keep_versions(connection: Connection, claimed: Sequence[Claimed], now: datetime) -> None:
    """Keep the versions that these mails name: nobody need have entered a campaign since it was edited."""
    under = {c.version: c for claim in claimed if (c := claim.content.configuration)}
    campaigns = {claim.planned.campaign for claim in claimed if claim.planned.campaign}
    for configuration in under.values():
        keep_configuration(connection, configuration, campaigns, now)


def _lease(claimed: Claimed) -> ledger.Claim:
    content = claimed.content
    return ledger.Claim(
        send_id=claimed.send_id,
        attempt=claimed.attempt,
        subject=claimed.message.subject,
        model_version=content.recommendation.served_by if content.recommendation else None,
        template_version=content.template_version,
        config_version=content.config_version,
        configuration=content.configuration.version if content.configuration else None,
        topic=claimed.planned.topic,
        takes_slot=claimed.planned.takes_slot,
    )


def _is_news(decided: Decided, claimed: set[UUID]) -> bool:
    """Whether it goes on record. A send that goes on waiting for somebody to act, or for another mail, stands there."""
    planned, _, verdict = decided
    match verdict.answer:
        case Allow():
            return planned.send_id in claimed
        case Defer(_, reason):
            return reason != planned.reason or reason not in SAID_ONCE
        case Skip():
            return True


def _decision(decided: Decided, contents: Mapping[UUID, Content], now: datetime) -> ledger.Decision:
    planned, facts, verdict = decided
    outcome, reason, until = _in_short(verdict.answer)
    content = contents.get(planned.send_id)
    return ledger.Decision(
        at=now,
        stage="gate",
        campaign=planned.campaign_name,
        order_id=planned.order_id,
        send_id=planned.send_id,
        outcome=outcome,
        reason=reason,
        until=until,
        inputs={
            **inputs(facts),
            "stops": list(verdict.stops),
            **_cause(verdict.answer),
            "zone_from": planned.zone.source,
            **(content.facts(is_claimed=isinstance(verdict.answer, Allow)) if content else {}),
            **({"experiment": planned.arm.experiment, "variant": planned.arm.variant} if planned.arm else {}),
        },
    )


def _cause(answer: Answer) -> dict[str, Reason]:
    """What kept a mail until it expired."""
    return {"because": answer.because} if isinstance(answer, Skip) and answer.because else {}


def _in_short(answer: Answer) -> tuple[Literal["allow", "defer", "skip"], Reason, datetime | None]:
    match answer:
        case Allow():
            return "allow", Reason.ALLOWED, None
        case Defer(until, reason):
            return "defer", reason, until
        case Skip(reason):
            return "skip", reason, None


def _pick_rows(claimed: Sequence[Claimed]) -> list[dict[str, Any]]:
    return [
        {
            "send_id": claim.send_id,
            "slot": slot,
            "sku": pick.sku,
            "title": pick.title,
            "because": pick.because,
            "source": pick.source,
            "score": pick.score,
            "evidence": dict(pick.evidence),
        }
        for claim in claimed
        for slot, pick in enumerate(claim.content.picks, start=1)
    ]


def _link_rows(claimed: Sequence[Claimed]) -> list[dict[str, Any]]:
    return [
        {"send_id": claim.send_id, "position": position, "url": url}
        for claim in claimed
        for position, url in claim.content.links
    ]


def _copy_rows(claimed: Sequence[Claimed]) -> list[dict[str, Any]]:
    return [{"send_id": claim.send_id, "content": copy.content} for claim in claimed if (copy := claim.content.copy)]
