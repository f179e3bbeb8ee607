"""What scores a model gives on orders that it has not seen: mails are held against it later, to see it grow old."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from aftercart.recommendation.asking.request import Anchor, Purpose, Request, Rules, Source
from aftercart.recommendation.judging.protocol import Case
from aftercart.recommendation.models.model import Model
from aftercart.recommendation.ranking.scoring import by_lightfm
from aftercart.recommendation.ranking.slots import Slots

_RANKED, _MOST = 60, 500


@dataclass(frozen=True)
class FirstScores:
    """Scores of what would stand in the first slot of a mail, over `cases` questions."""

    cases: int
    mean: float
    deviation: float


def first_scores(model: Model, cases: Sequence[Case]) -> FirstScores | None:
    """By the guards, without any campaign's filter. None where nothing is left to show."""
    asked = [replace(case.question, purpose=Purpose.MAIL) for case in cases[:_MOST]]
    catalog = {product.sku: product for product in model.products}
    found = []
    for question, ranking in zip(asked, by_lightfm(model, asked, {}, _RANKED), strict=True):
        request = Request(tuple(map(Anchor, question.anchors)), currency="", rules=Rules(slots=1))
        slots = Slots(model.basket_of(request, catalog), model)
        slots.fill(ranking, Source.LIGHTFM, catalog)
        found += [taken.candidate.score for taken in slots.taken]
    return FirstScores(len(found), float(np.mean(found)), float(np.std(found))) if found else None
