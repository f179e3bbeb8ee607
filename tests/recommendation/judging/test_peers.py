"""The peers on orders so few that their scores can be written down."""

import numpy as np
import pytest
import scipy.sparse as sp

from aftercart.recommendation.asking.question import Question
from aftercart.recommendation.inputs.dataset import DAY_S, Floats
from aftercart.recommendation.judging.peers import PEERS, bought_together, ease, popularity, ranked_by
from tests.recommendation.judging.test_protocol import SKUS, shop

PAST = shop(
    (1, 1, ("bike", "helmet")), (2, 2, ("bike", "helmet")), (3, 3, ("bike", "pump")), (4, 4, ("tube", "bell"))
)  # fmt: skip


def anchors(*skus: str) -> sp.csr_matrix:
    row = np.array([[float(sku in skus) for sku in SKUS]], dtype=np.float32)
    return sp.csr_matrix(row)


def scored(scores: Floats) -> dict[str, float]:
    return dict(zip(SKUS, scores[0].tolist(), strict=True))


def test_popularity_counts_orders() -> None:
    scores = scored(popularity(PAST).scores(anchors("tube"), anchors()))
    assert scores == {"bike": 3, "helmet": 2, "pump": 1, "tube": 1, "bell": 1, "unsold": 0}


def test_bought_together_sums_over_the_anchors() -> None:
    scores = scored(bought_together(PAST).scores(anchors("bike", "tube"), anchors()))
    assert scores == {"bike": 0, "helmet": 2, "pump": 1, "tube": 0, "bell": 1, "unsold": 0}


def test_ease_weighs_as_a_ridge_regression_does() -> None:
    rows = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1]], dtype=np.float64)
    inverse = np.linalg.inv(rows.T @ rows + 200 * np.eye(3))
    found = scored(ease(shop(*[(n, n, s) for n, s in enumerate([("bike", "helmet")] * 2 + [("bike", "pump")])])).scores(
        anchors("bike"), anchors()
    ))  # fmt: skip
    assert found["helmet"] == pytest.approx(-inverse[0, 1] / inverse[1, 1], rel=1e-4)


def test_ties_go_to_what_sold_more_and_nothing_banned_is_ranked() -> None:
    question = Question(("bell",), banned=frozenset({"bell", "bike"}), allowed=np.array([True] * 5 + [False]))
    found = ranked_by(bought_together(PAST), PAST, [question], 9)[0]
    assert found[:2] == ["tube", "helmet"]
    assert not {"bell", "bike", "unsold"} & set(found)


def test_item_knn_finds_what_was_bought_together() -> None:
    past = shop(*((day, day, ("bike", "helmet")) for day in range(9)), (10 * DAY_S, 10, ("pump", "tube")))
    assert ranked_by(PEERS["item_knn"](past), past, [Question(("bike",), banned=frozenset({"bike"}))], 1) == [
        ["helmet"]
    ]
