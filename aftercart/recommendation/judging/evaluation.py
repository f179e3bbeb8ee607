"""Is a model worth serving? Orders of the last weeks, which it has not seen, tell.

Asked is what it would serve: a mail, about what else went into an order and what its customer bought next; and a
checkout. Each by the weights that serve it, and case by case beside what would serve without the model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from aftercart.recommendation.asking.question import Ranking
from aftercart.recommendation.asking.request import Purpose, Source
from aftercart.recommendation.inputs.dataset import DAY_S, Interactions
from aftercart.recommendation.judging.metrics import SHOWN, Scores, hits, ndcg
from aftercart.recommendation.judging.protocol import Case, Task, Window, cases_of
from aftercart.recommendation.models.model import Model
from aftercart.recommendation.ranking.fallback import RANKERS

_HELD_OUT_DAYS = 60
_HELD_OUT_SHARE = 0.35
_MOST_CASES = 1_000
_LEAST_CASES = 30
_LEAST_COMPARED = 10
_MOST_SCORES = 400_000_000
_ASKED = (Task.BASKET, Task.SINGLE, Task.NEXT_30)

Asked = dict[Task, list[Case]]


@dataclass(frozen=True)
class Quality:
    """NDCG and the share of orders with a hit, among the first ten."""

    ndcg10: float
    hr10: float


@dataclass(frozen=True)
class Comparison:
    """The model beside its fallbacks on `cases` held-out questions.

    `gain`: its NDCG@10 less that of the best one of them; `noise`: half the 95 % interval of that difference.
    """

    cases: int
    lightfm: Quality
    bought_together: Quality
    category_best_sellers: Quality
    best_sellers: Quality
    gain: float
    noise: float

    @property
    def is_worse(self) -> bool:
        """Worse than what would serve without it, beyond noise."""
        return self.gain + self.noise < 0


@dataclass(frozen=True)
class Judgment:
    """How a model does at what it would serve, beside its fallbacks. None: too few cases to say anything."""

    mails: Comparison | None
    checkouts: Comparison | None

    @property
    def is_worse(self) -> bool:
        """At either; a version serves both."""
        return any(found.is_worse for found in (self.mails, self.checkouts) if found)


def last_weeks(past: Interactions) -> Window:
    """What is held out: the last 60 days, less if that is over 35 % of all orders. The first half is asked about; the
    second shows what was bought next."""
    end = past.last_order_at
    start = max(end - _HELD_OUT_DAYS * DAY_S, int(np.quantile(past.placed_at, 1 - _HELD_OUT_SHARE)) + 1)
    return Window(start, (start + end + 1) // 2, end + 1)


def held_out(past: Interactions, window: Window, random: np.random.Generator) -> Asked:
    """Cases of each task, up to 1,000; fewer where the catalog is so large that they would take too long."""
    most = max(_LEAST_CASES, min(_MOST_CASES, _MOST_SCORES // max(len(past.products), 1)))
    follow = max((window.limit - window.end) // DAY_S, 1)
    return {task: cases_of(past, window, task, random, most, within_days=follow) for task in _ASKED}


def halves(asked: Asked) -> tuple[list[Case], list[Case]]:
    """Cases to choose by and cases to test on, of each task alike. All are to test on where half are too few to choose
    anything by."""
    everything = [case for cases in asked.values() for case in cases]
    if len(everything) < 2 * _LEAST_CASES:
        return [], everything
    return [c for cases in asked.values() for c in cases[::2]], [c for cases in asked.values() for c in cases[1::2]]


def judge(model: Model, cases: Sequence[Case]) -> Judgment:
    """What a mail is about is ranked by the weights of a mail, also what was bought after an order."""
    checkouts = [case for case in cases if case.question.purpose is Purpose.TOGETHER]
    mails = [_of_a_mail(case) for case in cases if case.question.purpose is not Purpose.TOGETHER]
    return Judgment(compare(model, mails), compare(model, checkouts))


def compare(model: Model, cases: Sequence[Case]) -> Comparison | None:
    """The model beside its fallbacks; None if there are too few cases to say anything."""
    if len(cases) < _LEAST_COMPARED:
        return None
    answers = {source: _answers(model, source, cases) for source in RANKERS}
    quality = {source: _quality(answer, cases) for source, answer in answers.items()}
    best = max((s for s in RANKERS if s is not Source.LIGHTFM), key=lambda source: quality[source].ndcg10)
    difference = _each(ndcg, answers[Source.LIGHTFM], cases) - _each(ndcg, answers[best], cases)
    return Comparison(
        cases=len(cases),
        lightfm=quality[Source.LIGHTFM],
        bought_together=quality[Source.BOUGHT_TOGETHER],
        category_best_sellers=quality[Source.CATEGORY_BEST_SELLERS],
        best_sellers=quality[Source.BEST_SELLERS],
        gain=float(difference.mean()),
        noise=float(stdtrit(len(cases) - 1, 0.975) * difference.std(ddof=1) / np.sqrt(len(cases))),
    )


def _of_a_mail(case: Case) -> Case:
    return replace(case, question=replace(case.question, purpose=Purpose.MAIL))


def _answers(model: Model, source: Source, cases: Sequence[Case]) -> list[Ranking]:
    return RANKERS[source](model, [case.question for case in cases], {}, SHOWN)


def _quality(answers: Sequence[Ranking], cases: Sequence[Case]) -> Quality:
    found = _each(lambda ranked, case: float(hits(ranked, case).any()), answers, cases)
    return Quality(float(_each(ndcg, answers, cases).mean()), float(found.mean()))


def _each(measure: Callable[[Sequence[str], Case], float], answers: Sequence[Ranking], cases: Sequence[Case]) -> Scores:
    pairs = zip(answers, cases, strict=True)
    return np.array([measure(answer.skus, case) for answer, case in pairs])
