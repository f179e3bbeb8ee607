import numpy as np
import pytest

from aftercart.recommendation.dataset import DAY_S, GUEST, Interactions, interactions
from aftercart.recommendation.evaluation import Comparison, Quality, cases_after, compare, cut_before_last_weeks
from aftercart.recommendation.evidence import evidence_of
from aftercart.recommendation.model import Model

SOME = Quality(0.5, 0.5)


def test_the_cut_leaves_two_weeks_but_never_more_than_a_tenth(past: Interactions) -> None:
    cut = cut_before_last_weeks(past)
    held_out = int((past.placed_at >= cut).sum())
    assert past.placed_at.max() - cut <= 14 * DAY_S
    assert 0 < held_out <= 0.1 * past.order_count


def test_a_slow_shop_holds_out_its_last_two_weeks(past: Interactions) -> None:
    days = np.arange(past.order_count) * DAY_S
    lines = (past.order_of_line.tolist(), past.item.tolist(), past.price.tolist())
    slow = interactions(past.products, days.tolist(), [GUEST] * len(days), *lines)
    assert cut_before_last_weeks(slow) == days[-1] - 14 * DAY_S


def test_a_case_gives_the_dearest_product_and_asks_for_the_rest(past: Interactions) -> None:
    cut = cut_before_last_weeks(past)
    for case in cases_after(past, cut, np.random.default_rng(0)):
        assert "Bike" in case.question.anchors[0]
        assert case.relevant
        assert not case.relevant & set(case.question.anchors)


def test_only_products_sold_before_the_cut_are_asked_for(past: Interactions) -> None:
    first_orders = int(np.sort(past.placed_at)[8])
    sold = {past.products[n].sku for n in np.flatnonzero(past.until(first_orders).orders_of_item)}
    cases = cases_after(past, first_orders, np.random.default_rng(0))
    assert {sku for case in cases for sku in case.relevant} <= sold


def test_ndcg_of_fallbacks_is_what_a_loop_computes(past: Interactions) -> None:
    cut = cut_before_last_weeks(past)
    evidence = evidence_of(past.until(cut))
    cases = cases_after(past, cut, np.random.default_rng(0))
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
    cut = cut_before_last_weeks(past)
    few = cases_after(past, cut, np.random.default_rng(0))[:29]
    assert compare(Model("fallback", past.products, evidence_of(past)), few) is None


@pytest.mark.parametrize(("gain", "noise", "expected"), [(-0.02, 0.01, True), (-0.01, 0.02, False), (0.01, 0.0, False)])
def test_a_loss_within_noise_is_no_loss(gain: float, noise: float, expected: bool) -> None:
    assert Comparison(100, SOME, SOME, SOME, gain, noise).is_worse is expected
