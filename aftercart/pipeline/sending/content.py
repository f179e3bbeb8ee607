"""What a mail says: picks for the order, rendered into a message whose links are signed.

Prepared for a batch before anything is claimed, so that a slow model or template holds no lock.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection

from aftercart.bootstrap import App
from aftercart.campaigns.brand import Brand
from aftercart.campaigns.contents import Recommend
from aftercart.campaigns.schema import Step
from aftercart.coupons import store as coupon_store
from aftercart.coupons.coupon import Coupon, Want
from aftercart.delivery.base import Message
from aftercart.delivery.headers import marketing_headers
from aftercart.errors import TemplateError
from aftercart.ledger import store as ledger
from aftercart.pipeline.planning.configuration import Configuration
from aftercart.pipeline.planning.planned import Planned
from aftercart.pipeline.recipients.refuse import refused_by
from aftercart.pipeline.sending.context import Shelf, context_of
from aftercart.pipeline.sending.copies import Copy, copy_of, utm_of
from aftercart.policy.facts import ContentFault
from aftercart.policy.preferences import RefusalKind, Refused
from aftercart.recommendation import store as recommendation_store
from aftercart.recommendation.asking.request import Anchor, Pick, Recommendation, Request
from aftercart.rendering.running.leak_guard import People, refuse_what_is_others
from aftercart.rendering.running.runtime import Rendered
from aftercart.tracking.links import LinkBook

log = structlog.get_logger()


@dataclass(frozen=True)
class Content:
    """What one send would say. With a `fault` there is no message."""

    planned: Planned | None
    """What it was prepared for; None where not even that could be loaded."""
    fault: ContentFault | None = None
    error: str = ""
    message: Message | None = None
    recommendation: Recommendation | None = None
    refused: frozenset[Refused] = frozenset()
    """What the person did not want to be offered when it was prepared."""
    copy: Copy | None = None
    links: tuple[tuple[int, str], ...] = ()
    unsafe: tuple[str, ...] = ()
    """Of each address that became `#unsafe-url`: the SKU of the product that has it, or nothing."""
    template_version: str = ""
    coupon: Coupon | None = None
    """The code in it. It is this mail's only once the mail is claimed."""
    configuration: Configuration | None = None
    """What it was prepared under."""

    @property
    def config_version(self) -> str:
        """The version of the campaign that this was prepared under."""
        return self.planned.campaign.version if self.planned and self.planned.campaign else ""

    def is_about(self, planned: Planned) -> bool:
        """Whether it still says the truth: the same products for the same person as when it was prepared."""
        then = self.planned
        return then is not None and _subject(then) == _subject(planned)

    def facts(self, *, is_claimed: bool) -> dict[str, Any]:
        """What the record of decisions keeps of the content."""
        found, rule = self.recommendation, self.planned.step.coupon if self.planned and self.planned.step else None
        return {
            **({"error": self.error} if self.error else {}),
            **({"pool": rule.pool} if rule else {}),
            **({"coupon": self.coupon.code} if self.coupon and is_claimed else {}),
            **({"refused": [one.value for one in sorted(self.refused)]} if self.refused else {}),
            **(
                {"picks": len(found.picks), "filtered": dict(found.filtered), "model": found.served_by} if found else {}
            ),
        }

    @property
    def skus(self) -> frozenset[str]:
        """The products that it offers."""
        return frozenset(pick.sku for pick in self.picks)

    @property
    def picks(self) -> tuple[Pick, ...]:
        return self.recommendation.picks if self.recommendation else ()


def prepare(
    connection: Connection, app: App, batch: Sequence[Planned], person: Mapping[int, int], now: datetime
) -> dict[UUID, Content]:
    """Content for every send of the batch that has a campaign step. `person`: recipient id → the id that stands for
    the person."""
    wanted = [planned for planned in batch if planned.step and planned.anchors]
    refused = refused_by(connection, person) if wanted else {}
    offering = [planned for planned in wanted if planned.step and planned.step.recommend]
    recommendations = _recommend(connection, app, offering, person, refused, now)
    coupons = coupon_store.propose(connection, [want for p in wanted if (want := _wanted_code(p, now))])
    shop = Shelf(
        recommendation_store.load_facts(connection, (line.sku for p in wanted for line in p.anchors)),
        recommendation_store.load_details(connection, (pick.sku for r in recommendations.values() for pick in r.picks)),
        coupons,
    )
    shops_own = {app.brand.address.lower(), app.brand.answers_to.lower()}
    people = People(p.email for p in wanted if p.email.lower() not in shops_own)
    contents = {p.send_id: _render(app, p, recommendations.get(p.send_id), shop, people, now) for p in wanted}
    _report_faults(contents.values())
    return {
        id_: replace(content, refused=refused[content.planned.recipient_id])
        if content.planned and content.planned.recipient_id in refused
        else content
        for id_, content in contents.items()
    }


def _subject(planned: Planned) -> tuple[object, ...]:
    """Whom a mail goes to, and what it is about."""
    return planned.recipient_id, planned.lines, planned.reviewed, planned.bought_since


def _wanted_code(planned: Planned, now: datetime) -> Want | None:
    rule = _step_of(planned).coupon
    return Want(planned.send_id, rule.pool, rule.good_for.after(now, planned.zone.zone)) if rule else None


def _recommend(
    connection: Connection,
    app: App,
    batch: Sequence[Planned],
    person: Mapping[int, int],
    refused: Mapping[int, frozenset[Refused]],
    now: datetime,
) -> dict[UUID, Recommendation]:
    """Recommendations for a batch, by send.

    Nobody is offered what they own, or a product twice within `NOT_AGAIN_FOR`: neither under another address of theirs
    nor by two mails of the same batch.
    """
    if not batch:
        return {}
    owned = _owned(connection, person)
    offered = defaultdict(set, ledger.offered_since(connection, person, now - ledger.NOT_AGAIN_FOR))
    found: dict[UUID, Recommendation] = {}
    for turn in _one_a_person(batch, person):
        who = [person[planned.recipient_id] for planned in turn]
        requests = [
            _request(p, owned.get(of, ()), offered[of], refused.get(p.recipient_id, ()))
            for of, p in zip(who, turn, strict=True)
        ]
        for planned, answer in zip(turn, app.recommender.recommend(connection, requests), strict=True):
            found[planned.send_id] = answer
            offered[person[planned.recipient_id]] |= {pick.sku for pick in answer.picks}
    return found


def _owned(connection: Connection, person: Mapping[int, int]) -> dict[int, tuple[str, ...]]:
    """What each person bought under all their addresses, by the id that stands for the person."""
    bought = recommendation_store.recipient_histories(connection, person)
    found: dict[int, tuple[str, ...]] = {}
    for id_ in sorted(bought):
        found[person[id_]] = (*found.get(person[id_], ()), *bought[id_])
    return found


def _one_a_person(batch: Sequence[Planned], person: Mapping[int, int]) -> list[list[Planned]]:
    """The batch in turns, in each of which nobody has more than one mail; nearly always that is one turn."""
    turns: list[list[Planned]] = []
    mails_of: Counter[int] = Counter()
    for planned in batch:
        turn = mails_of[person[planned.recipient_id]]
        mails_of[person[planned.recipient_id]] += 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(planned)
    return turns


def _request(
    planned: Planned, owned: tuple[str, ...], offered: Collection[str], refused: Collection[Refused]
) -> Request:
    return Request(
        anchors=tuple(Anchor(line.sku, line.unit_price_minor, line.left, line.title) for line in planned.anchors),
        currency=planned.currency,
        rules=_recommend_of(planned).rules(),
        owned=owned,
        exclude=frozenset(line.sku for line in planned.lines) | frozenset(offered),
        refused=frozenset(one.value for one in refused if one.kind is RefusalKind.SKU),
        refused_categories=frozenset(one.value for one in refused if one.kind is RefusalKind.CATEGORY),
    )


def _render(
    app: App, planned: Planned, found: Recommendation | None, shelf: Shelf, people: People, now: datetime
) -> Content:
    step, brand = _step_of(planned), app.brand
    coupon = shelf.coupons.get(planned.send_id)
    if lacking := _lacking(step, found, coupon):
        return Content(planned, fault=lacking, recommendation=found)
    book = LinkBook(app.settings.base_url, app.tokens, planned.send_id, brand.link_hosts, utm_of(planned.campaign_name))
    try:
        locale = app.renderer.locale_for(step.template, planned.locale, brand.locale)
        context = context_of(app, planned, locale, found, shelf)
        template = app.renderer.template(step.template, locale, step.subject)
        rendered = template.render(context, book.track)
        own = frozenset((*book.stands, *_personal(context)))
        refuse_what_is_others(rendered, planned.email, book.base_url, own, people)
    except TemplateError as err:
        return Content(planned, fault=ContentFault.TEMPLATE_ERROR, error=str(err), recommendation=found)
    return Content(
        planned,
        message=_message(app, planned, rendered, book, context["links"]["unsubscribe"], now),
        recommendation=found,
        copy=copy_of(template, context, rendered, now),
        unsafe=tuple(_of_products(context, rendered.unsafe_urls)),
        links=tuple(book.links),
        template_version=template.version,
        coupon=coupon,
    )


def _lacking(step: Step, found: Recommendation | None, coupon: Coupon | None) -> ContentFault | None:
    """What the mail cannot go without and has not got."""
    if step.recommend and len(found.picks if found else ()) < step.recommend.at_least:
        return ContentFault.NO_PICKS
    if step.coupon and not coupon and step.coupon.if_empty != "go_without":
        return ContentFault.NO_COUPON
    return None


def _message(
    app: App, planned: Planned, rendered: Rendered, book: LinkBook, unsubscribe: str, now: datetime
) -> Message:
    brand = app.brand
    bounce_to = app.bounces.of(planned.send_id) if app.bounces else ""
    return Message(
        send_id=planned.send_id,
        message_id=f"<{planned.send_id}@{brand.domain}>",
        sender=brand.sender,
        recipient=planned.email,
        subject=rendered.subject,
        html=_measured(book, rendered.html, brand, planned),
        text=rendered.text,
        date=now,
        headers=_headers(brand, planned, unsubscribe, bounce_to),
        bounce_to=bounce_to,
        campaign=planned.campaign_name,
        tries=planned.tries,
    )


def _measured(book: LinkBook, html: str, brand: Brand, planned: Planned) -> str:
    """With the link that only scanners follow and, where the shop counts opens and the mail is not owed, the pixel."""
    trapped = book.trapped(html, brand.url)
    return book.watched(trapped, planned.recipient_id) if brand.opens and not planned.is_owed else trapped


def _personal(context: Mapping[str, Any]) -> Iterator[str]:
    """The links of a context that are this person's alone."""
    yield from context["links"].values()
    for pick in context["picks"]:
        yield pick["less_url"]
        yield pick["have_url"]


def _of_products(context: Mapping[str, Any], urls: Iterable[str]) -> Iterator[str]:
    """For each address the SKU of the product that has it, or nothing."""
    items = [*context["picks"], *context["order"]["lines"]]
    for url in dict.fromkeys(urls):
        yield next((item["sku"] for item in items if url in item.values()), "")


def _report_faults(contents: Iterable[Content]) -> None:
    """One line for each fault of a template, each empty pool and each address that nobody should follow, however many
    mails it concerns.
    """
    contents = list(contents)
    without = [rule.pool for c in contents if c.planned and not c.coupon and (rule := _step_of(c.planned).coupon)]
    for pool, count in Counter(without).items():
        log.error("coupon_pool_empty", pool=pool, sends=count, hint="`aftercart import coupons` brings codes")
    found = [(content.planned.step_id, content.error) for content in contents if content.planned and content.error]
    for (step, error), count in Counter(found).items():
        log.error("template_error", step=step, error=error, sends=count)
    unsafe = [(content.planned.step_id, sku) for content in contents if content.planned for sku in content.unsafe]
    for (step, sku), count in Counter(unsafe).items():
        log.warning("unsafe_urls", step=step, sku=sku, urls=count, hint="the mails have #unsafe-url in its place")


def _step_of(planned: Planned) -> Step:
    assert planned.step is not None  # `prepare` passes only sends with a step
    return planned.step


def _recommend_of(planned: Planned) -> Recommend:
    return _step_of(planned).recommend or Recommend()


def _headers(brand: Brand, planned: Planned, unsubscribe: str, bounce_to: str) -> dict[str, str]:
    """Whoever unsubscribes by mail writes to the bounce address, which is read, and which names the mail."""
    reply_to = {"Reply-To": brand.reply_to} if brand.reply_to else {}
    if planned.is_owed:
        return {"Auto-Submitted": "auto-generated", **reply_to}  # nobody leaves what is owed to them
    headers = marketing_headers(
        unsubscribe_url=unsubscribe,
        mailto=bounce_to or brand.answers_to,
        list_id=f"{planned.campaign_name}.{brand.domain}",
        feedback_id=f"{planned.step_id}:{planned.campaign_name}:{brand.domain}",
    )
    return {**headers, **reply_to}
