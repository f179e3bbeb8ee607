"""What a page of the shop shows beside its products: asked by whoever looks at that page.

Answers are kept for a minute. One is given again only as long as the same model serves and everything in it stands in
the catalog as it did: whoever withdraws a product or changes its price sees it with the next question.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, select

from aftercart.bootstrap import App
from aftercart.db.tables import customers
from aftercart.pipeline.recipients.refuse import refused_by
from aftercart.policy.preferences import RefusalKind, Refused
from aftercart.policy.store import persons_of
from aftercart.recommendation import store
from aftercart.recommendation.asking.request import Anchor, Pick, Purpose, Request, Rules, Source
from aftercart.recommendation.inputs.catalog import Product

KEPT_FOR = timedelta(minutes=1)
MOST_KEPT = 10_000


class Kind(StrEnum):
    """What a page asks for."""

    GOES_WITH = "goes_with"
    """What the model says goes with the products; its fallbacks fill what is left."""
    BOUGHT_TOGETHER = "bought_together"
    """Only what past orders held beside them."""
    BEST_SELLERS = "best_sellers"
    """What sells best lately, whatever the products."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A page's question. `category`: only of this one. `customer`: the shop's id of whoever has proven to be it."""

    kind: Kind
    products: tuple[str, ...] = ()
    category: str = ""
    most: int = 4
    customer: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the page may show, the best first. `model`: the version that chose, or "fallback"."""

    picks: tuple[Pick, ...]
    model: str


@dataclass(frozen=True, slots=True)
class _Kept:
    suggestion: Suggestion
    facts: Mapping[str, Product]
    until: datetime


class Suggesting:
    """Answers pages. Thread-safe."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._kept: OrderedDict[Wanted, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def warm_up(self) -> None:
        """Have the model in memory before the first visitor asks."""
        with self._app.db.read() as connection:
            self._app.recommender.version(connection)

    def suggest(self, wanted: Wanted) -> Suggestion:
        """What to show. For a customer: nothing that they own or refused, and never kept."""
        with self._app.db.read() as connection:
            if wanted.customer:
                return self._chosen(connection, wanted)
            kept = self._still_true(connection, wanted)
            return kept or self._keep(connection, wanted, self._chosen(connection, wanted))

    def _chosen(self, connection: Connection, wanted: Wanted) -> Suggestion:
        (found,) = self._app.recommender.recommend(connection, [_request(connection, wanted)])
        return Suggestion(found.picks, found.served_by)

    def _still_true(self, connection: Connection, wanted: Wanted) -> Suggestion | None:
        kept = self._kept.get(wanted)
        if kept is None or self._app.clock() >= kept.until:
            return None
        if self._app.recommender.version(connection) != kept.suggestion.model:
            return None
        return kept.suggestion if store.load_facts(connection, kept.facts) == kept.facts else None

    def _keep(self, connection: Connection, wanted: Wanted, chosen: Suggestion) -> Suggestion:
        facts = store.load_facts(connection, (pick.sku for pick in chosen.picks))
        with self._lock:
            self._kept[wanted] = _Kept(chosen, facts, self._app.clock() + KEPT_FOR)
            self._kept.move_to_end(wanted)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return chosen


def _request(connection: Connection, wanted: Wanted) -> Request:
    owned, refused = _of_customer(connection, wanted.customer) if wanted.customer else ((), frozenset[Refused]())
    # A best seller stands against nothing on the page; what is on it is left out all the same.
    anchors = () if wanted.kind is Kind.BEST_SELLERS else tuple(map(Anchor, wanted.products))
    return Request(
        anchors=anchors,
        currency="",
        rules=_rules(wanted),
        purpose=Purpose.TOGETHER,
        owned=owned,
        exclude=frozenset(wanted.products),
        refused=frozenset(one.value for one in refused if one.kind is RefusalKind.SKU),
        refused_categories=frozenset(one.value for one in refused if one.kind is RefusalKind.CATEGORY),
    )


def _rules(wanted: Wanted) -> Rules:
    only = {"category": (wanted.category,)} if wanted.category else {}
    match wanted.kind:
        case Kind.GOES_WITH:
            return Rules(slots=wanted.most, only=only, needs_url=True)
        case Kind.BOUGHT_TOGETHER:
            return Rules(slots=wanted.most, only=only, needs_url=True, first=Source.BOUGHT_TOGETHER, fallback=())
        case Kind.BEST_SELLERS:
            return Rules(slots=wanted.most, only=only, needs_url=True, first=Source.BEST_SELLERS, fallback=())


def _of_customer(connection: Connection, customer: str) -> tuple[tuple[str, ...], frozenset[Refused]]:
    """What they own, under all addresses of theirs, and what they do not want to be offered."""
    known = select(customers.c.recipient_id).where(customers.c.shop_customer_id == customer)
    mine = connection.execute(known.where(customers.c.recipient_id.is_not(None))).scalars().all()
    persons = persons_of(connection, mine)
    bought = store.recipient_histories(connection, persons)
    nameless = store.customer_histories(connection, [customer]).get(customer, ())
    owned = tuple(dict.fromkeys(sku for history in (nameless, *bought.values()) for sku in history))
    return owned, frozenset[Refused]().union(*refused_by(connection, persons).values())
