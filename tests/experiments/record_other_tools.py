# mypy: ignore-errors
"""Compares the same samples with tools that others keep, and writes what they say to `other_tools.json`.

They bring half a gigabyte, so they are no dependency of the tests: run this by hand, in an environment of its own.

    pip install numpy scipy pandas pydantic packaging tea-tasting && pip install --no-deps gbstats
    python tests/experiments/record_other_tools.py
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import tea_tasting
from gbstats.bayesian.tests import EffectBayesianABTest, EffectBayesianConfig, GaussianPrior
from gbstats.frequentist.tests import FrequentistConfig, SequentialConfig, SequentialTwoSidedTTest, TwoSidedTTest
from gbstats.models.statistics import RegressionAdjustedStatistic, SampleMeanStatistic, compute_theta
from gbstats.utils import check_srm
from tea_tasting.aggr import Aggregates

DOUBT = 0.5
SIZES = ((900, 8_100, 0.0), (5_000, 5_000, 1.2), (60, 55, -2.0), (40_000, 360_000, 0.4))
SPLITS = (([1000, 9000], [0.1, 0.9]), ([1080, 8920], [0.1, 0.9]), ([330, 340, 290], [1, 1, 1]))


def sample(random, people, shift):
    """Skewed revenue of the few who buy, and what they spent before."""
    before = np.round(random.lognormal(3, 1, people) * (random.random(people) < 0.5), 2)
    buys = random.random(people) < 0.06 + 0.0004 * np.minimum(before, 50)
    value = np.round((random.lognormal(3.5, 0.9, people) + shift) * buys, 2)
    return {
        "people": people,
        "total": float(value.sum()),
        "squares": float((value * value).sum()),
        "before": float(before.sum()),
        "before_squares": float((before * before).sum()),
        "products": float((before * value).sum()),
    }


def of_gbstats(arm, theta=None):
    value = SampleMeanStatistic(n=arm["people"], sum=arm["total"], sum_squares=arm["squares"])
    if theta is None:
        return value
    before = SampleMeanStatistic(n=arm["people"], sum=arm["before"], sum_squares=arm["before_squares"])
    return RegressionAdjustedStatistic(
        n=arm["people"],
        post_statistic=value,
        pre_statistic=before,
        post_pre_sum_of_products=arm["products"],
        theta=theta,
    )


def frequentist(control, treated):
    fixed = TwoSidedTTest(control, treated, FrequentistConfig(difference_type="absolute"))
    always = SequentialTwoSidedTTest(control, treated, SequentialConfig(difference_type="absolute"))
    return {
        "estimate": float(fixed.point_estimate),
        "fixed": [float(end) for end in fixed.confidence_interval],
        "p": float(fixed.p_value),
        "always_valid": [float(end) for end in always.confidence_interval],
        "always_valid_p": float(always.p_value),
    }


def of_tea_tasting(arm):
    count = arm["people"]
    spread = lambda products, a, b: (arm[products] - arm[a] * arm[b] / count) / (count - 1)  # noqa: E731
    return Aggregates(
        count_=count,
        mean_={"y": arm["total"] / count, "x": arm["before"] / count},
        var_={"y": spread("squares", "total", "total"), "x": spread("before_squares", "before", "before")},
        cov_={("x", "y"): spread("products", "total", "before")},
    )


def case(random, held, sent, shift):
    control, treated = sample(random, held, 0), sample(random, sent, shift)
    theta = compute_theta(of_gbstats(control, 0), of_gbstats(treated, 0))
    doubting = EffectBayesianConfig(
        difference_type="absolute", prior_type="absolute", prior_effect=GaussianPrior(0, DOUBT**2, True)
    )
    believed = EffectBayesianABTest(of_gbstats(control), of_gbstats(treated), doubting).compute_result()
    metric = tea_tasting.Mean("y", "x", use_t=True, equal_var=False)
    tea = metric.analyze_aggregates(of_tea_tasting(control), of_tea_tasting(treated))
    return {
        "control": control,
        "treated": treated,
        "plain": frequentist(of_gbstats(control), of_gbstats(treated)),
        "adjusted": frequentist(of_gbstats(control, theta), of_gbstats(treated, theta)),
        "belief": {
            "doubt": DOUBT,
            "chance_to_win": float(believed.chance_to_win),
            "expected_loss": float(believed.risk[1]),
        },
        "tea_tasting": {"adjusted": [tea.effect_size_ci_lower, tea.effect_size_ci_upper], "p": tea.pvalue},
    }


if __name__ == "__main__":
    generator = np.random.default_rng(7)
    said = {
        "made_with": {name: version(name) for name in ("gbstats", "tea-tasting")},
        "cases": [case(generator, *sizes) for sizes in SIZES],
        "splits": [
            {"people": people, "shares": shares, "p": float(check_srm(people, shares))} for people, shares in SPLITS
        ],
    }
    target = Path(__file__).with_name("other_tools.json")
    target.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
