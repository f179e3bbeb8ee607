import numpy as np

from aftercart.recommendation.catalog import Product
from aftercart.recommendation.dataset import GUEST, interactions
from aftercart.recommendation.evidence import evidence_of
from aftercart.recommendation.fallback import by_best_sellers, by_bought_together
from aftercart.recommendation.model import Model
from aftercart.recommendation.question import Question

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
    assert by_best_sellers(empty, [Question(("bike",))], {}, 3) == [[]]
