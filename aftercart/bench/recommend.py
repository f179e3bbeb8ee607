"""Recommendation: one order and a batch against catalogs of all sizes, beside the bare matrix product and selection,
and beside LightFM's own `predict`."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import process_time

import numpy as np
import scipy.sparse as sp
from lightfm import LightFM
from threadpoolctl import threadpool_limits

from aftercart.bench.copies import memory
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
CATALOGS, BATCH, PREDICTED = (10_000, 100_000, 1_000_000), 512, 100_000
"""`PREDICTED`: up to this size LightFM is asked, too; it takes a second for one order and a million products."""

_AT_ONCE = 8_000_000
"""Scores in memory at once, by the floor, too."""
_ONE_ORDER_TIMES = 32
"""One order takes a tenth of a millisecond: so many are timed, one after the other."""
_DESCRIBED = 1_000


def recommend(rounds: int, folder: Path, catalogs: Sequence[int] = CATALOGS) -> Iterator[Result]:
    """Orders of three products at 64 components, one alone and 512 at once; and what pages of a shop ask."""
    with threadpool_limits(1, user_api="blas"):  # as `settle_in` has it in every process
        for products in catalogs:
            model = _model(products)
            for orders in (1, BATCH):
                yield _beside_the_floor(model, orders, rounds)
                if products <= PREDICTED:
                    yield _beside_predict(model, orders, rounds)
            if products == PREDICTED:
                yield memory(f"memory, {_size(model)}", model, folder / "copies")
    yield from suggest(rounds, folder, _model(catalogs[0]))


def _beside_the_floor(model: Model, count: int, rounds: int) -> Result:
    random = np.random.default_rng(2)
    products, times = len(model.products), _ONE_ORDER_TIMES if count == 1 else 1
    vectors = random.standard_normal((count, COMPONENTS), dtype=np.float32)
    items, questions = _embeddings(model).item, _questions(model, count)

    def bare() -> None:
        step = max(1, _AT_ONCE // products)
        for at in [*range(0, count, step)] * times:
            scores = vectors[at : at + step] @ items.T
            best = np.argpartition(-scores, MOST, axis=1)[:, :MOST]
            np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)

    def ours() -> None:
        for _ in range(times):
            by_lightfm(model, questions, {}, MOST)

    return beside(
        f"rank {count}, {_size(model)}", "orders", ours,
        "matrix product + argpartition", bare, count=count * times, rounds=rounds,
        clock=process_time,
    )  # fmt: skip


def _beside_predict(model: Model, count: int, rounds: int) -> Result:
    """LightFM answers one order here, of however many: it takes as long for each."""
    questions, products = _questions(model, count), len(model.products)
    times = range(_ONE_ORDER_TIMES if count == 1 else 1)
    bare, order, rows = _lightfm(model)
    items, user = np.arange(products, dtype=np.int32), np.zeros(products, dtype=np.int32)

    def predicted() -> None:
        scores = bare.predict(user, items, item_features=rows, user_features=order)
        np.argsort(-scores[np.argpartition(-scores, MOST)[:MOST]])

    def ours() -> None:
        for _ in times:
            by_lightfm(model, questions, {}, MOST)

    return replace(
        beside(
            f"predict {count}, {_size(model)}", "orders", ours,
            "LightFM's own predict", predicted, count=count * len(times), rounds=rounds, floor_count=1,
            clock=process_time,
        ),
        note="the same orders; LightFM sums the features of each product anew",
    )  # fmt: skip


def _lightfm(model: Model) -> tuple[LightFM, sp.csr_matrix, sp.csr_matrix]:
    """A LightFM of as many components, an order of three products, and all products: by identity and metadata."""
    assert model.learned
    metadata = model.learned.vocabulary.rows(model.products)
    rows = sp.hstack([sp.identity(len(model.products), dtype=np.float32, format="csr"), metadata], format="csr")
    order = sp.csr_matrix(rows[:3].mean(axis=0), dtype=np.float32)
    bare = LightFM(no_components=COMPONENTS, loss="warp", random_state=1)
    seen = sp.coo_matrix((1, len(model.products)), dtype=np.float32)
    bare.fit_partial(seen, user_features=order, item_features=rows, epochs=0)
    return bare, order, rows


def _questions(model: Model, count: int) -> list[Question]:
    numbers = np.random.default_rng(3).integers(0, len(model.products), (count, 3))
    orders = [tuple(model.products[number].sku for number in row) for row in numbers.tolist()]
    return [Question(anchors=anchors, banned=frozenset(anchors)) for anchors in orders]


def _embeddings(model: Model) -> Embeddings:
    assert model.learned
    return model.learned.embeddings


def _size(model: Model) -> str:
    count = len(model.products)
    return f"{count // 1_000_000}M" if count >= 1_000_000 else f"{count // 1_000}k"


def _product(number: int) -> Product:
    """Told by seven features, about as many as those of shops: two words of its title, its category, department, brand,
    color and price band."""
    words = " ".join(f"word{number * factor % 151}" for factor in (1, 3))
    return Product(
        f"SKU{number:05}",
        words,
        category=f"c{number % 97}",
        department=f"d{number % 7}",
        brand=f"b{number % 23}",
        color=f"k{number % 13}",
        price_minor=100 * (number % 89),
    )


def _model(count: int) -> Model:
    """A catalog of so many products with random embeddings. What stands for anchors stands for history, too: a million
    products take memory enough."""
    random = np.random.default_rng(1)
    products = tuple(_product(number) for number in range(count))
    known = vocabulary(products[:_DESCRIBED])

    def normal(rows: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
        return random.standard_normal((rows, COMPONENTS), dtype=np.float32)

    anchor, feature = normal(count), normal(len(known.names))
    embeddings = Embeddings(
        normal(count), random.standard_normal(count, dtype=np.float32), anchor, anchor, feature, feature
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
