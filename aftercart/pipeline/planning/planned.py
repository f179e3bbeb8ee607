"""A planned send with what is known about its order and its person. Loaded for a batch: one query a table."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from aftercart.campaigns.audience import BoughtItem, is_meant
from aftercart.campaigns.schema import Campaign, Step
from aftercart.db.among import among, among_given
from aftercart.db.tables import order_lines, order_reversals, orders, preferences, recipients, sends
from aftercart.intake.order_state import goods_back
from aftercart.pipeline.planning.lots import Lot, running_lot
from aftercart.pipeline.planning.order_news import News, is_about_the_order, news_of, reversed_orders
from aftercart.pipeline.planning.own import OWN_LOCALE, OWN_TIME_ZONE
from aftercart.pipeline.planning.purchases import purchases_since
from aftercart.pipeline.planning.reviews import reviews_asked
from aftercart.policy.competition import LOOKAHEAD, turn_of
from aftercart.policy.suppression import MailClass
from aftercart.policy.zones import LocalZone, zone_of
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.store import load_facts


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the order. `left`: how much of it was not sent back."""

    sku: str
    title: str
    quantity: float
    unit_price_minor: int
    left: float


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One send, joined with its order, its recipient and the campaign as it stands now (None: there is none)."""

    send_id: UUID
    enrollment_id: int
    campaign_name: str
    topic: str
    step_id: str
    due_at: datetime
    valid_until: datetime
    priority: int
    attempt: int
    tries: int
    reason: str | None
    order_id: int
    shop_order_id: str
    order_state: str
    currency: str
    placed_at: datetime
    customer_id: int | None
    recipient_id: int
    email: str
    first_name: str
    locale: str
    zone: LocalZone
    at_most: tuple[str, ...]
    """Frequency caps that the person chose; several where they chose under several addresses. All must hold."""
    snoozed_until: datetime | None
    campaign: Campaign | None
    step: Step | None
    """As its arm has it."""
    arm: Lot | None = None
    """In which arm of the experiment that runs in its step; None: in none."""
    lines: tuple[Line, ...] = field(default=())
    case_open: bool = False
    """Whether a support case about the order is open."""
    delivered_at: datetime | None = None
    """When the order had arrived, as far as the shop told."""
    came_back: bool = False
    """Where the mail asks for a review: whether anything of the order was refunded or sent back."""
    reviewed: frozenset[str] = frozenset()
    """Where the mail asks for a review: the products that the person was asked about before."""
    bought_since: frozenset[str] = frozenset()
    """Where the mail is only for people who have not bought since: what the person did buy."""
    subject_left: bool = True
    """Whether something is left of what the campaign's audience asks to have been bought."""

    @property
    def whole_lines(self) -> list[Line]:
        """The lines of which nothing was sent back."""
        return [line for line in self.lines if line.left == line.quantity]

    @property
    def mail_class(self) -> MailClass:
        """What the mail is for."""
        return MailClass(self.campaign.mail_class) if self.campaign else MailClass.MARKETING

    @property
    def is_owed(self) -> bool:
        """Transactional: it needs no consent."""
        return self.mail_class is MailClass.TRANSACTIONAL

    @property
    def takes_slot(self) -> bool:
        """Whether the frequency caps count it."""
        return self.campaign is None or self.campaign.takes_slots

    @property
    def lookahead(self) -> timedelta:
        """How far ahead it makes way for more important mails."""
        return self.campaign.limits.lookahead.about if self.campaign else LOOKAHEAD

    @property
    def asks_review(self) -> bool:
        """Whether it asks for a review of what was bought."""
        return self.step is not None and self.step.asks_review

    @property
    def anchors(self) -> list[Line]:
        """What was bought, not sent back, not asked about before, and not bought again where that matters."""
        done = self.reviewed | (self.bought_since if self.is_about_the_same else frozenset())
        return [line for line in self.lines if line.left > 0 and line.sku not in done]

    @property
    def is_about_the_same(self) -> bool:
        """Whether it is about what was not bought again."""
        return self.step is not None and self.step.unless_bought == "the_same"

    @property
    def is_outdone(self) -> bool:
        """Whether the person has bought since what makes this mail pointless."""
        return bool(self.bought_since) and not (self.is_about_the_same and self.anchors)


_NO_NEWS = News()


@dataclass(slots=True)
class _Chosen:
    """What a person wants, under whichever address they said so."""

    at_most: set[str] = field(default_factory=set)
    snoozed_until: datetime | None = None


def load(
    connection: Connection,
    rows: Sequence[Mapping[str, Any]],
    persons: Mapping[int, int],
    campaigns: Mapping[str, Campaign],
    shop_zone: str,
) -> list[Planned]:
    """Join rows of `sends` with the rest, in the order in which they compete.

    `persons`: of their people, recipient id → the id that stands for the person.
    """
    about = _about(connection, [row["id"] for row in rows])
    order_ids = {order.id for order in about.values()}
    lines = lines_of(connection, order_ids)
    news = news_of(connection, order_ids)
    chosen = _chosen(connection, persons)
    planned = [
        _planned(
            row,
            about[row["id"]],
            lines[row["order_id"]],
            news.get(row["order_id"], _NO_NEWS),
            chosen[persons[row["recipient_id"]]],
            campaigns.get(row["campaign"]),
            shop_zone,
        )
        for row in rows
    ]
    planned = _with_reviews(connection, planned, persons, campaigns)
    planned = _with_purchases(connection, planned, persons)
    return sorted(_with_subjects(connection, planned), key=lambda p: turn_of(p.priority, p.due_at, p.send_id))


def _planned(
    row: Mapping[str, Any],
    order: Any,
    lines: Sequence[Line],
    news: News,
    chosen: _Chosen,
    campaign: Campaign | None,
    shop_zone: str,
) -> Planned:
    country = order.order_country or order.recipient_country
    step = next((step for step in campaign.steps if step.id == row["step"]), None) if campaign else None
    lot = running_lot(campaign, step, row) if campaign and step else None
    return Planned(
        send_id=row["id"],
        enrollment_id=row["enrollment_id"],
        campaign_name=row["campaign"],
        topic=campaign.topic if campaign else row["topic"],
        step_id=row["step"],
        due_at=row["due_at"],
        valid_until=row["valid_until"],
        priority=campaign.limits.priority if campaign else row["priority"],
        attempt=row["attempt"],
        tries=row["tries"],
        reason=row["reason"],
        order_id=row["order_id"],
        shop_order_id=order.shop_order_id,
        order_state=order.state,
        currency=order.currency,
        placed_at=order.placed_at,
        customer_id=order.customer_id,
        recipient_id=row["recipient_id"],
        email=order.email,
        first_name=order.first_name,
        locale=order.locale,
        zone=zone_of(own=order.time_zone, country=country, region=order.region, shop=shop_zone),
        at_most=tuple(sorted(chosen.at_most)),
        snoozed_until=chosen.snoozed_until,
        campaign=campaign,
        step=step.varied(lot.variant) if step and lot else step,
        arm=lot,
        lines=tuple(lines),
        case_open=news.case_open,
        delivered_at=news.delivered_at,
    )


def _with_subjects(connection: Connection, batch: Sequence[Planned]) -> list[Planned]:
    """A mail for people who bought a bike is about the bike: what else is left of the order is not its subject.

    Only orders of which something was sent back are looked at; as they came they fitted.
    """
    asked = [p for p in batch if p.campaign and p.campaign.audience.bought and p.lines != tuple(p.whole_lines)]
    if not asked:
        return list(batch)
    catalog = load_facts(connection, {line.sku for planned in asked for line in planned.anchors})
    lost = {p.send_id for p in asked if not _has_subject(p, catalog)}
    return [replace(planned, subject_left=planned.send_id not in lost) for planned in batch]


def _with_reviews(
    connection: Connection,
    batch: Sequence[Planned],
    persons: Mapping[int, int],
    campaigns: Mapping[str, Campaign],
) -> list[Planned]:
    """What asks for reviews knows what its person was asked about by others, and whether anything came back."""
    asking = {planned.send_id for planned in batch if planned.asks_review}
    if not asking:
        return list(batch)
    people = {persons[planned.recipient_id] for planned in batch if planned.send_id in asking}
    asked = reviews_asked(connection, people, persons, campaigns)
    came_back = reversed_orders(connection, {p.order_id for p in batch if p.send_id in asking})
    return [
        replace(
            planned,
            came_back=planned.order_id in came_back,
            reviewed=frozenset(
                sku for sku, by in asked.get(persons[planned.recipient_id], {}).items() if set(by) - {planned.send_id}
            ),
        )
        if planned.send_id in asking
        else planned
        for planned in batch
    ]


def _with_purchases(connection: Connection, batch: Sequence[Planned], persons: Mapping[int, int]) -> list[Planned]:
    """What is only for people who have not bought meanwhile knows what they bought."""
    asking = [planned for planned in batch if planned.step and planned.step.unless_bought]
    if not asking:
        return list(batch)
    people = {persons[planned.recipient_id] for planned in asking}
    accounts: dict[int, set[int]] = defaultdict(set)
    for planned in asking:
        if planned.customer_id is not None:
            accounts[planned.customer_id].add(persons[planned.recipient_id])
    found = purchases_since(connection, persons, people, accounts, min(planned.placed_at for planned in asking))
    since = {
        p.send_id: frozenset(sku for at, sku in found.get(persons[p.recipient_id], ()) if at > p.placed_at)
        for p in asking
    }
    return [replace(planned, bought_since=since.get(planned.send_id, frozenset())) for planned in batch]


def _has_subject(planned: Planned, catalog: Mapping[str, Product]) -> bool:
    wanted = planned.campaign.audience.bought if planned.campaign else None
    items = [item_of(line.sku, catalog.get(line.sku)) for line in planned.anchors]
    return wanted is None or any(is_meant(wanted, item) for item in items)


def item_of(sku: str, product: Product | None) -> BoughtItem:
    """What was bought, as a campaign asks for it."""
    if product is None:
        return BoughtItem(sku)
    return BoughtItem(sku, product.department, product.category, product.brand, product.family)


def _chosen(connection: Connection, persons: Mapping[int, int]) -> dict[int, _Chosen]:
    """By the id that stands for the person; of several breaks the longest."""
    columns = (preferences.c.recipient_id, preferences.c.at_most, preferences.c.snoozed_until)
    found: dict[int, _Chosen] = defaultdict(_Chosen)
    for recipient_id, at_most, until in connection.execute(
        select(*columns).where(among(preferences.c.recipient_id, persons))
    ):
        person = found[persons[recipient_id]]
        person.at_most |= {at_most} - {""}
        person.snoozed_until = max(filter(None, (person.snoozed_until, until)), default=None)
    return found


_ABOUT = (
    select(
        sends.c.id.label("send_id"),
        orders.c.id,
        orders.c.shop_order_id,
        orders.c.state,
        orders.c.currency,
        orders.c.placed_at,
        orders.c.customer_id,
        orders.c.region,
        orders.c.country.label("order_country"),
        recipients.c.email,
        recipients.c.first_name,
        OWN_LOCALE.label("locale"),
        OWN_TIME_ZONE.label("time_zone"),
        recipients.c.country.label("recipient_country"),
    )
    .join(orders, orders.c.id == sends.c.order_id)
    .join(recipients, recipients.c.id == sends.c.recipient_id)
    .outerjoin(preferences, preferences.c.recipient_id == recipients.c.id)
    .where(among_given(sends.c.id, "send_ids"))
)


def _about(connection: Connection, send_ids: Sequence[UUID]) -> dict[UUID, Any]:
    """The order and the person of each send. The person is the send's own: whose caps and consent were asked."""
    return {row.send_id: row for row in connection.execute(_ABOUT, {"send_ids": send_ids}).all()}


_LINES = (
    select(
        order_lines.c.order_id,
        order_lines.c.sku,
        order_lines.c.title,
        order_lines.c.quantity,
        order_lines.c.unit_price_minor,
    )
    .where(among_given(order_lines.c.order_id, "order_ids"))
    .order_by(order_lines.c.line_no)
)
_RETURNED = (
    select(orders.c.id, order_reversals.c.sku, order_reversals.c.kind, order_reversals.c.quantity)
    .join(orders, is_about_the_order(order_reversals))
    .where(among_given(orders.c.id, "order_ids"), order_reversals.c.sku.is_not(None))
)


def lines_of(connection: Connection, order_ids: Iterable[int]) -> dict[int, list[Line]]:
    """The lines of orders, with what was sent back taken off, sku by sku."""
    which = {"order_ids": list(order_ids)}
    told = (((order_id, sku), kind, n) for order_id, sku, kind, n in connection.execute(_RETURNED, which).all())
    returned = defaultdict(float, goods_back(told))
    found: dict[int, list[Line]] = defaultdict(list)
    for order_id, sku, title, quantity, price in connection.execute(_LINES, which).all():
        gone = min(quantity, returned.get((order_id, sku), 0.0))
        returned[order_id, sku] -= gone
        found[order_id].append(Line(sku, title, quantity, price, quantity - gone))
    return found
