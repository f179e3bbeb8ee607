"""Exact ranks from embeddings fixed by hand, so that a wrong sign or axis cannot hide."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aftercart.recommendation.asking.question import Question, parts_of
from aftercart.recommendation.asking.request import Purpose
from aftercart.recommendation.counted.evidence import evidence_of
from aftercart.recommendation.inputs.catalog import Product
from aftercart.recommendation.inputs.dataset import GUEST, interactions
from aftercart.recommendation.inputs.features import Vocabulary
from aftercart.recommendation.models.blend import LIGHTFM_ALONE, Blend, always, fitting
from aftercart.recommendation.models.lightfm_model import Embeddings
from aftercart.recommendation.models.model import Learned, Model
from aftercart.recommendation.ranking import scoring
from aftercart.recommendation.ranking.scoring import best_of, by_lightfm

CATALOG = tuple(Product(sku, sku, category="c") for sku in ("bike", "tent", "pump", "bottle", "stove"))
TWO_WORDS = Vocabulary(names=("word:cycle", "word:camp"), price_bounds=())


def matrix(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def model(**weights: float) -> Model:
    """The first axis is cycling, the second camping; a bottle fits both. Without weights LightFM decides alone."""
    embeddings = Embeddings(
        item=matrix((0, 0), (0, 0), (3, 0), (2, 2), (0, 3)),
        item_bias=np.array([0, 0, 0, 0.5, 0], dtype=np.float32),
        anchor=matrix((1, 0), (0, 1), (0.1, 0), (0, 0), (0, 0.1)),
        history=matrix((0, 0), (0, 0.4), (0, 0), (0, 0), (0, 0)),
        feature_anchor=matrix((1, 0), (0, 1)),
        feature_history=matrix((0, 0), (0, 0)),
    )
    blend = Blend({purpose: always(**weights) for purpose in Purpose}) if weights else LIGHTFM_ALONE
    past = interactions(CATALOG, [0] * 9, [GUEST] * 9, [n for n in range(9) for _ in range(2)], [0, 4] * 9, [1] * 18)
    return Model("v", CATALOG, evidence_of(past), Learned(TWO_WORDS, embeddings, 2, blend=blend))


def ranked(question: Question, most: int = 5, catalog: dict[str, Product] | None = None) -> list[str]:
    return [candidate.sku for candidate in by_lightfm(model(), [question], catalog or {}, most)[0]]


def test_the_rank_is_the_dot_product_plus_the_bias() -> None:
    assert ranked(Question(("bike",)), most=2) == ["pump", "bottle"]
    assert ranked(Question(("tent",)), most=2) == ["stove", "bottle"]


def test_anchors_are_averaged_and_not_summed() -> None:
    assert ranked(Question(("bike", "tent")), most=1) == ["bottle"]


def test_each_pick_names_the_anchor_that_adds_most() -> None:
    because = {c.sku: c.because for c in by_lightfm(model(), [Question(("bike", "tent"))], {}, 3)[0]}
    assert (because["pump"], because["stove"]) == ("bike", "tent")


def test_earlier_purchases_move_the_rank() -> None:
    with_history = Question(("pump",), history=("tent",))
    assert ranked(Question(("pump",)), most=1) == ["bottle"]
    assert ranked(Question(("pump",)), most=5).index("stove") > ranked(with_history).index("stove")


def test_what_is_banned_or_not_allowed_is_never_ranked() -> None:
    only_last_two = np.array([False, False, False, True, True])
    question = Question(("bike",), banned=frozenset({"bottle", "unheard of"}), allowed=only_last_two)
    assert ranked(question) == ["stove"]


def test_a_product_newer_than_the_model_counts_by_its_metadata() -> None:
    new = Product("new", "Camp Chair")
    assert ranked(Question(("new",)), most=2, catalog={"new": new}) == ["stove", "bottle"]
    assert ranked(Question(("bike", "gone")), most=2) == ranked(Question(("bike",)), most=2)


def test_without_any_known_anchor_nothing_is_ranked() -> None:
    assert by_lightfm(model(), [Question(("gone",)), Question(())], {}, 3) == [[], []]


def test_an_untrained_model_ranks_nothing() -> None:
    untrained = Model("fallback", CATALOG, model().evidence)
    assert by_lightfm(untrained, [Question(("bike",))], {}, 3) == [[]]


def test_evidence_lifts_what_was_really_bought_together() -> None:
    assert by_lightfm(model(lightfm=1.0, together=2.0), [Question(("bike",))], {}, 1)[0][0].sku == "stove"


@given(st.lists(st.lists(st.sampled_from(["bike", "tent", "pump", "gone"]), max_size=3), min_size=1, max_size=6))
def test_a_batch_answers_as_each_question_alone(anchors: list[list[str]]) -> None:
    questions = [Question(tuple(skus)) for skus in anchors]
    alone = [by_lightfm(model(), [question], {}, 3)[0] for question in questions]
    for one, other in zip(by_lightfm(model(), questions, {}, 3), alone, strict=True):
        assert [(c.sku, c.because) for c in one] == [(c.sku, c.because) for c in other]
        assert [c.score for c in one] == pytest.approx([c.score for c in other], abs=1e-5)


@given(
    hnp.arrays(np.float32, st.integers(0, 120), elements=st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0])),
    st.integers(0, 35),
)
def test_the_best_are_those_a_full_sort_would_find(scores: np.ndarray, most: int) -> None:
    finite = [place for place in range(len(scores)) if np.isfinite(scores[place])]
    expected = sorted(finite, key=lambda place: (-scores[place], place))[:most]
    assert best_of(scores, most).tolist() == expected


def test_the_parts_of_a_score_sum_to_it() -> None:
    questions = [Question(("bike",)), Question(("bike", "tent"), history=("stove",))]
    ranked = by_lightfm(model(lightfm=1.0, together=2.0, selling=0.5), questions, {}, 5)
    asked = [(ranking, candidate) for ranking in reversed(ranked) for candidate in ranking]
    told = parts_of((ranking, candidate.rank) for ranking, candidate in asked)
    assert len(ranked) == 2
    for (_, candidate), parts in zip(asked, told, strict=True):
        assert set(parts) == {"lightfm", "together", "selling"}
        assert sum(parts.values()) == pytest.approx(candidate.score, abs=1e-4)


def test_the_parts_are_the_same_where_a_batch_is_too_large_for_one_product(monkeypatch: pytest.MonkeyPatch) -> None:
    questions = [Question(("bike",)), Question(("tent",)), Question(("bike", "tent"), history=("stove",))]
    known = model(lightfm=1.0, together=2.0, selling=0.5)

    def told() -> list[Mapping[str, float]]:
        return parts_of((ranking, 1) for ranking in by_lightfm(known, questions, {}, 5))

    def told_of_the_last() -> list[Mapping[str, float]]:
        return parts_of([(by_lightfm(known, questions, {}, 5)[-1], 1)])

    at_once = told()
    monkeypatch.setattr(scoring, "_SCORES_AT_ONCE", 1)
    monkeypatch.setattr(scoring, "_LEAST_AT_ONCE", 1)
    for parts, same in zip([*told(), *told_of_the_last()], [*at_once, at_once[-1]], strict=True):
        assert parts == pytest.approx(same, abs=1e-5)


def test_what_a_customer_bought_before_is_lifted_where_they_may_buy_it_again() -> None:
    history = ("tent", "stove", "pump", "pump")
    ranking = by_lightfm(model(again=1.0), [Question(("bike",), history)], {}, 5)[0]
    assert ranking.skus[0] == "pump", "what they bought twice stands first"
    assert set(ranking.skus[1:3]) == {"tent", "stove"}
    assert parts_of([(ranking, 1)])[0]["again"] == pytest.approx(ranking[0].score, abs=1e-5)
    assert ranking[3].score == pytest.approx(0, abs=1e-5), "of what they never had it says nothing"


def test_what_is_bought_again_moves_nothing_else() -> None:
    """Of a batch in which one customer may be offered what they have, others may not."""
    usual, barred = model(lightfm=1.0, together=2.0), Question(("bike",), ("pump",), frozenset({"pump"}))
    known = model(lightfm=1.0, together=2.0, again=1.0)
    free = Question(("tent",), ("pump",))
    alone, beside = by_lightfm(known, [barred], {}, 5)[0], by_lightfm(known, [free, barred], {}, 5)[1]
    expected = by_lightfm(usual, [barred], {}, 5)[0]
    for ranking in (alone, beside):
        assert [(c.sku, c.because) for c in ranking] == [(c.sku, c.because) for c in expected]
        assert [c.score for c in ranking] == pytest.approx([c.score for c in expected], abs=1e-5)
    lifted = by_lightfm(known, [free, barred], {}, 5)[0]
    assert parts_of([(lifted, lifted.skus.index("pump") + 1)])[0]["again"] > 0


def test_a_product_that_comes_next_is_lifted_by_the_model_of_what_comes_next() -> None:
    known = model(lightfm_next=1.0)
    assert known.learned
    after_a_bike = replace(known.learned.embeddings, anchor=matrix((0, 1), (1, 0), (0, 0), (0, 0), (0, 0)))
    asked = [Question(("bike",), banned=frozenset({"bottle"}))]
    assert by_lightfm(known, asked, {}, 1)[0].skus == ["pump"], "nobody came back: the other one stands for it"
    taught = replace(known, learned=replace(known.learned, following=after_a_bike))
    ranking = by_lightfm(taught, asked, {}, 1)[0]
    assert ranking.skus == ["stove"]
    assert parts_of([(ranking, 1)])[0]["lightfm_next"] == pytest.approx(ranking[0].score, abs=1e-5)


def test_a_mail_about_several_products_takes_a_share_of_what_goes_along_with_them() -> None:
    mail, together = always(lightfm_next=2), always(lightfm=3)
    mail[1, 0] = 1
    weights = {Purpose.MAIL: fitting(mail, together)}
    several, one = Blend(weights).of([Purpose.MAIL] * 2, np.array([[1, 0, 0], [1, 1, 0]], dtype=np.float32))
    assert several == pytest.approx(always(lightfm_next=1.8, lightfm=0.3)[0])
    assert one == pytest.approx(always(lightfm_next=2, lightfm=1)[0])
