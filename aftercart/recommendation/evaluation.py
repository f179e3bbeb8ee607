"""Is a model worth serving? Orders of the last weeks, which it has not seen, tell.

The task: the order's dearest product is given, the rest is to be found (NDCG@10 and hit rate at 10, the whole
catalog sold so far ranked). Compared case by case with what would serve without the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from aftercart.recommendation.dataset import DAY_S, Interactions
from aftercart.recommendation.fallback import RANKERS
from aftercart.recommendation.model import Learned, Model
from aftercart.recommendation.request import Source
from aftercart.recommendation.scoring import Question, Ranking

_HELD_OUT_DAYS = 14
_HELD_OUT_SHARE = 0.1
_MOST_CASES = 1_000
_LEAST_CASES = 30
_SHOWN = 10
_HISTORY = 100
_EVIDENCE_WEIGHTS = (0.0, 0.25, 0.5, 1.0)

_DISCOUNT = 1 / np.log2(np.arange(2, _SHOWN + 2))

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Quality:
    """NDCG and the share of orders with a hit, among the first ten."""

    ndcg10: float
    hr10: float


@dataclass(frozen=True)
class Comparison:
    """The model beside its fallbacks on `cases` held-out orders.

    `gain`: its NDCG@10 less that of bought-together; `noise`: half the 95 % interval of that difference.
    """

    cases: int
    lightfm: Quality
    bought_together: Quality
    best_sellers: Quality
    gain: float
    noise: float

    @property
    def is_worse(self) -> bool:
        """Worse than bought-together beyond noise."""
        return self.gain + self.noise < 0


@dataclass(frozen=True)
class Case:
    """One held-out order."""

    question: Question
    relevant: frozenset[str]


def cut_before_last_weeks(past: Interactions) -> int:
    """The moment that parts learning from testing: 14 days before the end, later if that is over 10 % of all orders."""
    end = int(past.placed_at.max())
    return max(end - _HELD_OUT_DAYS * DAY_S, int(np.quantile(past.placed_at, 1 - _HELD_OUT_SHARE)) + 1)


def cases_after(past: Interactions, cut: int, random: np.random.Generator) -> list[Case]:
    """Up to 1,000 orders placed since `cut` in which something is left to find among the products sold before."""
    sold = past.until(cut).orders_of_item > 0
    orders = np.flatnonzero((past.placed_at >= cut) & (past.sizes >= 2))
    if len(orders) > _MOST_CASES:
        orders = np.sort(random.choice(orders, size=_MOST_CASES, replace=False))
    cases = (_case(past, int(order), sold) for order in orders)
    return [case for case in cases if case.relevant]


def with_chosen_weight(model: Model, learned: Learned, cases: Sequence[Case]) -> Learned:
    """The smallest weight of evidence that is within one standard error of the best one on these cases."""
    if len(cases) < _LEAST_CASES:
        return learned
    scores = [_ndcg_of(replace(model, learned=replace(learned, evidence_weight=w)), cases) for w in _EVIDENCE_WEIGHTS]
    best = max(scores, key=lambda score: float(score.mean()))
    near = (bool(score.mean() >= best.mean() - _standard_error(best - score)) for score in scores)
    chosen = next(weight for weight, is_near in zip(_EVIDENCE_WEIGHTS, near, strict=True) if is_near)
    return replace(learned, evidence_weight=chosen)


def compare(model: Model, cases: Sequence[Case]) -> Comparison | None:
    """The model beside its fallbacks; None if there are too few cases to say anything."""
    if len(cases) < _LEAST_CASES:
        return None
    answers = {source: _answers(model, source, cases) for source in Source}
    quality = {source: _quality(answer, cases) for source, answer in answers.items()}
    difference = _ndcg(answers[Source.LIGHTFM], cases) - _ndcg(answers[Source.BOUGHT_TOGETHER], cases)
    return Comparison(
        cases=len(cases),
        lightfm=quality[Source.LIGHTFM],
        bought_together=quality[Source.BOUGHT_TOGETHER],
        best_sellers=quality[Source.BEST_SELLERS],
        gain=float(difference.mean()),
        noise=1.96 * _standard_error(difference),
    )


def _case(past: Interactions, order: int, sold: npt.NDArray[np.bool_]) -> Case:
    lines = slice(past.line_start[order], past.line_start[order + 1])
    items = past.item[lines]
    anchor = items[np.argmax(past.price[lines])]
    history = past.histories(_HISTORY)
    before = history.values[history.starts[order] : history.ends[order]]
    relevant = frozenset(past.products[item].sku for item in items if item != anchor and sold[item])
    sku = past.products[anchor].sku
    question = Question(
        anchors=(sku,),
        history=tuple(past.products[item].sku for item in before),
        banned=frozenset({sku}),
        allowed=sold,
    )
    return Case(question, relevant)


def _answers(model: Model, source: Source, cases: Sequence[Case]) -> list[Ranking]:
    return RANKERS[source](model, [case.question for case in cases], {}, _SHOWN)


def _ndcg_of(model: Model, cases: Sequence[Case]) -> Scores:
    return _ndcg(_answers(model, Source.LIGHTFM, cases), cases)


def _ndcg(answers: Sequence[Ranking], cases: Sequence[Case]) -> Scores:
    pairs = zip(answers, cases, strict=True)
    return np.array([_gain(answer, case) / _DISCOUNT[: len(case.relevant)].sum() for answer, case in pairs])


def _gain(answer: Ranking, case: Case) -> float:
    hits = [candidate.sku in case.relevant for candidate in answer]
    return float(_DISCOUNT[: len(hits)] @ np.array(hits, dtype=float))


def _quality(answers: Sequence[Ranking], cases: Sequence[Case]) -> Quality:
    hits = [any(c.sku in case.relevant for c in answer) for answer, case in zip(answers, cases, strict=True)]
    return Quality(float(_ndcg(answers, cases).mean()), float(np.mean(hits)))


def _standard_error(values: Scores) -> float:
    return float(values.std() / np.sqrt(len(values)))
