"""Find the weights of a blend: those that make what people really bought the likeliest of all that was in the running.

A conditional logit (listwise learning to rank): the chance of product j among the candidates of a question is
softmax(w . parts of j), and w, a linear function of the question's circumstances, maximizes the likelihood of the
products bought, less a ridge that keeps w near the usual weights where cases are few. Convex, so its answer depends
on nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from aftercart.recommendation.blend import UNTUNED, Blend, Component
from aftercart.recommendation.dataset import Floats
from aftercart.recommendation.givens import Givens
from aftercart.recommendation.model import Learned, Model
from aftercart.recommendation.protocol import Case
from aftercart.recommendation.question import Question
from aftercart.recommendation.scoring import best_of

LEAST_CASES = 30

_RUNNERS_UP = 200
_DRAWN = 300
_PARTS_AT_ONCE = 4_000_000
_RIDGE = 3.0
_STEPS = 100

Doubles = npt.NDArray[np.float64]


def tuned(model: Model, learned: Learned, cases: Sequence[Case]) -> Blend:
    """The best weights for each purpose that has cases enough; the usual ones for others."""
    weights = dict(UNTUNED.weights)
    for purpose in UNTUNED.weights:
        chosen = [case for case in cases if case.question.purpose is purpose]
        if len(chosen) >= LEAST_CASES:
            usual = UNTUNED.weights[purpose].astype(np.float64)
            pool = _pooled(model, learned, chosen)
            weights[purpose] = (_best(pool, usual) if pool else usual).astype(np.float32)
    return Blend(weights)


@dataclass(frozen=True, eq=False)
class _Pool:
    """All candidates of all cases, one after the other. `bought` sums to 1 in each case."""

    parts: Doubles
    bought: Doubles
    starts: npt.NDArray[np.int64]
    circumstances: Doubles
    stands_for: Doubles
    """Log of how many products each one stands for."""

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        return np.diff(np.append(self.starts, len(self.bought)))


def _pooled(model: Model, learned: Learned, cases: Sequence[Case]) -> _Pool | None:
    """None if too few of the cases ask for anything that the model knows."""
    givens = Givens(model, learned, [case.question for case in cases], {})
    random = np.random.default_rng(0)
    step = max(1, _PARTS_AT_ONCE // (len(model.products) * len(Component)))
    pools = [
        found
        for at in range(0, len(cases), step)
        for row, parts in enumerate(givens.parts(slice(at, at + step)), start=at)
        if givens.anchors[row] and (found := _candidates(model, parts, row, cases[row], random))
    ]
    if len(pools) < LEAST_CASES:
        return None
    return _Pool(
        parts=np.concatenate([found.parts for found in pools]),
        bought=np.concatenate([found.bought for found in pools]),
        starts=np.cumsum([0, *(len(found.bought) for found in pools[:-1])]),
        circumstances=givens.circumstances[[found.row for found in pools]].astype(np.float64),
        stands_for=np.concatenate([found.stands_for for found in pools]),
    )


@dataclass(frozen=True, eq=False)
class _Candidates:
    """The pool of one case."""

    row: int
    parts: Doubles
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
    near = np.unique(np.concatenate([*best, relevant]))
    rest = np.setdiff1d(np.flatnonzero(~closed), near)
    drawn = random.choice(rest, size=min(_DRAWN, len(rest)), replace=False)
    weight = np.log(len(rest) / len(drawn)) if len(drawn) else 0.0
    items = np.concatenate([near, drawn])
    return _Candidates(
        row=row,
        parts=every[items].astype(np.float64),
        bought=np.isin(items, relevant) / len(relevant),
        stands_for=np.concatenate([np.zeros(len(near)), np.full(len(drawn), weight)]),
    )


def _closed(model: Model, question: Question) -> npt.NDArray[np.bool_]:
    closed = np.zeros(len(model.products), dtype=bool) if question.allowed is None else ~question.allowed
    closed[model.known([*question.banned])] = True
    return closed


def _best(pool: _Pool, usual: Doubles) -> Doubles:
    shape = (pool.circumstances.shape[1], pool.parts.shape[1])

    def loss(flat: Doubles) -> tuple[float, Doubles]:
        weights = flat.reshape(shape)
        each = np.repeat(pool.circumstances @ weights, pool.lengths, axis=0)
        scores = np.einsum("ij,ij->i", pool.parts, each) + pool.stands_for
        chances, log_sums = _softmax(pool, scores)
        likelihood = float(pool.bought @ scores - log_sums.sum())
        pull = np.add.reduceat(pool.parts * (pool.bought - chances)[:, None], pool.starts, axis=0)
        slope = pool.circumstances.T @ pull
        away = flat - usual.ravel()
        return _RIDGE * float(away @ away) - likelihood, 2 * _RIDGE * away - slope.ravel()

    found = minimize(loss, usual.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    weights: Doubles = found.x.reshape(shape)
    return weights


def _softmax(pool: _Pool, scores: Doubles) -> tuple[Doubles, Doubles]:
    """The chance of each candidate within its case, and each case's log of the sum."""
    peak = np.maximum.reduceat(scores, pool.starts)
    raised = np.exp(scores - np.repeat(peak, pool.lengths))
    sums = np.add.reduceat(raised, pool.starts)
    return raised / np.repeat(sums, pool.lengths), peak + np.log(sums)
