"""Two arms beside each other: how far apart they are, and how sure that is.

The absolute difference is compared, never the ratio: intervals of a ratio are lopsided where few people have ordered,
and then call far too many arms "worse". A report may still say the ratio.

The distributions are those of `scipy.special`: `scipy.stats` gives the same numbers and takes a fifth of the time in
which a worker or a web process starts.
"""

from dataclasses import dataclass
from itertools import accumulate
from math import exp, inf, isfinite, log, pi, sqrt

from scipy.special import chdtrc, ndtr, stdtr, stdtrit

from aftercart.experiments.intervals import Interval
from aftercart.experiments.sample import Sample

ALPHA = 0.05
"""How often an interval may miss the truth."""
TUNED_TO = 5_000
"""The number of people at which an interval that is valid at all times is tightest."""
MISMATCH = 0.001
"""Looked at daily, a threshold of .05 would cry wolf in 28 of 100 experiments that are in order; this one in 1."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a person of the treated arm did more than one of the control arm, in the unit of the metric."""

    estimate: float
    variance: float
    """Of the estimate."""
    freedom: float
    """Welch's degrees of freedom."""
    people: int
    """Of both arms."""

    @property
    def z(self) -> float:
        """The estimate in standard errors. Where nobody differs from anybody it is 0, or infinite."""
        if self.variance > 0:
            return self.estimate / sqrt(self.variance)
        return 0.0 if self.estimate == 0 else inf * self.estimate


def difference(control: Sample, treated: Sample, *, adjusted: bool = False) -> Difference:
    """Treated minus control.

    `adjusted` takes out what was spent before (CUPED: Deng, Xu, Kohavi and Walker, WSDM 2013), with one coefficient
    for both arms. Raises ValueError where an arm has fewer than two people.
    """
    theta = _theta(control, treated) if adjusted else 0.0
    parts = [_mean_and_variance(sample, theta) for sample in (control, treated)]
    (mean_c, var_c), (mean_t, var_t) = parts
    variance = var_c + var_t
    smallest = var_c**2 / (control.people - 1) + var_t**2 / (treated.people - 1)
    freedom = variance**2 / smallest if smallest > 0 else float(control.people + treated.people - 2)
    return Difference(mean_t - mean_c, variance, freedom, control.people + treated.people)


def _theta(control: Sample, treated: Sample) -> float:
    both = control + treated
    return both.covariance / both.variance_before if both.variance_before > 0 else 0.0


def _mean_and_variance(sample: Sample, theta: float) -> tuple[float, float]:
    """Of the adjusted mean."""
    mean, variance = sample.mean, sample.variance
    if theta:
        mean -= theta * sample.mean_before
        variance += theta**2 * sample.variance_before - 2 * theta * sample.covariance
    return mean, max(variance, 0.0) / sample.people


def interval(difference: Difference, alpha: float = ALPHA) -> Interval:
    """For one look, planned in advance (Welch 1947). Looked at daily it is wrong in a quarter of all experiments."""
    return _around(difference, float(stdtrit(difference.freedom, 1 - alpha / 2)) * sqrt(difference.variance))


def p_value(difference: Difference) -> float:
    """Two-sided, for one look (Welch 1947)."""
    return float(2 * stdtr(difference.freedom, -abs(difference.z))) if isfinite(difference.z) else 0.0


def always_valid_interval(difference: Difference, alpha: float = ALPHA, tuned_to: float = TUNED_TO) -> Interval:
    """Holds at every look at once, without any plan: look as often as you like, stop when you like.

    An asymptotic confidence sequence: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, arXiv 2103.06476, equation 9,
    with equation 161 for where it is tightest. It pays for the freedom with its width.
    """
    return _around(difference, always_valid_z(difference.people, alpha, tuned_to) * sqrt(difference.variance))


def always_valid_z(people: float, alpha: float = ALPHA, tuned_to: float = TUNED_TO) -> float:
    """How many standard errors of so many people lie on each side of `always_valid_interval`."""
    grown = people * _rho_squared(alpha, tuned_to)
    return sqrt(2 * (grown + 1) / grown * log(sqrt(grown + 1) / alpha))


def always_valid_p_value(difference: Difference, alpha: float = ALPHA, tuned_to: float = TUNED_TO) -> float:
    """The p-value of `always_valid_interval`, equation 155 of the same paper."""
    grown = difference.people * _rho_squared(alpha, tuned_to)
    exponent = difference.z**2 / 2 * grown / (grown + 1) - log(grown + 1) / 2
    return min(exp(-exponent), 1.0) if exponent > 0 else 1.0


def _rho_squared(alpha: float, tuned_to: float) -> float:
    return (-2 * log(alpha) + log(-2 * log(alpha) + 1)) / tuned_to


def _around(difference: Difference, half: float) -> Interval:
    return Interval(difference.estimate, difference.estimate - half, difference.estimate + half)


def mismatch(people: list[int], shares: list[float]) -> float:
    """How likely it is that arms of these shares came to these sizes by chance (Pearson's chi-squared).

    Below `MISMATCH` something sorts people, and no result of the experiment can be trusted. `shares` need not add up
    to 1. Nobody assigned at all is no mismatch.
    """
    if not sum(people):
        return 1.0
    expected = [share / sum(shares) * sum(people) for share in shares]
    squares = sum((found - wanted) ** 2 / wanted for found, wanted in zip(people, expected, strict=True))
    return float(chdtrc(len(people) - 1, squares))


def among_several(p_values: list[float]) -> list[float]:
    """The p-values of metrics beside the main one, raised because there are several (Benjamini and Hochberg 1995)."""
    largest_first = sorted(range(len(p_values)), key=lambda place: -p_values[place])
    ranks = range(len(p_values), 0, -1)
    raised = (p_values[place] * len(p_values) / rank for place, rank in zip(largest_first, ranks, strict=True))
    return [p for _, p in sorted(zip(largest_first, accumulate(raised, min), strict=True))]


@dataclass(frozen=True, slots=True)
class Belief:
    """What somebody may believe who doubted large effects before. To be shown, not to be decided on: looked at daily,
    "95 % sure" is said of four identical arms in ten."""

    chance_to_win: float
    expected_loss: float
    """What is lost per person, on average, if the treated arm is taken for the better one and is not."""


def belief(difference: Difference, doubt: float) -> Belief:
    """With a normal prior around no effect. `doubt`: its standard deviation, in the unit of the metric.

    Raises ValueError where nobody differs from anybody.
    """
    if difference.variance <= 0:
        raise ValueError("where nobody differs from anybody there is nothing to believe")
    precision = 1 / difference.variance + 1 / doubt**2
    mean, deviation = difference.estimate / difference.variance / precision, sqrt(1 / precision)
    z = mean / deviation
    density = exp(-(z**2) / 2) / sqrt(2 * pi)
    return Belief(float(ndtr(z)), float(deviation * density - mean * ndtr(-z)))
