"""The way in: a batch of orders in, picks for each out, with a constant number of queries."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sqlalchemy import Connection

from aftercart.errors import ModelError
from aftercart.recommendation import store
from aftercart.recommendation.asking.question import Question, Ranking
from aftercart.recommendation.asking.request import Recommendation, Request, Source
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.models.model import Model
from aftercart.recommendation.ranking.fallback import RANKERS
from aftercart.recommendation.ranking.scoring import by_lightfm
from aftercart.recommendation.ranking.slots import Slots, recommendations
from aftercart.recommendation.serving import ServingModel

# Candidates per slot, and in any case: guards turn most of the nearest products away.
_CANDIDATES_PER_SLOT = 20
_LEAST_CANDIDATES = 60

_MOST_CANDIDATES = 1_000
"""So many are looked at where guards leave slots empty: a campaign may want a margin that few products have."""


class Recommender:
    """Complements for orders. Thread-safe; picks up a newly registered model by itself."""

    def __init__(self, models_dir: Path) -> None:
        self._serving = ServingModel(models_dir)

    def version(self, connection: Connection) -> str:
        """The version that serves now, or "fallback"."""
        return self._serving.current(connection).version

    def known(self, connection: Connection, skus: Iterable[str]) -> frozenset[str]:
        """Those of these products that the model that serves has seen."""
        model = self._serving.current(connection)
        return frozenset(sku for sku in skus if model.number(sku) is not None)

    def recommend(self, connection: Connection, requests: Sequence[Request]) -> list[Recommendation]:
        """An answer for each request, in order.

        1. The model that serves, and the catalog's rows of the anchors.
        2. What campaigns pin is tried first; then the model (or whom else the campaign asks first) ranks the catalog
           for all requests at once.
        3. Price, stock and publication of the candidates are read fresh, so that a product withdrawn a second
           ago is not offered; guards and diversity choose.
           Where too few of the best are left, they choose among many more.
        4. Slots left empty go through the campaign's fallbacks in its order.
        """
        model = self._serving.current(connection)
        catalog = store.load_facts(connection, (a.sku for request in requests for a in request.anchors))
        open_requests = [_Open(request, model, catalog) for request in requests]
        self._pin(connection, open_requests, catalog)
        for turn in range(len(Source)):
            for source in Source:
                asked = [each for each in open_requests if each.asks(turn, source)]
                self._fill(connection, model, source, asked, catalog)
        return recommendations([each.slots for each in open_requests], catalog)

    def rank(self, connection: Connection, questions: Sequence[Question], most: int) -> list[Ranking]:
        """The catalog as the trained model alone ranks it, for evaluation. Raises ModelError without one."""
        model = self._serving.current(connection)
        if model.learned is None:
            raise ModelError("no model is trained yet: run `aftercart train`")
        unseen = (sku for question in questions for sku in question.anchors if model.number(sku) is None)
        return by_lightfm(model, questions, store.load_facts(connection, unseen), most)

    def _pin(self, connection: Connection, asked: "Sequence[_Open]", catalog: dict[str, Product]) -> None:
        """What campaigns pin comes first, where no guard turns it away."""
        new = {sku for each in asked for sku in each.pinned} - catalog.keys()
        if new:
            catalog |= store.load_facts(connection, new)
        for each in asked:
            each.slots.fill(Ranking(each.pinned, [0.0] * len(each.pinned)), Source.PINNED, catalog)

    def _fill(
        self,
        connection: Connection,
        model: Model,
        source: Source,
        asked: "Sequence[_Open]",
        catalog: dict[str, Product],
    ) -> None:
        most = max((each.most_candidates for each in asked), default=0)
        while asked:
            rankings = RANKERS[source](model, [each.question for each in asked], catalog, most)
            new = {sku for ranking in rankings for sku in ranking.skus} - catalog.keys()
            catalog |= store.load_facts(connection, new)
            for each, ranking in zip(asked, rankings, strict=True):
                each.slots.fill(ranking, source, catalog)
            cut = (each for each, ranking in zip(asked, rankings, strict=True) if len(ranking) == most)
            asked = [each for each in cut if most < _MOST_CANDIDATES and not each.slots.are_full]
            most = _MOST_CANDIDATES


class _Open:
    """A request on its way through the sources."""

    def __init__(self, request: Request, model: Model, catalog: Mapping[str, Product]) -> None:
        rules = request.rules
        self.question = Question(
            anchors=tuple(anchor.sku for anchor in request.anchors),
            history=request.owned,
            banned=frozenset(request.owned) | request.exclude | {anchor.sku for anchor in request.anchors},
            allowed=model.allowed(rules),
            boosted=model.boosted(rules),
            times=rules.times,
            purpose=request.purpose,
        )
        self.pinned = rules.pinned
        self.slots = Slots(model.basket_of(request, catalog), model)
        self.most_candidates = max(_LEAST_CANDIDATES, rules.slots * _CANDIDATES_PER_SLOT)
        self._chain = tuple(dict.fromkeys((rules.first, *(Source(name) for name in rules.fallback))))

    def asks(self, turn: int, source: Source) -> bool:
        return turn < len(self._chain) and self._chain[turn] is source and not self.slots.are_full
