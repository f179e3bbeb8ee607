"""What a product is, as a row of weights: words of its title, category, brand and the like, price band."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from aftercart.recommendation.inputs.catalog import Product

# Metadata as a whole weigh four times as much as a product's identity.
METADATA_WEIGHT = 4.0

_WORD = re.compile(r"[^\W_]+")
_COLUMNS = ("category", "department", "brand", "family", "color")
_PRICE_BANDS = 10
_RAREST = 2
_MOST_COMMON_SHARE = 0.25
_COMMON_ANYWAY = 20


@dataclass(frozen=True)
class Vocabulary:
    """The features that a model knows. `price_bounds`: the upper bounds of all price bands but the last."""

    names: tuple[str, ...]
    price_bounds: tuple[float, ...]

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {name: column for column, name in enumerate(self.names)}

    def rows(self, products: Sequence[Product]) -> sp.csr_matrix:
        """One row per product, of the features it has; each row sums to METADATA_WEIGHT (or 0: nothing known)."""
        found = [sorted(self._known(_features(product, self.price_bounds))) for product in products]
        lengths = np.array([len(columns) for columns in found], dtype=np.int64)
        weights = np.repeat(METADATA_WEIGHT / np.maximum(lengths, 1), lengths).astype(np.float32)
        columns = np.array([column for row in found for column in row], dtype=np.int64)
        pointers = np.concatenate(([0], np.cumsum(lengths)))
        return sp.csr_matrix((weights, columns, pointers), shape=(len(products), len(self.names)))

    def _known(self, names: Iterable[str]) -> Iterable[int]:
        return (self._columns[name] for name in names if name in self._columns)


def vocabulary(products: Sequence[Product]) -> Vocabulary:
    """The features that at least two products share and that do not stand on most of the catalog."""
    bounds = _price_bounds(products)
    uses = Counter(name for product in products for name in _features(product, bounds))
    most = max(_MOST_COMMON_SHARE * len(products), _COMMON_ANYWAY)
    return Vocabulary(tuple(sorted(name for name, n in uses.items() if _RAREST <= n <= most)), bounds)


def _features(product: Product, bounds: tuple[float, ...]) -> set[str]:
    names = {f"word:{word}" for word in _WORD.findall(product.title.lower()) if len(word) > 1}
    names |= {f"{column}:{value}" for column in _COLUMNS if (value := getattr(product, column))}
    if bounds and product.price_minor is not None:
        names.add(f"price:{int(np.searchsorted(bounds, product.price_minor))}")
    return names


def _price_bounds(products: Sequence[Product]) -> tuple[float, ...]:
    prices = [product.price_minor for product in products if product.price_minor is not None]
    if len(prices) < 5 * _PRICE_BANDS:
        return ()
    shares = np.arange(1, _PRICE_BANDS) / _PRICE_BANDS
    return tuple(sorted({float(bound) for bound in np.quantile(prices, shares)}))
