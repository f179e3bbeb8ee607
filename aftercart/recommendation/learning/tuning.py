"""Find the weights of a blend: those that make what people really bought the likeliest of all that was in the running.

A conditional logit (listwise learning to rank): the chance of product j among the candidates of a question is
softmax(w . parts of j), and w, a linear function of the question's circumstances, maximizes the likelihood of the
products bought, less a ridge that keeps w near the usual weights where cases are few. Convex, so its answer depends
on nothing else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aftercart.recommendation.asking.question import Question
from aftercart.recommendation.asking.request import Purpose
from aftercart.recommendation.inputs.dataset import Floats
from aftercart.recommendation.judging.protocol import Case
from aftercart.recommendation.models.blend import UNTUNED, Blend, Component, fitting
from aftercart.recommendation.models.model import Learned, Model
from aftercart.recommendation.ranking.givens import Givens
from aftercart.recommendation.ranking.scoring import best_of

LEAST_CASES = 30

_RUNNERS_UP = 200
_DRAWN = 300
_PARTS_AT_ONCE = 4_000_000
_RIDGE = 3.0
_STEPS = 100

Doubles = npt.NDArray[np.float64]


ASKED_FOR = {
    Purpose.TOGETHER: (Purpose.TOGETHER, Purpose.MAIL),
    Purpose.NEXT: (Purpose.NEXT,),
    Purpose.MAIL: (Purpose.MAIL, Purpose.NEXT),
}
"""Whose questions the weights of a purpose are learned on. A mail is about the dearest product of an order, as a rule,
and about what is bought after it; that a checkout may hold any product must not weigh in it."""


class Tuner:
    """All candidates of these cases, looked up once, to choose by the first of them or by all."""

    def __init__(self, model: Model, learned: Learned, cases: Sequence[Case]) -> None:
        self._asked: dict[Purpose, list[int]] = {}
        self._pools: dict[Purpose, list[_Candidates]] = {}
        self._circumstances: dict[Purpose, Floats] = {}
        self._near: dict[Purpose, Doubles] = {}
        for purpose in UNTUNED.weights:
            places = [place for place, case in enumerate(cases) if case.question.purpose in ASKED_FOR[purpose]]
            if len(places) >= LEAST_CASES:
                chosen = [cases[place] for place in places]
                givens = Givens(model, learned, [case.question for case in chosen], {})
                self._asked[purpose] = places
                self._circumstances[purpose] = givens.circumstances
                self._pools[purpose] = list(_found(model, givens, chosen))

    def best(self, first: int | None = None) -> Blend:
        """The best weights, by the `first` cases or by all, for each purpose that has cases enough of them; the usual
        ones for others."""
        weights = dict(UNTUNED.weights)
        for purpose, places in self._asked.items():
            asked = sum(place < first for place in places) if first is not None else len(places)
            pools = [found for found in self._pools[purpose] if found.row < asked]
            if asked >= LEAST_CASES and len(pools) >= LEAST_CASES:
                usual = UNTUNED.weights[purpose].astype(np.float64)
                start = self._near.get(purpose, usual)  # what some of the cases chose is near to what all choose
                self._near[purpose] = _best(_pooled(pools, self._circumstances[purpose]), usual, start)
                weights[purpose] = self._near[purpose].astype(np.float32)
        weights[Purpose.MAIL] = fitting(weights[Purpose.MAIL], weights[Purpose.TOGETHER])
        return Blend(weights)


@dataclass(frozen=True, eq=False)
class _Pool:
    """All candidates of all cases, one after the other. `bought` sums to 1 in each case."""

    parts: Doubles
    bought: Doubles
    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    circumstances: Doubles
    """Of the case of each candidate."""
    stands_for: Doubles
    """Log of how many products each one stands for."""


def _found(model: Model, givens: Givens, cases: Sequence[Case]) -> Iterator["_Candidates"]:
    """Of the cases that ask for anything that the model knows."""
    random = np.random.default_rng(0)
    step = max(1, _PARTS_AT_ONCE // (len(model.products) * len(Component)))
    for at in range(0, len(cases), step):
        for row, parts in enumerate(givens.parts(slice(at, at + step)), start=at):
            if givens.anchors[row] and (found := _candidates(model, parts, row, cases[row], random)):
                yield found


def _pooled(pools: Sequence["_Candidates"], circumstances: Floats) -> _Pool:
    lengths = np.array([len(found.bought) for found in pools])
    rows = np.repeat([found.row for found in pools], lengths)
    return _Pool(
        parts=np.concatenate([found.parts for found in pools], dtype=np.float64),
        bought=np.concatenate([found.bought for found in pools]),
        starts=np.concatenate([[0], np.cumsum(lengths)[:-1]]),
        lengths=lengths,
        circumstances=circumstances[rows].astype(np.float64),
        stands_for=np.concatenate([found.stands_for for found in pools]),
    )


@dataclass(frozen=True, eq=False)
class _Candidates:
    """The pool of one case."""

    row: int
    parts: Floats
    bought: Doubles
    stands_for: Doubles


def _candidates(model: Model, every: Floats, row: int, case: Case, random: np.random.Generator) -> _Candidates | None:
    """The best of each component, what was bought, and some of the rest, each of which stands for many: without them
    weights would be found that lift what was never in the pool. None if nothing bought is known here."""
    relevant = np.array(model.known(sorted(case.relevant)), dtype=np.int64)
    closed = _closed(model, case.question)
    relevant = relevant[~closed[relevant]]
    best = [best_of(np.where(closed, -np.inf, every[:, component.place]), _RUNNERS_UP) for component in Component]
    if not len(relevant):
        return None
    is_near = np.zeros(len(closed), dtype=bool)
    is_near[np.concatenate([*best, relevant])] = True
    near, rest = np.flatnonzero(is_near), np.flatnonzero(~(closed | is_near))
    drawn = random.choice(rest, size=min(_DRAWN, len(rest)), replace=False)
    weight = np.log(len(rest) / len(drawn)) if len(drawn) else 0.0
    items = np.concatenate([near, drawn])
    is_bought = np.zeros(len(closed), dtype=bool)
    is_bought[relevant] = True
    return _Candidates(
        row=row,
        parts=every[items],
        bought=is_bought[items] / len(relevant),
        stands_for=np.concatenate([np.zeros(len(near)), np.full(len(drawn), weight)]),
    )


def _closed(model: Model, question: Question) -> npt.NDArray[np.bool_]:
    closed = np.zeros(len(model.products), dtype=bool) if question.allowed is None else ~question.allowed
    closed[model.known([*question.banned])] = True
    return closed


def _best(pool: _Pool, usual: Doubles, start: Doubles) -> Doubles:
    shape = (pool.circumstances.shape[1], pool.parts.shape[1])

    def loss(flat: Doubles) -> tuple[float, Doubles]:
        weights = flat.reshape(shape)
        scores = np.einsum("ij,ij->i", pool.parts, pool.circumstances @ weights) + pool.stands_for
        chances, log_sums = _softmax(pool, scores)
        likelihood = float(pool.bought @ scores - log_sums.sum())
        slope = (pool.circumstances * (pool.bought - chances)[:, None]).T @ pool.parts
        away = flat - usual.ravel()
        return _RIDGE * float(away @ away) - likelihood, 2 * _RIDGE * away - slope.ravel()

    from scipy.optimize import minimize  # takes a while, and every process that sends reads this file

    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    weights: Doubles = found.x.reshape(shape)
    return weights


def _softmax(pool: _Pool, scores: Doubles) -> tuple[Doubles, Doubles]:
    """The chance of each candidate within its case, and each case's log of the sum."""
    peak = np.maximum.reduceat(scores, pool.starts)
    raised = np.exp(scores - np.repeat(peak, pool.lengths))
    sums = np.add.reduceat(raised, pool.starts)
    return raised / np.repeat(sums, pool.lengths), peak + np.log(sums)
