"""Of which things do people buy one, and of which do they come back for another color or size?

Nobody who has a helmet wants it in blue as well; of yarn they do. Past orders tell the two apart: of a category of
which people come back for variants far less often than chance alone would bring them, one is enough.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from aftercart.recommendation.inputs.catalog import Product, distinctive_words, model_numbers
from aftercart.recommendation.inputs.dataset import Interactions, Ints

Doubles = npt.NDArray[np.float64]

_WITHIN_DAYS = 365
_SHARE_OF_CHANCE = 0.5
_AS_MUCH_AS_THE_SHOP = 5.0
"""So many variants expected by chance in a category count as much as what the whole shop shows."""


def bought_once(past: Interactions) -> npt.NDArray[np.bool_]:
    """For each product, whether somebody who has one of its variants is done with it. Where nobody came back at all,
    everything is bought once.

    By chance: the variants expected if what people buy later did not depend on what they have.
    """
    if not past.products:
        return np.zeros(0, dtype=bool)
    kinds, category = _kinds(past.products), _numbers([product.category for product in past.products])
    counted, chance = _came_back(past, kinds)
    shop = counted.sum() / (chance.sum() + _AS_MUCH_AS_THE_SHOP)
    # A kind stands with the category of its products; where they have none, all kinds of the shop stand together.
    of_kind = np.zeros(len(counted), dtype=np.int64)
    of_kind[kinds] = category
    came, by_chance = (np.bincount(of_kind, weights=values, minlength=len(kinds)) for values in (counted, chance))
    shares = (came + _AS_MUCH_AS_THE_SHOP * shop) / (by_chance + _AS_MUCH_AS_THE_SHOP)
    once: npt.NDArray[np.bool_] = (shares < _SHARE_OF_CHANCE)[category]
    return once


def _came_back(past: Interactions, kinds: Ints) -> tuple[Doubles, Doubles]:
    """Of each kind: how many variants were bought after an order with one, and how many chance would have brought."""
    later = past.next_purchases(_WITHIN_DAYS)
    orders, width = np.flatnonzero(later.lengths > 0), len(past.products)
    before, after = past.baskets.matrix(orders, width), later.matrix(orders, width)
    had, bought = (np.asarray(part.sum(axis=0)).ravel().astype(np.float64) for part in (before, after))
    into = sp.csr_matrix((np.ones(width), (np.arange(width), kinds)))
    counted: Doubles = np.asarray((before @ into).multiply(after @ into).sum(axis=0)).ravel()
    of_all, of_same = (np.bincount(kinds, weights=values) for values in (had, bought))
    itself = np.bincount(kinds, weights=had * bought)
    return counted, (of_all * of_same - itself) / max(len(orders), 1)


def _kinds(products: Sequence[Product]) -> Ints:
    """The number of what each product is a variant of."""
    return _numbers([product.family or _model(product.title) or product.sku for product in products])


def _model(title: str) -> tuple[frozenset[str], frozenset[str]] | None:
    words = distinctive_words(title)
    return (words, model_numbers(title)) if words else None


def _numbers(values: Sequence[object]) -> Ints:
    number: dict[object, int] = {}
    return np.array([number.setdefault(value, len(number)) for value in values], dtype=np.int64)
