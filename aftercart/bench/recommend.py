"""Recommendation: one order and a batch against catalogs of all sizes, beside the bare matrix product and selection,
and beside LightFM's own `predict`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import process_time

import numpy as np
import scipy.sparse as sp
from lightfm import LightFM
from threadpoolctl import threadpool_limits

from aftercart.bench.catalogs import COMPONENTS, EARLIER, as_for_a_mail, lightfm_alone, questions, size
from aftercart.bench.copies import memory
from aftercart.bench.suggest import suggest
from aftercart.bench.timing import Result, Work, beside
from aftercart.recommendation.asking.question import Question
from aftercart.recommendation.inputs.dataset import Floats, row_means
from aftercart.recommendation.models.model import Model
from aftercart.recommendation.ranking.scoring import by_lightfm

MOST = 80
CATALOGS, BATCH, SHARED = (10_000, 100_000, 1_000_000), 512, 100_000
"""`SHARED`: of this catalog the memory of several processes is measured."""

_AT_ONCE = 8_000_000
"""Scores in memory at once, by the floor, too."""
_PAIRS = 200_000
"""Of orders and products that LightFM is asked for at once: it takes as long for each."""
_ONE_ORDER_TIMES = 32
"""One order takes a tenth of a millisecond: so many are timed, one after the other."""


def recommend(rounds: int, folder: Path, catalogs: Sequence[int] = CATALOGS, shared: int = SHARED) -> Iterator[Result]:
    """Orders of three products at 64 components, one alone and 512 at once; and what pages of a shop ask."""
    with threadpool_limits(1, user_api="blas"):  # as `settle_in` has it in every process
        for count in catalogs:
            model = lightfm_alone(count)
            for orders in (1, BATCH):
                ranked = _beside_the_floor(model, orders, rounds, "rank")
                yield ranked
                for found in _beside_predict(model, orders, rounds):
                    most = ranked.floor_per_second / found.floor_per_second
                    yield replace(found, note=f"{ranked.floor} alone: {most:.0f} times")
            for_mail = as_for_a_mail(model)
            del model
            for orders in (1, BATCH):
                yield _beside_the_floor(for_mail, orders, rounds, "mail")
            if count == shared:
                yield memory(f"memory, {size(for_mail)}", for_mail, folder / "copies")
    yield from suggest(rounds, folder, lightfm_alone(catalogs[0]))


def _beside_the_floor(model: Model, count: int, rounds: int, what: str) -> Result:
    products, times = len(model.products), _times(count)
    return beside(
        f"{what} {count}, {size(model)}", "orders", _ours(model, count, EARLIER),
        "matrix product + argpartition", _bare(products, count), count=count * times, rounds=rounds,
        clock=process_time,
    )  # fmt: skip


def _beside_predict(model: Model, count: int, rounds: int) -> Iterator[Result]:
    """Orders of people who come back, as most of Online Retail's, and first ones. LightFM answers fewer of them."""
    products = len(model.products)
    fewer = max(1, min(count, _PAIRS // products))
    for earlier, kind in ((EARLIER, "predict"), (0, "predict first")):
        yield beside(
            f"{kind} {count}, {size(model)}", "orders", _ours(model, count, earlier),
            "LightFM's own predict", _predict(model, questions(model, fewer, earlier)),
            count=count * _times(count), rounds=rounds, floor_count=fewer, clock=process_time,
        )  # fmt: skip


def _times(count: int) -> int:
    return _ONE_ORDER_TIMES if count == 1 else 1


def _ours(model: Model, count: int, earlier: int) -> Work:
    asked = questions(model, count, earlier)

    def ours() -> None:
        for _ in range(_times(count)):
            by_lightfm(model, asked, {}, MOST)

    return ours


def _bare(products: int, count: int) -> Work:
    random = np.random.default_rng(2)
    vectors = random.standard_normal((count, COMPONENTS), dtype=np.float32)
    items = random.standard_normal((products, COMPONENTS), dtype=np.float32)

    def bare() -> None:
        step = max(1, _AT_ONCE // products)
        for at in [*range(0, count, step)] * _times(count):
            _best(vectors[at : at + step] @ items.T)

    return bare


def _predict(model: Model, asked: Sequence[Question]) -> Callable[[], None]:
    """As its users ask it, with the features that it is trained with here: for each order a row of what it holds and of
    what was bought before, and for each product its identity and metadata."""
    assert model.learned
    products = len(model.products)
    metadata = model.learned.vocabulary.rows(model.products)
    rows = sp.hstack([sp.identity(products, dtype=np.float32, format="csr"), metadata], format="csr")
    bare = LightFM(no_components=COMPONENTS, loss="warp", random_state=1)
    bare.fit_partial(sp.coo_matrix((1, products), dtype=np.float32), **_features(model, rows, asked[:1]), epochs=0)

    def predicted() -> None:
        users = np.repeat(np.arange(len(asked), dtype=np.int32), products)
        items = np.tile(np.arange(products, dtype=np.int32), len(asked))
        scores = bare.predict(users, items, **_features(model, rows, asked), num_threads=1)
        _best(scores.reshape(len(asked), products))

    return predicted


def _features(model: Model, rows: sp.csr_matrix, asked: Sequence[Question]) -> dict[str, sp.csr_matrix]:
    halves = [_means(model, rows, [question.anchors for question in asked])]
    halves.append(_means(model, rows, [question.history for question in asked]))
    return {"user_features": sp.hstack(halves, format="csr"), "item_features": rows}


def _means(model: Model, rows: sp.csr_matrix, named: Sequence[Sequence[str]]) -> sp.csr_matrix:
    items = [model.known(skus) for skus in named]
    pointers = np.concatenate(([0], np.cumsum([len(row) for row in items])))
    numbers = np.array([item for row in items for item in row], dtype=np.int64)
    shape = (len(items), len(model.products))
    return row_means(sp.csr_matrix((np.ones(len(numbers), np.float32), numbers, pointers), shape=shape)) @ rows


def _best(scores: Floats) -> None:
    best = np.argpartition(-scores, MOST, axis=1)[:, :MOST]
    np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
