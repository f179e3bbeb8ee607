"""What recommendations know: the catalog as it was learned, evidence from past orders and, once trained, embeddings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from aftercart.recommendation.asking.guards import Basket, Rivals
from aftercart.recommendation.asking.request import Request, Rules
from aftercart.recommendation.counted.categories import Categories, categories_of
from aftercart.recommendation.counted.evidence import Evidence
from aftercart.recommendation.counted.links import Links
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.dataset import Floats
from aftercart.recommendation.inputs.features import Vocabulary
from aftercart.recommendation.inputs.packed_catalog import PackedCatalog, packed
from aftercart.recommendation.models.blend import LIGHTFM_ALONE, Blend
from aftercart.recommendation.models.lightfm_model import Embeddings
from aftercart.recommendation.models.serving_arrays import SELLING_COLUMN, Stack, linear_rows, stacked

UNTRAINED = "fallback"

TOGETHER = "together"
"""Among the links of a model: what past orders held together."""

NEW_ORDERS = 5.0
"""In so many orders a product is half as new as at the start."""

_COMPARED_WITH_OWNED = 60
"""So many of the lines that a person bought last are compared with what is offered: wholesalers have hundreds."""

Filter = Mapping[str, tuple[str, ...]]

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

    @property
    def subjects(self) -> tuple[Embeddings, ...]:
        """The LightFM models that there are."""
        return (self.embeddings, self.following) if self.following else (self.embeddings,)


@dataclass(frozen=True, eq=False)
class Model:
    """One version, immutable and shared by all threads. `products`: as they were when the orders were read;
    what may be shown is decided on fresh rows."""

    version: str
    products: Sequence[Product]
    evidence: Evidence
    learned: Learned | None = None
    linear_rows: Floats | None = None
    stack: Stack | None = None
    """Both as files have them; else they are made when they are asked for."""

    @cached_property
    def catalog(self) -> PackedCatalog:
        """The products, to be looked up."""
        return packed(self.products)

    def number(self, sku: str) -> int | None:
        """The number of a product; None: the model has never seen it."""
        return self.catalog.number(sku)

    @cached_property
    def selling(self) -> Floats:
        """How far each product lies above the catalog in what sells lately, on a logarithmic scale."""
        if self.linear_rows is not None:
            return self.linear_rows[:, SELLING_COLUMN]
        row: Floats = standardized(np.log1p(self.evidence.selling)[None, :])[0]
        return row

    @cached_property
    def linear(self) -> Floats:
        """`linear_rows` of what is learned."""
        assert self.learned
        return linear_rows(self.learned.subjects, self.selling) if self.linear_rows is None else self.linear_rows

    @cached_property
    def votes(self) -> Stack:
        """All kinds of links, those of what was bought together first."""
        if self.stack:
            return self.stack
        pairs = Links(self.evidence.pair_pointers, self.evidence.pair_items, self.evidence.pair_weights)
        return stacked([(TOGETHER, pairs), *sorted(self.learned.links.items() if self.learned else ())])

    @cached_property
    def newness(self) -> Floats:
        """1 for a product that nobody bought, falling towards 0 as orders come in."""
        newness: Floats = (NEW_ORDERS / (self.evidence.item_orders + NEW_ORDERS)).astype(np.float32)
        return newness

    @cached_property
    def categories(self) -> Categories:
        """Those of the products, with what past orders show of them."""
        return categories_of(self.catalog, self.evidence)

    @property
    def rivals(self) -> Rivals:
        """The pairs of categories that past orders keep apart."""
        return self.categories.rivals

    def known(self, skus: Sequence[str]) -> list[int]:
        """The numbers of the products that the model knows, without doubles, in the order given."""
        return [number for sku in dict.fromkeys(skus) if (number := self.number(sku)) is not None]

    def are_often_together(self, anchor: str, sku: str) -> bool:
        """Whether people buy both in one order, and not by chance."""
        one, other = self.number(anchor), self.number(sku)
        return one is not None and other is not None and self.evidence.are_often_together(one, other)

    def are_bought_instead(self, anchor: str, sku: str) -> bool:
        """Whether people take one or the other, as past orders have it."""
        one, other = self.number(anchor), self.number(sku)
        return one is not None and other is not None and self.evidence.are_bought_instead(one, other)

    def are_misfits(self, anchor: str, sku: str) -> bool:
        """Whether people who buy of the categories of both hardly ever take these two."""
        one, other = self.number(anchor), self.number(sku)
        return one is not None and other is not None and self.categories.are_misfits(one, other)

    def basket_of(self, request: Request, catalog: Mapping[str, Product]) -> Basket:
        """An order as the guards see it, by what this model knows of past ones."""
        found = tuple(catalog[anchor.sku] for anchor in request.anchors if anchor.sku in catalog)
        taken = self.categories.taken({anchor.category for anchor in found}, request.rules.slots)
        bought_last = self.known(request.owned[-_COMPARED_WITH_OWNED:])
        owned = tuple(self.products[item] for item in bought_last if self.evidence.bought_once[item])
        return Basket(
            request,
            found,
            self.are_often_together,
            self.rivals,
            self.are_bought_instead,
            taken,
            owned,
            self.are_misfits,
        )

    def allowed(self, rules: Rules) -> npt.NDArray[np.bool_] | None:
        """Which products a campaign's filter leaves; None: all."""
        return self._fitting(rules.only, rules.without) if rules.only or rules.without else None

    def boosted(self, rules: Rules) -> npt.NDArray[np.bool_] | None:
        """Which products a campaign raises; None: none."""
        return self._fitting(rules.boosted, {}) if rules.boosted else None

    def _fitting(self, only: Filter, without: Filter) -> npt.NDArray[np.bool_]:
        """As `guards.fits` has it, for all products at once."""
        filters = (tuple(only.items()), tuple(without.items()))
        if filters not in self._left_by:
            left = np.ones(len(self.products), dtype=bool)
            for key, values in only.items():
                left &= self._holding(key, values)
            for key, values in without.items():
                left &= ~self._holding(key, values)
            if len(self._left_by) >= _MOST_FILTERS:
                self._left_by.clear()
            self._left_by[filters] = left
            return left
        return self._left_by[filters]

    def _holding(self, key: str, values: Sequence[str]) -> npt.NDArray[np.bool_]:
        wanted, (found, of_item) = {value.casefold() for value in values}, self.catalog.values(key)
        return np.array([value.casefold() in wanted for value in found], dtype=bool)[of_item]

    @cached_property
    def _left_by(self) -> dict[object, npt.NDArray[np.bool_]]:
        """Few filters are asked for again and again."""
        return {}


def standardized(scores: Floats) -> Floats:
    """Each row in standard deviations above its mean."""
    spread = scores.std(axis=1, keepdims=True) + np.float32(1e-9)
    rows: Floats = (scores - scores.mean(axis=1, keepdims=True)) / spread
    return rows
