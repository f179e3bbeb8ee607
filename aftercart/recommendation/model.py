"""What recommendations know: the catalog as it was learned, evidence from past orders and, once trained, embeddings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from aftercart.recommendation.catalog import Product
from aftercart.recommendation.evidence import Evidence
from aftercart.recommendation.features import Vocabulary
from aftercart.recommendation.guards import Rivals, fits
from aftercart.recommendation.lightfm_model import Embeddings
from aftercart.recommendation.request import Rules
from aftercart.recommendation.rivals import rival_categories

UNTRAINED = "fallback"


@dataclass(frozen=True, eq=False)
class Learned:
    """What training adds. `history_length`: how many earlier purchases a score may look at.

    `evidence_weight`: how much bought-together counts weigh beside the embeddings, chosen on a time window of
    its own (0: not at all).
    """

    vocabulary: Vocabulary
    embeddings: Embeddings
    history_length: int
    evidence_weight: float = 0.0


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
        return {product.sku: number for number, product in enumerate(self.products)}

    @cached_property
    def rivals(self) -> Rivals:
        """The pairs of categories that past orders keep apart."""
        return rival_categories(self.products, self.evidence)

    def known(self, skus: Sequence[str]) -> list[int]:
        """The numbers of the products that the model knows, without doubles, in the order given."""
        return [self.index[sku] for sku in dict.fromkeys(skus) if sku in self.index]

    def allowed(self, rules: Rules) -> npt.NDArray[np.bool_] | None:
        """Which products a campaign's filter leaves; None: all."""
        if not rules.only and not rules.without:
            return None
        filters = (tuple(rules.only.items()), tuple(rules.without.items()))
        if filters not in self._left_by:
            self._left_by[filters] = np.fromiter((fits(product, rules) for product in self.products), bool)
        return self._left_by[filters]

    @cached_property
    def _left_by(self) -> dict[object, npt.NDArray[np.bool_]]:
        """A shop has few filters and asks each of them for every order."""
        return {}
