"""What is alike by its description: the cosine of two products' features, rare features counting more."""

import numpy as np
import scipy.sparse as sp

from aftercart.recommendation.counted.links import Links, links_of, strongest
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.features import Vocabulary

MOST_ITEMS = 50_000
"""Every product is compared with every other; with more of them there are no such links."""
KEPT_PER_ITEM = 100

_ROWS_AT_ONCE = 500


def unit_rows(words: Vocabulary, products: tuple[Product, ...]) -> sp.csr_matrix:
    """Features of products as rows of length 1."""
    rows = words.rows(products)
    rows.data[:] = 1
    rarity = np.log(max(len(products), 1) / (1 + np.asarray(rows.sum(axis=0)).ravel()))
    weighted = rows @ sp.diags(np.maximum(rarity, 0))
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel()) + 1e-9
    return (sp.diags(1 / lengths) @ weighted).tocsr().astype(np.float32)


def alike(words: Vocabulary, products: tuple[Product, ...]) -> Links:
    """The hundred products most like each, with their cosines."""
    width = len(products)
    if width > MOST_ITEMS:
        return links_of(sp.csr_matrix((width, width), dtype=np.float32))
    rows = unit_rows(words, products)
    blocks = []
    for at in range(0, width, _ROWS_AT_ONCE):
        block = (rows[at : at + _ROWS_AT_ONCE] @ rows.T).toarray()
        block[np.arange(len(block)), at + np.arange(len(block))] = 0
        blocks.append(strongest(block, KEPT_PER_ITEM))
    return links_of(sp.vstack(blocks, format="csr"))
