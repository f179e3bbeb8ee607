"""Made-up catalogs of any size, models of them, and orders to ask about."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from aftercart.recommendation.asking.question import Question
from aftercart.recommendation.counted.evidence import Evidence
from aftercart.recommendation.counted.links import Links
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.features import Vocabulary, vocabulary
from aftercart.recommendation.inputs.packed_catalog import packed
from aftercart.recommendation.models.blend import UNTUNED
from aftercart.recommendation.models.lightfm_model import Embeddings
from aftercart.recommendation.models.model import Learned, Model

COMPONENTS = 64
BOUGHT, EARLIER = 3, 7
"""Products of an order, and what its customer had bought before: Online Retail has 7.5 on average of the newest 12."""

_DESCRIBED = 1_000
_SELLING = 5_000
"""Orders hold what sells most; of the rest nothing is known but its embeddings."""
_LINKED = {"ease": 200, "ease_wide": 200, "followed": 400, "alike": 100}
_PAIRED = 400
"""For how many others each of them speaks. Of what sells, a product of Online Retail has 2,400 pairs and was followed
by 1,400 others, and one of AdventureWorks has some 50 of each."""


def lightfm_alone(count: int) -> Model:
    """A catalog of so many products, ranked by random embeddings alone. What stands for anchors stands for history,
    too: a million products take memory enough."""
    products = packed([_product(number) for number in range(count)])
    known, random = vocabulary(products[:_DESCRIBED]), np.random.default_rng(1)
    learned = Learned(known, _embeddings(random, count, known, COMPONENTS), history_length=12)
    return Model("bench", products, _evidence(random, count, 0), learned)


def as_for_a_mail(model: Model) -> Model:
    """The same catalog with all that training leaves behind: two subjects of LightFM with half of the components each,
    evidence of all kinds, and the usual blend."""
    assert model.learned
    count, known, random = len(model.products), model.learned.vocabulary, np.random.default_rng(4)
    learned = replace(
        model.learned,
        embeddings=_embeddings(random, count, known, COMPONENTS // 2),
        following=_embeddings(random, count, known, COMPONENTS // 2),
        links={name: Links(*_linked(random, count, each)) for name, each in _LINKED.items()},
        blend=UNTUNED,
    )
    return Model("mail", model.products, _evidence(random, count, _PAIRED), learned)


def questions(model: Model, count: int, earlier: int = EARLIER) -> list[Question]:
    """Orders of three products, each of another customer."""
    selling = min(_SELLING, len(model.products))
    numbers = np.random.default_rng(3).integers(0, selling, (count, BOUGHT + EARLIER))
    rows = [model.catalog.skus(row) for row in numbers]
    orders = [(tuple(row[:BOUGHT]), tuple(row[BOUGHT : BOUGHT + earlier])) for row in rows]
    return [Question(anchors, history, frozenset((*anchors, *history))) for anchors, history in orders]


def size(model: Model) -> str:
    """Of its catalog, in a word."""
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


def _embeddings(random: np.random.Generator, count: int, known: Vocabulary, components: int) -> Embeddings:
    def normal(rows: int) -> npt.NDArray[np.float32]:
        return random.standard_normal((rows, components), dtype=np.float32)

    anchor, feature = normal(count), normal(len(known.names))
    bias = random.standard_normal(count, dtype=np.float32)
    return Embeddings(normal(count), bias, anchor, anchor, feature, feature)


def _evidence(random: np.random.Generator, count: int, each: int) -> Evidence:
    pointers, items, weights = _linked(random, count, each)
    sold = np.zeros(count, dtype=np.int32)
    if each:
        sold[:] = 1_000 / (1 + np.arange(count))
    return Evidence(
        order_count=20_000,
        item_orders=sold,
        selling=sold.astype(np.float32),
        leads=np.full(count, 0.5, dtype=np.float32),
        bought_once=np.zeros(count, dtype=bool),
        pair_pointers=pointers,
        pair_items=items,
        pair_counts=np.ones(len(items), dtype=np.int32),
        pair_weights=weights,
    )


def _linked(
    random: np.random.Generator, count: int, each: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """What sells most speaks for as many others each, which it is not, in ascending order."""
    rows = min(_SELLING, count) if each else 0
    gaps = random.integers(1, max(count // max(each, 1), 2), (rows, each), dtype=np.int32)
    items = (np.cumsum(gaps, axis=1) % count).astype(np.int32)
    items.sort(axis=1)
    lengths = np.where(np.arange(count) < rows, each, 0)
    pointers = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    return pointers, items.ravel(), random.random(rows * each, dtype=np.float32)
