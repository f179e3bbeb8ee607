"""From past orders to a model that may serve: learn without the last weeks, test on them, then learn them too."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from aftercart.errors import ModelError
from aftercart.recommendation.counted.content import alike
from aftercart.recommendation.counted.ease import ease_links, orders_alone
from aftercart.recommendation.counted.evidence import evidence_of
from aftercart.recommendation.counted.links import followed
from aftercart.recommendation.inputs.dataset import Interactions
from aftercart.recommendation.inputs.features import Vocabulary, vocabulary
from aftercart.recommendation.judging import evaluation
from aftercart.recommendation.judging.drift import FirstScores, first_scores
from aftercart.recommendation.learning.strength import strongest_alone, wide_links
from aftercart.recommendation.learning.tuning import Tuner
from aftercart.recommendation.models.blend import UNTUNED
from aftercart.recommendation.models.lightfm_model import Embeddings, Recipe, Subject, Trainer
from aftercart.recommendation.models.model import Learned, Model

LEAST_ORDERS = 50

EASE_STRENGTH = 50.0

Progress = Callable[[int, int], None]
Stopwatch = Callable[[], float]

_LAST_WEEKS_SHARE = 0.25
# Of a time budget: when the first part ends (the test follows), and when the second must be done.
_FIRST_PART_ENDS, _SECOND_PART_ENDS = 0.6, 0.9
_EPOCHS_IN_A_BUDGET = 6
_ROWS_A_SECOND = 4_000


@dataclass(frozen=True)
class Lesson:
    """What came of learning. `epochs` fewer than planned: the time budget ended it."""

    model: Model
    judged: evaluation.Judgment
    epochs: int
    planned_epochs: int
    first_scores: FirstScores | None = None

    @property
    def may_serve(self) -> bool:
        """Unless it was shown to be worse than what would serve without it."""
        return not self.judged.is_worse


@dataclass(frozen=True)
class Budget:
    """A limit in seconds, measured from `started_at` on the same stopwatch. None: no limit, and the same seed
    then gives the same model to the last bit."""

    seconds: float | None = None
    stopwatch: Stopwatch = time.monotonic
    started_at: float = 0.0

    def allows(self, share: float, last_took: float) -> bool:
        """Whether another epoch as long as the last ends before this share of the budget is used."""
        if self.seconds is None:
            return True
        return self.stopwatch() - self.started_at + last_took <= share * self.seconds


def started(seconds: float | None, stopwatch: Stopwatch = time.monotonic) -> Budget:
    """A budget that runs from now."""
    return Budget(seconds, stopwatch, stopwatch())


def learn(
    past: Interactions, version: str, *, seed: int, budget: Budget, progress: Progress, recipe: Recipe | None = None
) -> Lesson:
    """Train and test a model. Raises ModelError if there are too few orders to learn from.

    1. Learn from all orders but the last weeks.
    2. On half of the questions since then choose how strongly EASE is held back and how much each kind of evidence
       counts; on the other half compare with fallbacks.
    3. Go on with all orders, the last weeks included, and choose by all questions.
    """
    _refuse_too_few(past)
    recipe = _within(budget, recipe or Recipe())
    words = vocabulary(past.products)
    course = _Course(Trainer(recipe, seed), words.rows(past.products), budget, progress, recipe.epochs)
    window = evaluation.last_weeks(past)
    earlier = past.until(window.start)
    last_epochs = max(1, round(recipe.epochs * _LAST_WEEKS_SHARE))
    course.run(earlier, max(1, recipe.epochs - last_epochs), _FIRST_PART_ENDS)
    chosen_by, tested_on = evaluation.halves(evaluation.held_out(past, window, np.random.default_rng(seed)))
    usual = _learned(earlier, words, course, recipe)
    tested = Model(version, past.products, evidence_of(earlier), usual)
    strength = strongest_alone(tested, usual, earlier, chosen_by)
    learned = _held_back(usual, earlier, strength)
    tested = replace(tested, learned=learned)
    tuner = Tuner(tested, learned, [*chosen_by, *tested_on])
    judged = evaluation.judge(replace(tested, learned=replace(learned, blend=tuner.best(len(chosen_by)))), tested_on)
    blend = tuner.best()
    scores = first_scores(replace(tested, learned=replace(learned, blend=blend)), tested_on)
    course.run(past, last_epochs, _SECOND_PART_ENDS)
    final = replace(_held_back(_learned(past, words, course, recipe), past, strength), blend=blend)
    served = Model(version, past.products, evidence_of(past), final)
    return Lesson(served, judged, course.epochs, recipe.epochs, scores)


class _Course:
    """Epochs one after the other, counted, within the budget."""

    def __init__(
        self, trainer: Trainer, metadata: sp.csr_matrix, budget: Budget, progress: Progress, planned: int
    ) -> None:
        self._trainer, self._metadata, self._budget = trainer, metadata, budget
        self._progress, self._planned = progress, planned
        self.epochs = 0

    def run(self, past: Interactions, epochs: int, until_share: float) -> None:
        """Up to `epochs`, at least one."""
        took = 0.0
        for turn in range(epochs):
            if turn and not self._budget.allows(until_share, took):
                break
            before = self._budget.stopwatch()
            self._trainer.epoch(past, self._metadata)
            took = self._budget.stopwatch() - before
            self.epochs += 1
            self._progress(self.epochs, self._planned)

    def embeddings(self, subject: Subject, past: Interactions) -> Embeddings | None:
        """As they stand, for the products of these orders."""
        return self._trainer.embeddings(subject, past.orders_of_item, self._metadata)


def _learned(past: Interactions, words: Vocabulary, course: "_Course", recipe: Recipe) -> Learned:
    """What these orders teach, with the usual blend."""
    together, following = (course.embeddings(subject, past) for subject in (Subject.TOGETHER, Subject.NEXT))
    embeddings = together or following
    if embeddings is None:
        raise ModelError(
            "no order holds two products and no customer came back: nothing to learn from yet. Until then what sells "
            "best serves"
        )
    return Learned(
        vocabulary=words,
        embeddings=embeddings,
        following=following,
        history_length=recipe.history,
        links={
            "ease": ease_links(orders_alone(past), EASE_STRENGTH),
            "followed": followed(past),
            "alike": alike(words, past.products),
        },
        blend=UNTUNED,
    )


def _held_back(learned: Learned, past: Interactions, strength: float) -> Learned:
    """With EASE that sees next orders, too, by the strength that was chosen for it."""
    return replace(learned, links={**learned.links, "ease_wide": wide_links(past, strength)})


def _within(budget: Budget, recipe: Recipe) -> Recipe:
    """Fewer rows an epoch where the budget would not see several epochs over all orders."""
    if budget.seconds is None:
        return recipe
    rows = max(1, int(budget.seconds * _ROWS_A_SECOND / _EPOCHS_IN_A_BUDGET))
    return replace(recipe, rows_per_epoch=min(recipe.rows_per_epoch, rows))


def _refuse_too_few(past: Interactions) -> None:
    if past.order_count < LEAST_ORDERS:
        raise ModelError(
            f"{past.order_count} completed orders of known products are too few to learn from ({LEAST_ORDERS} at least)"
            ": run `aftercart import orders FILE`. Until then what was bought together and what sells best serve"
        )
