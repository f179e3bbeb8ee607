from dataclasses import replace

import numpy as np
import pytest

from aftercart.recommendation.asking.request import Purpose
from aftercart.recommendation.counted.evidence import evidence_of
from aftercart.recommendation.inputs.dataset import DAY_S, GUEST, Interactions, interactions
from aftercart.recommendation.judging.evaluation import (
    Comparison,
    Quality,
    compare,
    halves,
    held_out,
    judge,
    last_weeks,
)
from aftercart.recommendation.judging.protocol import Case, Task
from aftercart.recommendation.learning.lesson import learn, started
from aftercart.recommendation.models.blend import UNTUNED, Blend, always
from aftercart.recommendation.models.lightfm_model import Recipe
from aftercart.recommendation.models.model import Model

SOME = Quality(0.5, 0.5)


def test_two_months_are_held_out_but_never_more_than_a_third(past: Interactions) -> None:
    window = last_weeks(past)
    held_out_orders = int((past.placed_at >= window.start).sum())
    assert past.last_order_at - window.start <= 60 * DAY_S
    assert 0 < held_out_orders <= 0.35 * past.order_count
    assert window.start < window.end < window.limit


def test_a_slow_shop_holds_out_its_last_two_months(past: Interactions) -> None:
    days = np.arange(past.order_count) * DAY_S
    lines = (past.order_of_line.tolist(), past.item.tolist(), past.price.tolist())
    slow = interactions(past.products, days.tolist(), [GUEST] * len(days), *lines)
    assert last_weeks(slow).start == days[-1] - 60 * DAY_S


def test_both_halves_ask_every_task(past: Interactions) -> None:
    asked = held_out(past, last_weeks(past), np.random.default_rng(0))
    chosen_by, tested_on = halves(asked)
    assert all(asked[task] for task in (Task.BASKET, Task.SINGLE, Task.NEXT_30))
    assert abs(len(chosen_by) - len(tested_on)) <= 3


def test_ndcg_of_fallbacks_is_what_a_loop_computes(past: Interactions) -> None:
    window = last_weeks(past)
    evidence = evidence_of(past.until(window.start))
    cases = held_out(past, window, np.random.default_rng(0))[Task.SINGLE]
    found = compare(Model("fallback", past.products, evidence), cases)
    sellers = [past.products[n].sku for n in np.argsort(-evidence.selling, kind="stable") if evidence.selling[n] > 0]
    expected = []
    for case in cases:
        shown = [sku for sku in sellers if sku not in case.question.anchors][:10]
        gain = sum(1 / np.log2(place + 2) for place, sku in enumerate(shown) if sku in case.relevant)
        expected.append(gain / sum(1 / np.log2(place + 2) for place in range(min(10, len(case.relevant)))))
    assert found is not None
    assert found.best_sellers.ndcg10 == pytest.approx(np.mean(expected))
    assert found.lightfm == Quality(0.0, 0.0)
    assert found.is_worse


def test_a_handful_of_cases_proves_nothing(past: Interactions) -> None:
    window = last_weeks(past)
    few = held_out(past, window, np.random.default_rng(0))[Task.SINGLE][:9]
    assert compare(Model("fallback", past.products, evidence_of(past)), few) is None


def test_of_few_cases_more_noise_is_expected_than_of_many(past: Interactions) -> None:
    """By Student's distribution: with ten of them, 2.26 standard errors instead of 1.96."""
    window = last_weeks(past)
    cases = held_out(past, window, np.random.default_rng(0))[Task.SINGLE]
    model = Model("fallback", past.products, evidence_of(past.until(window.start)))
    found, again = compare(model, cases[:10]), compare(model, cases[:10] * 100)
    assert found is not None
    assert again is not None
    assert found.noise / again.noise == pytest.approx(2.262 / 1.962 * np.sqrt(999 / 9), rel=1e-3)


@pytest.mark.parametrize(("gain", "noise", "expected"), [(-0.02, 0.01, True), (-0.01, 0.02, False), (0.01, 0.0, False)])
def test_a_loss_within_noise_is_no_loss(gain: float, noise: float, expected: bool) -> None:
    assert Comparison(100, SOME, SOME, SOME, SOME, gain, noise).is_worse is expected


@pytest.fixture(scope="module")
def taught(past: Interactions) -> Model:
    """Knows all but the last weeks."""
    earlier = past.until(last_weeks(past).start)
    quick = Recipe(components=8, epochs=8)
    return learn(earlier, "v", seed=1, budget=started(None), progress=lambda *_: None, recipe=quick).model


@pytest.fixture(scope="module")
def later(past: Interactions) -> list[Case]:
    """Questions about the weeks that it does not know."""
    asked = held_out(past, last_weeks(past), np.random.default_rng(0))
    return [case for cases in asked.values() for case in cases]


def weighed(model: Model, purpose: Purpose, **weights: float) -> Model:
    """The model with other weights for one purpose, good ones for the others."""
    assert model.learned is not None
    blend = Blend({**UNTUNED.weights, purpose: always(**weights)})
    return replace(model, learned=replace(model.learned, blend=blend))


def test_a_model_that_is_bad_at_mails_is_worse_however_good_it_is_at_the_rest(taught: Model, later: list[Case]) -> None:
    upside_down = judge(weighed(taught, Purpose.MAIL, lightfm=-1), later)
    assert upside_down.mails is not None
    assert upside_down.mails.is_worse
    assert upside_down.checkouts is not None
    assert not upside_down.checkouts.is_worse
    assert upside_down.is_worse


def test_a_model_that_is_bad_at_checkouts_is_worse_however_good_its_mails_are(taught: Model, later: list[Case]) -> None:
    upside_down = judge(weighed(taught, Purpose.TOGETHER, lightfm=-1), later)
    assert upside_down.mails is not None
    assert not upside_down.mails.is_worse
    assert upside_down.is_worse


def test_what_no_mail_and_no_checkout_is_ranked_by_decides_nothing(taught: Model, later: list[Case]) -> None:
    assert judge(weighed(taught, Purpose.NEXT, lightfm_next=-1), later) == judge(
        weighed(taught, Purpose.NEXT, lightfm_next=1), later
    )


def test_a_mail_is_judged_by_the_dearest_product_and_by_what_was_bought_next(taught: Model, later: list[Case]) -> None:
    found = judge(taught, later)
    baskets = sum(case.question.purpose is Purpose.TOGETHER for case in later)
    assert found.mails is not None
    assert found.checkouts is not None
    assert (found.mails.cases, found.checkouts.cases) == (len(later) - baskets, baskets)
