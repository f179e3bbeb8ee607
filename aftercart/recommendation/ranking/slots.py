"""Fill the slots of one mail: candidates in, guards and diversity applied, picks out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aftercart.recommendation.asking.guards import Basket, Guard, is_alike, refusal, refusal_beside
from aftercart.recommendation.asking.question import Candidate, Ranking, parts_of
from aftercart.recommendation.asking.request import Pick, Recommendation, Source
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.models.model import Model

LEAST_PART = 0.01
"""What adds less to a score is not worth telling."""


class Taken(NamedTuple):
    """What a slot is filled with."""

    candidate: Candidate
    source: Source
    ranking: Ranking


class Slots:
    """The slots of one request while they are being filled, source by source."""

    def __init__(self, basket: Basket, model: Model) -> None:
        self._basket, self._model = basket, model
        self.taken: list[Taken] = []
        """What fills them so far."""
        self._chosen: list[Product] = []
        self._seen: set[str] = set()
        self._filtered: Counter[str] = Counter()

    @property
    def are_full(self) -> bool:
        return len(self._chosen) >= self._basket.request.rules.slots

    def fill(self, ranking: Ranking, source: Source, catalog: Mapping[str, Product]) -> None:
        """Take from the ranking, best first, until full. A third product of one category comes in only after
        the whole ranking gave too few others."""
        held_back: list[Candidate] = []
        for candidate in ranking:
            if self.are_full:
                break
            if candidate.sku in self._seen:
                continue
            self._seen.add(candidate.sku)
            refused = self._turned_away(candidate, catalog)
            if refused is None:
                self._take(Taken(candidate, source, ranking), catalog)
            elif refused is Guard.CATEGORY_FULL:
                held_back.append(candidate)
        for candidate in held_back:
            if self.are_full:
                break
            if not is_alike(catalog[candidate.sku], self._chosen, self._basket):
                self._take(Taken(candidate, source, ranking), catalog)

    def recommendation(self, parts: Sequence[Mapping[str, float]], catalog: Mapping[str, Product]) -> Recommendation:
        """What came of it. `parts`: of the score of each that was taken."""
        picks = [self._pick(taken, catalog, of_it) for taken, of_it in zip(self.taken, parts, strict=True)]
        return Recommendation(tuple(picks), dict(self._filtered), self._model.version)

    def _turned_away(self, candidate: Candidate, catalog: Mapping[str, Product]) -> Guard | None:
        product = catalog.get(candidate.sku)
        refused = refusal(candidate.sku, product, self._basket)
        if not refused and product:
            refused = refusal_beside(product, self._chosen, self._basket)
        if refused:
            self._filtered[refused] += 1
        return refused

    def _take(self, taken: Taken, catalog: Mapping[str, Product]) -> None:
        self.taken.append(taken)
        self._chosen.append(catalog[taken.candidate.sku])

    def _pick(self, taken: Taken, catalog: Mapping[str, Product], parts: Mapping[str, float]) -> Pick:
        candidate = taken.candidate
        product = catalog[candidate.sku]
        return Pick(
            sku=product.sku,
            title=product.title,
            url=product.url,
            image_url=product.image_url,
            category=product.category,
            price_minor=product.price_minor or 0,
            currency=product.currency,
            because=candidate.because,
            because_title=self._title(candidate.because, catalog),
            source=taken.source,
            score=candidate.score,
            evidence=self._evidence(candidate, parts),
        )

    def _title(self, sku: str, catalog: Mapping[str, Product]) -> str:
        """As the catalog names it, else as the order does."""
        if sku in catalog and catalog[sku].title:
            return catalog[sku].title
        return next((anchor.title for anchor in self._basket.request.anchors if anchor.sku == sku), "")

    def _evidence(self, candidate: Candidate, parts: Mapping[str, float]) -> dict[str, Any]:
        pick, evidence = self._model.number(candidate.sku), self._model.evidence
        sold = 0 if pick is None else int(evidence.item_orders[pick])  # what is pinned may be newer than the model
        facts: dict[str, Any] = {"rank": candidate.rank, "orders": sold}
        because = self._model.number(candidate.because)
        if because is not None and pick is not None:
            facts["orders_together"] = evidence.orders_together(because, pick)
        if parts:
            facts["parts"] = {name: round(value, 2) for name, value in parts.items() if abs(value) >= LEAST_PART}
        return facts


def recommendations(filled: Sequence[Slots], catalog: Mapping[str, Product]) -> list[Recommendation]:
    """What came of the slots of a batch."""
    parts = iter(parts_of((taken.ranking, taken.candidate.rank) for slots in filled for taken in slots.taken))
    return [slots.recommendation([next(parts) for _ in slots.taken], catalog) for slots in filled]
