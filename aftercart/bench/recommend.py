"""Recommendation: a batch of orders against a large catalog, beside the bare matrix product and selection."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aftercart.bench.suggest import suggest
from aftercart.bench.timing import Result, beside
from aftercart.recommendation.catalog import Product
from aftercart.recommendation.evidence import Evidence
from aftercart.recommendation.features import vocabulary
from aftercart.recommendation.lightfm_model import Embeddings
from aftercart.recommendation.model import Learned, Model
from aftercart.recommendation.question import Question
from aftercart.recommendation.scoring import by_lightfm

COMPONENTS, MOST = 64, 80
_AT_ONCE = 8_000_000
"""Scores in memory at once, by the floor, too."""


def recommend(rounds: int, folder: Path) -> Iterator[Result]:
    """Orders of three products at 64 components: against 10,000 and 100,000 products, one order and 512 at once; and
    what pages of a shop ask."""
    for products in (10_000, 100_000):
        model = _model(products)
        for orders in (1, 512):
            yield _beside_the_floor(model, orders, rounds)
    yield from suggest(rounds, folder, _model(10_000))


def _beside_the_floor(model: Model, count: int, rounds: int) -> Result:
    random = np.random.default_rng(2)
    products = len(model.products)
    orders = [tuple(model.products[i].sku for i in random.integers(0, products, 3)) for _ in range(count)]
    questions = [Question(anchors=anchors, banned=frozenset(anchors)) for anchors in orders]
    vectors = random.standard_normal((count, COMPONENTS), dtype=np.float32)
    items = model.learned.embeddings.item if model.learned else vectors

    def bare() -> None:
        step = max(1, _AT_ONCE // products)
        for at in range(0, count, step):
            scores = vectors[at : at + step] @ items.T
            best = np.argpartition(-scores, MOST, axis=1)[:, :MOST]
            np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)

    return beside(
        f"rank {count}, {products // 1000}k", "orders", lambda: by_lightfm(model, questions, {}, MOST),
        "matrix product + argpartition", bare, count=count, rounds=rounds,
    )  # fmt: skip


def _model(count: int) -> Model:
    """A catalog of so many products with random embeddings."""
    random = np.random.default_rng(1)
    products = tuple(Product(sku=f"SKU{n:05}", title=f"Product {n}", category=f"c{n % 97}") for n in range(count))
    known = vocabulary(products)

    def normal(rows: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
        return random.standard_normal((rows, COMPONENTS), dtype=np.float32)

    embeddings = Embeddings(
        item=normal(count),
        item_bias=random.standard_normal(count, dtype=np.float32),
        anchor=normal(count),
        history=normal(count),
        feature_anchor=normal(len(known.names)),
        feature_history=normal(len(known.names)),
    )
    nothing = np.zeros(0, dtype=np.int32)
    evidence = Evidence(
        order_count=0,
        item_orders=np.zeros(count, dtype=np.int32),
        selling=np.zeros(count, dtype=np.float32),
        leads=np.zeros(count, dtype=np.float32),
        pair_pointers=np.zeros(count + 1, dtype=np.int32),
        pair_items=nothing,
        pair_counts=nothing,
        pair_weights=np.zeros(0, dtype=np.float32),
    )
    return Model("bench", products, evidence, Learned(known, embeddings, history_length=12))
