"""Recommendation: a batch of orders against a large catalog, beside the bare matrix product and selection."""

import numpy as np

from aftercart.bench.timing import Result, beside
from aftercart.recommendation.catalog import Product
from aftercart.recommendation.evidence import Evidence
from aftercart.recommendation.features import vocabulary
from aftercart.recommendation.lightfm_model import Embeddings
from aftercart.recommendation.model import Learned, Model
from aftercart.recommendation.question import Question
from aftercart.recommendation.scoring import by_lightfm

PRODUCTS, COMPONENTS, BATCH, MOST = 10_000, 64, 512, 80


def recommend(rounds: int) -> Result:
    """Orders of three products, ranked against 10,000 products at 64 components, 512 at once."""
    model = _model()
    random = np.random.default_rng(2)
    orders = [tuple(model.products[i].sku for i in random.integers(0, PRODUCTS, 3)) for _ in range(BATCH)]
    questions = [Question(anchors=anchors, banned=frozenset(anchors)) for anchors in orders]
    vectors = random.standard_normal((BATCH, COMPONENTS), dtype=np.float32)
    items = model.learned.embeddings.item if model.learned else vectors

    def bare() -> None:
        scores = vectors @ items.T
        best = np.argpartition(-scores, MOST, axis=1)[:, :MOST]
        np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)

    return beside(
        "recommend", "orders", lambda: by_lightfm(model, questions, {}, MOST),
        "matrix product + argpartition", bare, count=BATCH, rounds=rounds,
    )  # fmt: skip


def _model() -> Model:
    """A catalog of 10,000 products with random embeddings."""
    random = np.random.default_rng(1)
    products = tuple(Product(sku=f"SKU{n:05}", title=f"Product {n}", category=f"c{n % 97}") for n in range(PRODUCTS))
    known = vocabulary(products)

    def normal(rows: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
        return random.standard_normal((rows, COMPONENTS), dtype=np.float32)

    embeddings = Embeddings(
        item=normal(PRODUCTS),
        item_bias=random.standard_normal(PRODUCTS, dtype=np.float32),
        anchor=normal(PRODUCTS),
        history=normal(PRODUCTS),
        feature_anchor=normal(len(known.names)),
        feature_history=normal(len(known.names)),
    )
    nothing = np.zeros(0, dtype=np.int32)
    evidence = Evidence(
        order_count=0,
        item_orders=np.zeros(PRODUCTS, dtype=np.int32),
        selling=np.zeros(PRODUCTS, dtype=np.float32),
        leads=np.zeros(PRODUCTS, dtype=np.float32),
        pair_pointers=np.zeros(PRODUCTS + 1, dtype=np.int32),
        pair_items=nothing,
        pair_counts=nothing,
        pair_weights=np.zeros(0, dtype=np.float32),
    )
    return Model("bench", products, evidence, Learned(known, embeddings, history_length=12))
