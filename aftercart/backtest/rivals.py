"""What simple counting would have offered in the same mails: best sellers, and what was bought together.

They get the same slots, the same rules of the campaign and the same guards, know of the same orders, and do not offer
a person a product twice within the same time; so what is left between them and the model is the choice.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, select

from aftercart.bootstrap import App
from aftercart.campaigns.contents import Recommend
from aftercart.db.tables import order_lines, orders, picks, sends
from aftercart.ledger.store import NOT_AGAIN_FOR
from aftercart.pipeline.planning.planned import Line, lines_of
from aftercart.recommendation.asking.request import Anchor, Request, Rules, Source
from aftercart.recommendation.models.model import UNTRAINED, Model
from aftercart.recommendation.recommender import Recommender
from aftercart.recommendation.serving import ServingModel

OURS = "aftercart"
RIVALS = (Source.BOUGHT_TOGETHER, Source.BEST_SELLERS)


@dataclass(frozen=True, slots=True)
class Offer:
    """One mail that would have gone. `offered`: what each chooser put into it, the best first."""

    recipient_id: int
    shop: str
    shop_order_id: str
    at: datetime
    offered: Mapping[str, tuple[str, ...]]


class Rivals:
    """Asked after every mail, as they must know what the model knew: not less, and nothing of later."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._counting = _Counting(app.settings.models_dir)
        self._offered: dict[tuple[str, int], list[tuple[datetime, tuple[str, ...]]]] = defaultdict(list)

    def offers(self, connection: Connection, send_ids: Sequence[UUID]) -> list[Offer]:
        """What stood in these mails, and what would have stood in them."""
        rows = list(connection.execute(_about(send_ids)))
        if not rows:
            return []
        ours = _picks(connection, send_ids)
        lines = lines_of(connection, {row.order_id for row in rows})
        owned = _Owned(connection, {row.recipient_id for row in rows})
        found: dict[UUID, dict[str, tuple[str, ...]]] = {row.send_id: {OURS: ours[row.send_id]} for row in rows}
        for rival in RIVALS:
            requests = [self._request(rival, row, lines[row.order_id], owned, len(ours[row.send_id])) for row in rows]
            answers = self._counting.recommend(connection, requests)
            for row, answer in zip(rows, answers, strict=True):
                chosen = tuple(pick.sku for pick in answer.picks)
                found[row.send_id][rival] = chosen
                self._offered[rival, row.recipient_id].append((row.sent_at, chosen))
        return [Offer(row.recipient_id, row.shop, row.shop_order_id, row.sent_at, found[row.send_id]) for row in rows]

    def _request(self, rival: Source, row: Row[Any], lines: Sequence[Line], owned: "_Owned", slots: int) -> Request:
        lately = self._offered[rival, row.recipient_id]
        lately[:] = [(at, skus) for at, skus in lately if at > row.sent_at - NOT_AGAIN_FOR]
        return Request(
            anchors=tuple(Anchor(one.sku, one.unit_price_minor, one.left, one.title) for one in lines if one.left > 0),
            currency=row.currency,
            rules=replace(self._rules(row.campaign, row.step), slots=slots, fallback=(rival,)),
            owned=owned.until(row.recipient_id, row.sent_at),
            exclude=frozenset(line.sku for line in lines) | {sku for _, skus in lately for sku in skus},
        )

    def _rules(self, campaign: str, step: str) -> Rules:
        steps = self._app.campaigns.by_name[campaign].steps
        return next((s.recommend for s in steps if s.id == step and s.recommend), Recommend()).rules()


class _Owned:
    """What people had bought by an instant. Rivals are asked a little later than the model was."""

    def __init__(self, connection: Connection, people: Collection[int]) -> None:
        query = select(orders.c.recipient_id, orders.c.placed_at, order_lines.c.sku)
        query = query.join(order_lines, order_lines.c.order_id == orders.c.id)
        bought = query.where(orders.c.recipient_id.in_(people), orders.c.state != "canceled")
        self._bought: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
        for who, at, sku in connection.execute(bought.order_by(orders.c.placed_at, orders.c.id, order_lines.c.line_no)):
            self._bought[who].append((at, sku))

    def until(self, who: int, instant: datetime) -> tuple[str, ...]:
        return tuple(sku for at, sku in self._bought[who] if at <= instant)


class _Counting(Recommender):
    """The recommender without what training adds: the counts of the same version."""

    def __init__(self, models_dir: Path) -> None:
        self._serving = _Untaught(models_dir)


class _Untaught(ServingModel):
    def __init__(self, models_dir: Path) -> None:
        super().__init__(models_dir)
        self._known: tuple[Model, Model] | None = None

    def current(self, connection: Connection) -> Model:
        taught = super().current(connection)
        if self._known is None or self._known[0] is not taught:
            self._known = (taught, Model(UNTRAINED, taught.products, taught.evidence))
        return self._known[1]


def _about(send_ids: Sequence[UUID]) -> Select[Any]:
    return (
        select(
            sends.c.id.label("send_id"),
            sends.c.campaign,
            sends.c.step,
            sends.c.sent_at,
            sends.c.order_id,
            sends.c.recipient_id,
            orders.c.id,
            orders.c.shop,
            orders.c.shop_order_id,
            orders.c.currency,
        )
        .join(orders, orders.c.id == sends.c.order_id)
        .where(sends.c.id.in_(send_ids), sends.c.sent_at.is_not(None))
        .order_by(sends.c.sent_at, sends.c.id)
    )


def _picks(connection: Connection, send_ids: Sequence[UUID]) -> dict[UUID, tuple[str, ...]]:
    query = select(picks.c.send_id, picks.c.sku).where(picks.c.send_id.in_(send_ids))
    found: dict[UUID, list[str]] = defaultdict(list)
    for send_id, sku in connection.execute(query.order_by(picks.c.send_id, picks.c.slot)):
        found[send_id].append(sku)
    return {send_id: tuple(found[send_id]) for send_id in send_ids}
