"""What recommendations know: the catalog as it was learned, evidence from past orders and, once trained, embeddings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from aftercart.recommendation.blend import LIGHTFM_ALONE, Blend
from aftercart.recommendation.catalog import Product
from aftercart.recommendation.categories import Categories, categories_of
from aftercart.recommendation.dataset import Floats
from aftercart.recommendation.evidence import Evidence
from aftercart.recommendation.features import Vocabulary
from aftercart.recommendation.guards import Basket, Rivals
from aftercart.recommendation.lightfm_model import Embeddings
from aftercart.recommendation.links import Links
from aftercart.recommendation.request import Request, Rules

UNTRAINED = "fallback"

NEW_ORDERS = 5.0
"""In so many orders a product is half as new as at the start."""

_MOST_FILTERS = 64
"""So many answers to filters are kept: campaigns have a few, a shop's pages may ask for any category."""


@dataclass(frozen=True, eq=False)
class Learned:
    """What training adds. `embeddings` know what goes into one order, `following` what is bought after it (None: nobody
    came back; then the others stand for it). `history_length`: how many earlier purchases a score may look at.

    `links`: evidence by its name (LINKS in givens.py). `blend`: how much the embeddings and each kind of evidence
    count, chosen on a time window of its own.
    """

    vocabulary: Vocabulary
    embeddings: Embeddings
    history_length: int
    following: Embeddings | None = None
    links: Mapping[str, Links] = field(default_factory=dict)
    blend: Blend = LIGHTFM_ALONE


@dataclass(frozen=True, eq=False)
class _Column:
    """One column of the catalog: its values by number, and the number of each product's."""

    number: Mapping[str, int]
    of_item: npt.NDArray[np.int32]

    def holds(self, values: Sequence[str]) -> npt.NDArray[np.bool_]:
        wanted = [self.number[value.casefold()] for value in values if value.casefold() in self.number]
        return np.isin(self.of_item, wanted)


def _column_of(values: Sequence[str]) -> _Column:
    number: dict[str, int] = {}
    of_item = np.fromiter((number.setdefault(value, len(number)) for value in values), np.int32, len(values))
    return _Column(number, of_item)


@dataclass(frozen=True, eq=False)
class Model:
    """One version, immutable and shared by all threads. `products`: as they were when the orders were read;
    what may be shown is decided on fresh rows."""

    version: str
    products: tuple[Product, ...]
    evidence: Evidence
    learned: Learned | None = None

    @cached_property
    def index(self) -> Mapping[str, int]:
        """The number of each product."""
        return {sku: number for number, sku in enumerate(self.skus)}

    @cached_property
    def skus(self) -> tuple[str, ...]:
        """The products by number."""
        return tuple(product.sku for product in self.products)

    @cached_property
    def selling(self) -> Floats:
        """How far each product lies above the catalog in what sells lately, on a logarithmic scale."""
        row: Floats = standardized(np.log1p(self.evidence.selling)[None, :])[0]
        return row

    @cached_property
    def newness(self) -> Floats:
        """1 for a product that nobody bought, falling towards 0 as orders come in."""
        newness: Floats = (NEW_ORDERS / (self.evidence.item_orders + NEW_ORDERS)).astype(np.float32)
        return newness

    @cached_property
    def categories(self) -> Categories:
        """Those of the products, with what past orders show of them."""
        return categories_of(self.products, self.evidence)

    @property
    def rivals(self) -> Rivals:
        """The pairs of categories that past orders keep apart."""
        return self.categories.rivals

    def known(self, skus: Sequence[str]) -> list[int]:
        """The numbers of the products that the model knows, without doubles, in the order given."""
        return [self.index[sku] for sku in dict.fromkeys(skus) if sku in self.index]

    def are_often_together(self, anchor: str, sku: str) -> bool:
        """Whether people buy both in one order, and not by chance."""
        if anchor not in self.index or sku not in self.index:
            return False
        return self.evidence.are_often_together(self.index[anchor], self.index[sku])

    def are_bought_instead(self, anchor: str, sku: str) -> bool:
        """Whether people take one or the other, as past orders have it."""
        if anchor not in self.index or sku not in self.index:
            return False
        return self.evidence.are_bought_instead(self.index[anchor], self.index[sku])

    def basket_of(self, request: Request, catalog: Mapping[str, Product]) -> Basket:
        """An order as the guards see it, by what this model knows of past ones."""
        found = tuple(catalog[anchor.sku] for anchor in request.anchors if anchor.sku in catalog)
        taken = self.categories.taken({anchor.category for anchor in found}, request.rules.slots)
        return Basket(request, found, self.are_often_together, self.rivals, self.are_bought_instead, taken)

    def allowed(self, rules: Rules) -> npt.NDArray[np.bool_] | None:
        """Which products a campaign's filter leaves; None: all."""
        if not rules.only and not rules.without:
            return None
        filters = (tuple(rules.only.items()), tuple(rules.without.items()))
        left = self._left_by.get(filters)
        if left is None:
            left = self._fitting(rules)
            if len(self._left_by) >= _MOST_FILTERS:
                self._left_by.clear()
            self._left_by[filters] = left
        return left

    def _fitting(self, rules: Rules) -> npt.NDArray[np.bool_]:
        """As `guards.fits` has it, for all products at once."""
        left = np.ones(len(self.products), dtype=bool)
        for key, values in rules.only.items():
            left &= self._column(key).holds(values)
        for key, values in rules.without.items():
            left &= ~self._column(key).holds(values)
        return left

    def _column(self, key: str) -> _Column:
        if key not in self._columns:
            self._columns[key] = _column_of([str(getattr(product, key)).casefold() for product in self.products])
        return self._columns[key]

    @cached_property
    def _columns(self) -> dict[str, _Column]:
        return {}

    @cached_property
    def _left_by(self) -> dict[object, npt.NDArray[np.bool_]]:
        """Few filters are asked for again and again."""
        return {}


def standardized(scores: Floats) -> Floats:
    """Each row in standard deviations above its mean."""
    spread = scores.std(axis=1, keepdims=True) + np.float32(1e-9)
    rows: Floats = (scores - scores.mean(axis=1, keepdims=True)) / spread
    return rows
