from collections.abc import Sequence

import numpy as np

from aftercart.recommendation.asking.question import Question
from aftercart.recommendation.counted.evidence import evidence_of
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.dataset import GUEST, interactions
from aftercart.recommendation.models.model import Model
from aftercart.recommendation.ranking.fallback import by_best_sellers, by_bought_together, by_category_best_sellers

CATALOG = tuple(Product(sku, sku) for sku in ("bike", "pump", "bottle", "tent", "unsold"))
BASKETS = [[0, 1]] * 6 + [[0, 2]] * 3 + [[3, 2]] * 4


def model() -> Model:
    lines = [(order, item) for order, items in enumerate(BASKETS) for item in items]
    orders, items = zip(*lines, strict=True)
    count = len(BASKETS)
    past = interactions(CATALOG, [0] * count, [GUEST] * count, orders, items, [1] * len(items))
    return Model("fallback", CATALOG, evidence_of(past))


def together(question: Question, most: int = 5) -> list[tuple[str, str]]:
    return [(c.sku, c.because) for c in by_bought_together(model(), [question], {}, most)[0]]


def test_what_was_bought_together_most_comes_first_and_names_its_anchor() -> None:
    assert together(Question(("bike",))) == [("pump", "bike"), ("bottle", "bike")]
    assert dict(together(Question(("bike", "tent"))))["bottle"] == "tent"


def test_anchors_and_banned_products_are_left_out() -> None:
    assert together(Question(("bike", "pump"), banned=frozenset({"bottle"}))) == []


def test_only_allowed_products_are_voted_for() -> None:
    allowed = np.array([True, False, True, True, True])
    assert together(Question(("bike",), allowed=allowed)) == [("bottle", "bike")]


def test_anchors_never_sold_have_no_companions() -> None:
    assert together(Question(("unsold", "unheard of"))) == []


def test_best_sellers_need_no_anchor_and_name_none() -> None:
    ranking = by_best_sellers(model(), [Question(("unheard of",))], {}, 3)[0]
    assert [(c.sku, c.because, c.rank) for c in ranking] == [("bike", "", 1), ("bottle", "", 2), ("pump", "", 3)]


def test_what_never_sold_is_no_best_seller() -> None:
    assert "unsold" not in {c.sku for c in by_best_sellers(model(), [Question(())], {}, 9)[0]}


def test_an_empty_shop_has_neither() -> None:
    empty = Model("fallback", (), evidence_of(interactions((), [], [], [], [], [])))
    assert by_bought_together(empty, [Question(("bike",))], {}, 3) == [[]]
    assert by_category_best_sellers(empty, [Question(("bike",))], {}, 3) == [[]]
    assert by_best_sellers(empty, [Question(("bike",))], {}, 3) == [[]]


DAY = 86_400
KINDS = {
    sku: Product(sku, sku, category)
    for sku, category in (
        ("road", "Bikes"),
        ("trail", "Bikes"),
        ("dome", "Helmets"),
        ("shell", "Helmets"),
        ("cage", "Bottles"),
        ("wrap", "Gift paper"),
        ("new", "Bikes"),
    )
}


def by_category(
    *anchors: str, orders: Sequence[tuple[int, tuple[str, ...]]], allowed: set[str] | None = None
) -> list[tuple[str, str]]:
    """(sku, because) after orders of (day, skus). The catalog of then had no "new" in it."""
    products = tuple(product for sku, product in KINDS.items() if sku != "new")
    number = {product.sku: at for at, product in enumerate(products)}
    lines = [(order, number[sku]) for order, (_, skus) in enumerate(orders) for sku in skus]
    placed_at = [day * DAY for day, _ in orders]
    past = interactions(
        products, placed_at, [GUEST] * len(orders), [o for o, _ in lines], [i for _, i in lines], [1.0] * len(lines)
    )
    left = np.array([sku in allowed for sku in number]) if allowed else None
    question = Question(anchors, banned=frozenset(anchors), allowed=left)
    return [
        (c.sku, c.because)
        for c in by_category_best_sellers(Model("m", products, evidence_of(past)), [question], KINDS, 9)[0]
    ]


MANY = [(0, ("road", "dome"))] * 4 + [(0, ("trail", "shell", "cage"))] * 2 + [(0, ("wrap",))] * 20


def test_best_sellers_of_a_category_are_those_that_go_with_the_anchors_category() -> None:
    assert by_category("road", orders=MANY) == [("dome", "road"), ("shell", "road"), ("cage", "road")]


def test_a_product_that_never_sold_counts_by_its_category() -> None:
    assert [sku for sku, _ in by_category("new", orders=MANY)] == ["dome", "shell", "cage"]


def test_each_best_seller_of_a_category_names_the_anchor_whose_category_it_goes_with() -> None:
    orders = [(0, ("road", "dome"))] * 3 + [(0, ("wrap", "cage"))] * 3
    assert dict(by_category("road", "wrap", orders=orders)) == {"dome": "road", "cage": "wrap"}


def test_what_sold_long_ago_stands_behind_what_sells_now() -> None:
    orders = [(0, ("road", "dome"))] * 9 + [(200, ("road", "shell"))] * 3
    assert [sku for sku, _ in by_category("road", orders=orders)] == ["shell", "dome"]


def test_only_allowed_products_of_a_category_are_ranked() -> None:
    assert by_category("road", orders=MANY, allowed={"cage"}) == [("cage", "road")]


def test_an_anchor_without_a_category_has_no_best_sellers_of_categories() -> None:
    assert by_category("unheard of", orders=MANY) == []
