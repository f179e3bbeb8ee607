import numpy as np
import pytest

from aftercart.recommendation.dataset import DAY_S, GUEST, Interactions, interactions
from aftercart.recommendation.evaluation import Comparison, Quality, compare, halves, held_out, last_weeks
from aftercart.recommendation.evidence import evidence_of
from aftercart.recommendation.model import Model
from aftercart.recommendation.protocol import Task

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
    few = held_out(past, window, np.random.default_rng(0))[Task.SINGLE][:29]
    assert compare(Model("fallback", past.products, evidence_of(past)), few) is None


@pytest.mark.parametrize(("gain", "noise", "expected"), [(-0.02, 0.01, True), (-0.01, 0.02, False), (0.01, 0.0, False)])
def test_a_loss_within_noise_is_no_loss(gain: float, noise: float, expected: bool) -> None:
    assert Comparison(100, SOME, SOME, SOME, SOME, gain, noise).is_worse is expected
