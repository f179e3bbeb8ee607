"""How strongly EASE is held back where it sees what is bought next: what is best differs a hundredfold between shops.

Orders of twenty lines out of thousands of products tell much of each pair; orders of two lines tell little, and then
only a strong ridge leaves what is true of many pairs at once.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aftercart.recommendation.asking.request import Purpose
from aftercart.recommendation.counted.ease import ease_links, with_next_orders
from aftercart.recommendation.counted.links import Links
from aftercart.recommendation.inputs.dataset import Interactions
from aftercart.recommendation.judging.metrics import SHOWN, ndcg
from aftercart.recommendation.judging.protocol import Case
from aftercart.recommendation.models.blend import Blend, Component, always
from aftercart.recommendation.models.model import Learned, Model
from aftercart.recommendation.ranking.scoring import by_lightfm

STRENGTHS = (200.0, 1_000.0, 5_000.0)
USUAL = 1_000.0

_LEAST_CASES = 30
_ALONE = Blend({purpose: always(**{Component.EASE_WIDE: 1.0}) for purpose in Purpose})


def wide_links(past: Interactions, strength: float) -> Links:
    """EASE over orders, and over orders joined with the next ones of their customers."""
    return ease_links(with_next_orders(past), strength)


def strongest_alone(model: Model, learned: Learned, past: Interactions, cases: Sequence[Case]) -> float:
    """The strength by which these links alone answer questions best, each kind of them counting alike; the usual one
    where there are too few to tell."""
    asked = [[case for case in cases if case.question.purpose is kind] for kind in Purpose]
    told = [some for some in asked if len(some) >= _LEAST_CASES]
    if not told:
        return USUAL
    found = {strength: _asked_alone(model, learned, wide_links(past, strength), told) for strength in STRENGTHS}
    return max(found, key=lambda strength: found[strength])


def _asked_alone(model: Model, learned: Learned, links: Links, asked: Sequence[Sequence[Case]]) -> float:
    alone = replace(model, learned=replace(learned, links={"ease_wide": links}, blend=_ALONE))
    return float(np.mean([_mean_ndcg(alone, cases) for cases in asked]))


def _mean_ndcg(model: Model, cases: Sequence[Case]) -> float:
    rankings = by_lightfm(model, [case.question for case in cases], {}, SHOWN)
    return float(np.mean([ndcg(ranking.skus, case) for ranking, case in zip(rankings, cases, strict=True)]))
