"""An order enters campaigns, or leaves them.

Works on a batch of orders in the caller's transaction, one query a table. Repeating it changes nothing: one
enrollment per (campaign, order) for ever, and one record of each refusal.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import structlog
from sqlalchemy import Connection, Row, select
from sqlalchemy.dialects import postgresql, sqlite

from aftercart.bootstrap import App
from aftercart.campaigns.schema import Campaign
from aftercart.campaigns.times import send_times
from aftercart.db.session import insert_new
from aftercart.db.tables import decisions, enrollments, orders, preferences, recipients, sends
from aftercart.enrollment import store as enrollment_store
from aftercart.enrollment.eligibility import Enter, OrderFacts, Refuse, may_enter
from aftercart.enrollment.schedule import due_at, plan
from aftercart.enrollment.states import ENTER, EXIT
from aftercart.ledger import store as ledger
from aftercart.ledger.states import PLAN
from aftercart.money import Money
from aftercart.pipeline.planning.configuration import Configuration, configuration_of, keep_configuration
from aftercart.pipeline.planning.lots import Lots, keep, lots_of
from aftercart.pipeline.planning.order_news import News, news_of
from aftercart.pipeline.planning.own import OWN_TIME_ZONE
from aftercart.pipeline.planning.planned import Line, item_of, lines_of
from aftercart.policy.facts import told_of_times
from aftercart.policy.quiet_hours import person_hash
from aftercart.policy.reason import Reason
from aftercart.policy.zones import LocalZone, zone_of
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.store import load_facts
from aftercart.rights.store import is_erased

log = structlog.get_logger()

TAKEN_BACK = {"canceled": Reason.ORDER_CANCELED, "refunded": Reason.ORDER_REFUNDED}


@dataclass(frozen=True)
class Candidate:
    """An order and what was bought with it."""

    row: Row[Any]
    facts: OrderFacts


def enroll(connection: Connection, app: App, order_ids: Iterable[int], now: datetime) -> None:
    """Let orders enter the campaigns they fit, and exit those whose order was taken back, until it is restored."""
    candidates = candidates_of(connection, set(order_ids))
    if not candidates:
        return
    _exit_taken_back(connection, candidates, now)
    _go_on(connection, candidates, now)
    ledger.decide_anew(connection, [candidate.row.id for candidate in candidates])
    under = configuration_of(app)
    campaigns = under.campaigns.by_name
    known = _enrolled(connection, [candidate.row.id for candidate in candidates])
    new = [
        (candidate, campaign)
        for candidate in candidates
        if not candidate.row.imported
        for campaign in campaigns.values()
        if (campaign.campaign, candidate.row.id) not in known
    ]
    max_age = timedelta(days=app.settings.max_order_age_days)
    answers = [(c, campaign, may_enter(campaign, c.facts, now, max_age)) for c, campaign in new]
    entering = [(c, campaign) for c, campaign, answer in answers if isinstance(answer, Enter)]
    _enter(connection, app, entering, under, now)
    refused = [(c, campaign, answer.reason) for c, campaign, answer in answers if isinstance(answer, Refuse)]
    _keep_refusals(connection, refused, now)


# ---------------------------------------------------------------- reading


def candidates_of(connection: Connection, order_ids: set[int]) -> list[Candidate]:
    """These orders with all that decides about them, one query a table."""
    query = (
        select(
            orders,
            recipients.c.email,
            OWN_TIME_ZONE.label("time_zone"),
            recipients.c.country.label("recipient_country"),
        )
        .outerjoin(recipients, recipients.c.id == orders.c.recipient_id)
        .outerjoin(preferences, preferences.c.recipient_id == recipients.c.id)
        .where(orders.c.id.in_(order_ids))
        .order_by(orders.c.id)
    )
    rows = {row.id: row for row in connection.execute(query)}
    lines, news = lines_of(connection, rows), news_of(connection, rows)
    catalog = load_facts(connection, (line.sku for found in lines.values() for line in found))
    return [Candidate(row, _facts(row, lines[row.id], catalog, news.get(row.id, News()))) for row in rows.values()]


def _facts(row: Row[Any], lines: Sequence[Line], catalog: Mapping[str, Product], news: News) -> OrderFacts:
    return OrderFacts(
        state=row.state,
        ordered_at=row.completed_at or row.placed_at,
        delivered_at=news.delivered_at,
        imported=row.imported,
        email="" if row.email is None or is_erased(row.email) else row.email,
        items=[item_of(line.sku, catalog.get(line.sku)) for line in lines if line.left > 0],
        country=row.country or row.recipient_country or "",
        total=Money(row.total_minor, row.currency),
    )


def _enrolled(connection: Connection, order_ids: Sequence[int]) -> set[tuple[str, int]]:
    query = select(enrollments.c.campaign, enrollments.c.order_id).where(enrollments.c.order_id.in_(order_ids))
    return {(campaign, order_id) for campaign, order_id in connection.execute(query)}


# ---------------------------------------------------------------- leaving


def _exit_taken_back(connection: Connection, candidates: Sequence[Candidate], now: datetime) -> None:
    """A canceled or refunded order takes its planned mails with it."""
    reasons = {c.row.id: TAKEN_BACK[c.row.state] for c in candidates if c.row.state in TAKEN_BACK}
    active = select(enrollments).where(enrollments.c.order_id.in_(reasons), enrollments.c.state.in_(EXIT.sources))
    exits = {row.id: (row, reasons[row.order_id]) for row in connection.execute(active)} if reasons else {}
    why = {id_: reason for id_, (_, reason) in exits.items()}
    ledger.cancel(connection, why)
    enrollment_store.exit_(connection, why, now)
    ledger.keep_decisions(
        connection,
        [
            _decision(now, row.campaign, row.order_id, "skip", reason, {"exited": True})
            for row, reason in exits.values()
        ],
    )


def _go_on(connection: Connection, candidates: Sequence[Candidate], now: datetime) -> None:
    """An order that was taken back by mistake and stands again goes on in its campaigns where it left them, unless its
    person was forgotten meanwhile."""
    standing = [c.row.id for c in candidates if c.row.state == "completed" and c.facts.email]
    reasons = [*TAKEN_BACK.values()]
    exited = enrollment_store.exited(connection, standing, reasons)
    planned = ledger.restore(connection, exited, reasons, now) if exited else set()
    enrollment_store.restore(connection, planned)
    restored = {id_: about for id_, about in exited.items() if id_ in planned}
    again = [
        _decision(now, campaign, order_id, "enroll", Reason.ENROLLED, {"restored": True})
        for campaign, order_id in restored.values()
    ]
    ledger.keep_decisions(connection, again)


# ---------------------------------------------------------------- entering


def _enter(
    connection: Connection,
    app: App,
    entering: Sequence[tuple[Candidate, Campaign]],
    under: Configuration,
    now: datetime,
) -> None:
    if not entering:
        return
    campaigns = {campaign for _, campaign in entering}
    keep_configuration(connection, under, campaigns, now)
    entered = _insert_enrollments(connection, entering, now)
    asked = [(c, candidate.row.recipient_id) for candidate, c in entering if (c.campaign, candidate.row.id) in entered]
    lots = keep(connection, lots_of(connection, app, asked), campaigns, now)
    planned = [
        {**row, "configuration": under.version}
        for candidate, campaign in entering
        if (enrollment_id := entered.get((campaign.campaign, candidate.row.id))) is not None
        for row in send_rows(app, candidate, campaign, enrollment_id, now, lots)
    ]
    insert_new(connection, sends, planned, unique=("enrollment_id", "step"))
    ledger.keep_decisions(
        connection,
        [
            _decision(now, campaign.campaign, candidate.row.id, "enroll", Reason.ENROLLED, facts)
            for candidate, campaign in entering
            if (enrollment_id := entered.get((campaign.campaign, candidate.row.id))) is not None
            and (facts := _planned(planned, enrollment_id, _zone(app, candidate)) | _put_off(app, candidate, campaign))
        ],
    )
    log.info("enrolled", enrollments=len(entered), sends=len(planned))


def _planned(planned: Sequence[Mapping[str, Any]], enrollment_id: int, zone: LocalZone) -> dict[str, Any]:
    """When the mails of an enrollment were planned for, by step; `due_at` itself moves on when a mail has to wait."""
    mails = {
        row["step"]: {
            **{name: row[name].isoformat(timespec="seconds") for name in ("due_at", "valid_until")},
            **({"experiment": row["experiment"], "variant": row["variant"]} if row["variant"] else {}),
        }
        for row in planned
        if row["enrollment_id"] == enrollment_id
    }
    return {"zone": str(zone.zone), "zone_from": zone.source, "mails": mails}


def _put_off(app: App, candidate: Candidate, campaign: Campaign) -> dict[str, Any]:
    """The hours and days for which a mail is planned later than its delay says; none where all mails keep to it."""
    home, began = _zone(app, candidate), candidate.facts.began(campaign)
    times = send_times(campaign.limits, app.brand).living_in(home.country, home.region)
    moves = began and any(times.holds(due_at(step, began, home.zone), home.zone) for step in campaign.steps)
    return told_of_times(times) if moves else {}


def _zone(app: App, candidate: Candidate) -> LocalZone:
    row = candidate.row
    own, country = row.time_zone or "", candidate.facts.country
    return zone_of(own=own, country=country, region=row.region, shop=app.brand.time_zone)


def _insert_enrollments(
    connection: Connection, entering: Sequence[tuple[Candidate, Campaign]], now: datetime
) -> dict[tuple[str, int], int]:
    """The ids of the enrollments that are new; another worker may have been first."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = (
        dialect.insert(enrollments)
        .on_conflict_do_nothing(index_elements=["campaign", "order_id"])
        .returning(enrollments.c.id, enrollments.c.campaign, enrollments.c.order_id)
    )
    rows = [
        {
            "campaign": campaign.campaign,
            "campaign_version": campaign.version,
            "order_id": candidate.row.id,
            "recipient_id": candidate.row.recipient_id,
            "state": ENTER.target,
            "created_at": now,
        }
        for candidate, campaign in entering
    ]
    return {(name, order_id): id_ for id_, name, order_id in connection.execute(statement, rows)}


def send_rows(
    app: App, candidate: Candidate, campaign: Campaign, enrollment_id: int, now: datetime, lots: Lots
) -> Iterator[dict[str, Any]]:
    """The sends of an enrollment, as they are planned for this order when it enters the campaign as it stands."""
    drawn = {step.id: lots.get((campaign.campaign, step.id, candidate.row.recipient_id)) for step in campaign.steps}
    steps = [step.varied(lot.variant) if (lot := drawn[step.id]) else step for step in campaign.steps]
    row, home = candidate.row, _zone(app, candidate)
    times = send_times(campaign.limits, app.brand).living_in(home.country, home.region)
    began = candidate.facts.began(campaign)
    assert began is not None  # `may_enter` has seen to it
    for step in plan(steps, began, home.zone, times, person_hash(row.email)):
        yield {
            "id": app.new_id(),
            "enrollment_id": enrollment_id,
            "campaign": campaign.campaign,
            "topic": campaign.topic,
            "step": step.step,
            "config_version": campaign.version,
            "experiment": lot.experiment if (lot := drawn[step.step]) else None,
            "variant": lot.variant if lot else None,
            "order_id": row.id,
            "recipient_id": row.recipient_id,
            "state": PLAN.target,
            "priority": campaign.limits.priority,
            "due_at": step.due_at,
            "valid_until": step.valid_until,
            "wake_at": step.due_at,
            "attempt": 0,
            "tries": 0,
            "created_at": now,
        }


# ---------------------------------------------------------------- staying out


def _keep_refusals(
    connection: Connection, refused: Sequence[tuple[Candidate, Campaign, Reason]], now: datetime
) -> None:
    """Keep why orders did not enter: one record a reason, however often the shop shows the order again."""
    told = _told(connection, [candidate.row.id for candidate, _, _ in refused])
    ledger.keep_decisions(
        connection,
        [
            _decision(now, campaign.campaign, candidate.row.id, "skip", reason, _inputs(candidate.facts))
            for candidate, campaign, reason in refused
            if (campaign.campaign, candidate.row.id, reason) not in told
        ],
    )


def _told(connection: Connection, order_ids: Sequence[int]) -> set[tuple[str, int, str]]:
    if not order_ids:
        return set()
    query = select(decisions.c.campaign, decisions.c.order_id, decisions.c.reason).where(
        decisions.c.order_id.in_(order_ids), decisions.c.stage == "enroll"
    )
    return {(campaign, order_id, reason) for campaign, order_id, reason in connection.execute(query)}


def _inputs(facts: OrderFacts) -> dict[str, Any]:
    return {
        "order_state": facts.state,
        "ordered_at": facts.ordered_at.isoformat(timespec="seconds"),
        "has_email": bool(facts.email),
        "items": sorted({item.sku for item in facts.items})[:50],
        "country": facts.country,
        "total_minor": facts.total.minor,
        "currency": facts.total.currency,
    }


def _decision(
    now: datetime,
    campaign: str,
    order_id: int,
    outcome: Literal["enroll", "skip"],
    reason: Reason,
    facts: Mapping[str, Any],
) -> ledger.Decision:
    return ledger.Decision(
        at=now,
        stage="enroll",
        campaign=campaign,
        order_id=order_id,
        outcome=outcome,
        reason=reason,
        inputs=facts,
    )
