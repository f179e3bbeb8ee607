"""The model beside its peers, on later orders that none of them has seen. The protocol: docs/recommendations.md."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from aftercart.errors import ModelError
from aftercart.recommendation.asking.question import Question
from aftercart.recommendation.asking.request import Anchor, Purpose, Request, Rules, Source
from aftercart.recommendation.inputs.catalog import Product, are_near_duplicates
from aftercart.recommendation.inputs.dataset import Interactions
from aftercart.recommendation.judging.metrics import SHOWN, Interval, Scores, hits, interval, ndcg
from aftercart.recommendation.judging.peers import PEERS, ranked_by
from aftercart.recommendation.judging.protocol import Case, Task, Window, cases_of, last_quarter
from aftercart.recommendation.learning.lesson import LEAST_ORDERS, learn, started
from aftercart.recommendation.models.lightfm_model import Recipe
from aftercart.recommendation.models.model import Model
from aftercart.recommendation.ranking.scoring import by_lightfm
from aftercart.recommendation.ranking.slots import Slots

AFTERCART, MAIL, AS_SHOWN = "aftercart", "mail", "as shown"
"""The model's ranking by the weights of the task, by those of a mail, and what guards leave of what is served."""

_RANKED, _GUARDED = 100, 300
_COLD = 5
_COMPARED_ANCHORS = 12

Progress = Callable[[str], None]
Ranks = Callable[[Sequence[Question]], list[list[str]]]


@dataclass(frozen=True)
class Row:
    """One way to rank on one task. Means over the cases; shares from 0 to 1.

    `hr4`, `hr10`: cases with a product bought among the first 4 or 10; `cold_hr10`: the same for products in fewer
    than five orders, over the cases that hold one (None: none does). `coverage`: of the products sold, how many were
    shown to anybody. `same_category`, `near_duplicates`: of the first ten. `popularity`: the median place of what is
    shown among the products, 1 being what sells most. `gain`: of Aftercart over this row, in NDCG@10; `mail_gain`: of
    what mails are served by.
    """

    name: str
    ndcg10: float
    hr4: float
    hr10: float
    recall10: float
    mrr100: float
    cold_hr10: float | None
    coverage: float
    same_category: float
    near_duplicates: float
    popularity: float
    gain: Interval | None = None
    mail_gain: Interval | None = None


@dataclass(frozen=True)
class Outcome:
    """One task. `bought_same_category`, `bought_near_duplicates`: how much of that customers really bought."""

    task: Task
    cases: int
    cold_cases: int
    bought_same_category: float
    bought_near_duplicates: float
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Contest:
    """What was learned from, what was asked, and how everybody did."""

    orders: int
    products: int
    learned_until: datetime
    asked_until: datetime
    outcomes: tuple[Outcome, ...]


def contest(
    past: Interactions,
    *,
    peers: Sequence[str],
    seed: int,
    most_cases: int,
    progress: Progress,
    recipe: Recipe | None = None,
) -> Contest:
    """Learn from all orders but those of the last 90 days, and ask about the first 30 of these.

    Raises ModelError if the orders are too few, MissingExtraError if a peer's library is not installed.
    """
    window = last_quarter(past)
    earlier = past.until(window.start)
    if earlier.order_count < LEAST_ORDERS:
        raise ModelError(
            f"only {earlier.order_count} orders are older than 90 days ({LEAST_ORDERS} at least): "
            "too few to learn from and still have something to ask"
        )
    judge = _Judge(earlier)
    tasks = {task: _drawn(past, window, task, seed, most_cases) for task in Task}
    ways = dict(_ways(earlier, peers, seed, progress, recipe))
    outcomes = [judge.outcome(task, cases, ways) for task, cases in tasks.items() if cases]
    ends = [datetime.fromtimestamp(moment, UTC) for moment in (window.start, window.end)]
    return Contest(earlier.order_count, int((earlier.orders_of_item > 0).sum()), ends[0], ends[1], tuple(outcomes))


def _drawn(past: Interactions, window: Window, task: Task, seed: int, most: int) -> list[Case]:
    return cases_of(past, window, task, np.random.default_rng(seed), most)


def _ways(
    past: Interactions, peers: Sequence[str], seed: int, progress: Progress, recipe: Recipe | None
) -> Iterator[tuple[str, Ranks]]:
    def learning(epoch: int, epochs: int) -> None:
        progress(f"Learning, epoch {epoch} of {epochs}")

    model = learn(past, AFTERCART, seed=seed, budget=started(None), progress=learning, recipe=recipe).model
    yield AFTERCART, lambda asked: [[*ranking.skus] for ranking in by_lightfm(model, asked, {}, _RANKED)]
    yield MAIL, lambda asked: [[*ranking.skus] for ranking in by_lightfm(model, _by_mail(asked), {}, _RANKED)]
    yield AS_SHOWN, lambda asked: shown(model, asked)
    for name in peers:
        progress(f"Learning: {name}")
        yield name, _way_of_peer(past, name)


def _by_mail(asked: Sequence[Question]) -> list[Question]:
    return [replace(question, purpose=Purpose.MAIL) for question in asked]


def shown(model: Model, asked: Sequence[Question]) -> list[list[str]]:
    """What is left of the ranking once the guards have turned away what a mail, or a checkout, would not show."""
    asked = [question if question.purpose is Purpose.TOGETHER else _by_mail([question])[0] for question in asked]
    catalog = {product.sku: product for product in model.products}
    found = []
    for question, ranking in zip(asked, by_lightfm(model, asked, {}, _GUARDED), strict=True):
        anchors = tuple(map(Anchor, question.anchors))
        request = Request(anchors, currency="", rules=Rules(slots=SHOWN), owned=question.history)
        slots = Slots(model.basket_of(request, catalog), model)
        slots.fill(ranking, Source.LIGHTFM, catalog)
        found.append([taken.candidate.sku for taken in slots.taken])
    return found


def _way_of_peer(past: Interactions, name: str) -> Ranks:
    peer = PEERS[name](past)
    return lambda asked: ranked_by(peer, past, asked, _RANKED)


class _Judge:
    """Measures ranked lists by what was known when everybody learned."""

    def __init__(self, past: Interactions) -> None:
        self._products = {product.sku: product for product in past.products}
        self._orders = {p.sku: int(n) for p, n in zip(past.products, past.orders_of_item, strict=True)}
        places = np.argsort(np.argsort(past.orders_of_item, kind="stable"), kind="stable") / len(past.products)
        self._place = {p.sku: float(place) for p, place in zip(past.products, places, strict=True)}
        self._sold = int((past.orders_of_item > 0).sum())
        self._alike: dict[tuple[str, str], bool] = {}

    def outcome(self, task: Task, cases: Sequence[Case], ways: Mapping[str, Ranks]) -> Outcome:
        """All ways on one task."""
        questions = [case.question for case in cases]
        lists = {name: ranks(questions) for name, ranks in ways.items()}
        gains = {name: np.array(list(map(ndcg, ranked, cases))) for name, ranked in lists.items()}
        bought = [(sorted(case.relevant)[:SHOWN], case) for case in cases]
        return Outcome(
            task=task,
            cases=len(cases),
            cold_cases=sum(bool(self._cold(case.relevant)) for case in cases),
            bought_same_category=_mean([self._same_category(skus, case) for skus, case in bought]),
            bought_near_duplicates=_mean([self._near_duplicates(skus, case) for skus, case in bought]),
            rows=tuple(self._row(name, ranked, cases, gains) for name, ranked in lists.items()),
        )

    def _row(
        self, name: str, lists: Sequence[Sequence[str]], cases: Sequence[Case], gains: Mapping[str, Scores]
    ) -> Row:
        found = [hits(ranked, case) for ranked, case in zip(lists, cases, strict=True)]
        top = [ranked[:SHOWN] for ranked in lists]
        cold = [bool(cold & set(r)) for r, c in zip(top, cases, strict=True) if (cold := self._cold(c.relevant))]
        shown = {sku for ranked in top for sku in ranked if self._orders[sku]}
        pairs = list(zip(top, cases, strict=True))
        return Row(
            name=name,
            ndcg10=float(gains[name].mean()),
            hr4=_mean([hit[:4].any() for hit in found]),
            hr10=_mean([hit[:SHOWN].any() for hit in found]),
            recall10=_mean(
                [hit[:SHOWN].sum() / min(SHOWN, len(c.relevant)) for hit, c in zip(found, cases, strict=True)]
            ),
            mrr100=_mean([_reciprocal_rank(hit) for hit in found]),
            cold_hr10=_mean(cold) if cold else None,
            coverage=len(shown) / max(self._sold, 1),
            same_category=_mean([self._same_category(ranked, case) for ranked, case in pairs]),
            near_duplicates=_mean([self._near_duplicates(ranked, case) for ranked, case in pairs]),
            popularity=float(np.median([self._place[sku] for ranked in top for sku in ranked] or [0.0])),
            gain=None if name == AFTERCART else interval(gains[AFTERCART] - gains[name]),
            mail_gain=None if name == MAIL else interval(gains[MAIL] - gains[name]),
        )

    def _cold(self, skus: frozenset[str]) -> frozenset[str]:
        return frozenset(sku for sku in skus if self._orders[sku] < _COLD)

    def _same_category(self, skus: Sequence[str], case: Case) -> float:
        own = {self._products[anchor].category for anchor in case.question.anchors} - {""}
        return _mean([self._products[sku].category in own for sku in skus])

    def _near_duplicates(self, skus: Sequence[str], case: Case) -> float:
        anchors = case.question.anchors[:_COMPARED_ANCHORS]
        return _mean([any(self._are_alike(sku, anchor) for anchor in anchors) for sku in skus])

    def _are_alike(self, one: str, other: str) -> bool:
        pair = (one, other) if one < other else (other, one)
        if pair not in self._alike:
            products: tuple[Product, Product] = (self._products[one], self._products[other])
            self._alike[pair] = are_near_duplicates(*products)
        return self._alike[pair]


def _reciprocal_rank(hit: npt.NDArray[np.bool_]) -> float:
    places = np.flatnonzero(hit)
    return 1 / (1 + int(places[0])) if len(places) else 0.0


def _mean(values: Sequence[float | np.bool_]) -> float:
    return sum(map(float, values)) / len(values) if len(values) else 0.0
