"""How many people an experiment needs. A report says "needs about N more" where it cannot name a winner."""

from math import ceil, sqrt

from scipy.special import ndtri

from aftercart.experiments.comparison import ALPHA, Difference, always_valid_z

POWER = 0.8
"""How often an effect that is there shall be found."""


def people_needed(
    rate: float, wanted: float, control_share: float, *, alpha: float = ALPHA, power: float = POWER
) -> int:
    """How many people both arms need together to tell a conversion rate from a wanted one.

    `control_share` is the part that is held out, in (0, 1). Fleiss, Statistical Methods for Rates and Proportions,
    1981, for arms of different sizes. Raises ValueError for rates outside (0, 1), or the same.
    """
    if not (0 < rate < 1 and 0 < wanted < 1 and rate != wanted and 0 < control_share < 1):
        raise ValueError(f"no number of people tells {rate} from {wanted} with a share of {control_share}")
    treated_share = 1 - control_share
    pooled = control_share * rate + treated_share * wanted
    if_same = pooled * (1 - pooled) / (control_share * treated_share)
    if_not = rate * (1 - rate) / control_share + wanted * (1 - wanted) / treated_share
    widths = _quantile(alpha / 2) * sqrt(if_same) + _quantile(1 - power) * sqrt(if_not)
    return ceil((widths / (wanted - rate)) ** 2)


def more_people(difference: Difference, *, alpha: float = ALPHA, power: float = POWER) -> int | None:
    """About how many more people it takes until the interval that holds at all times decides, if the effect is as
    large as it looks by now. None: it looks like none.

    0 where there are enough already. An estimate from few people is mostly far off: this is a hint, not a plan.
    """
    if difference.z == 0:
        return None

    def is_enough(people: float) -> bool:
        expected = abs(difference.z) * sqrt(people / difference.people)
        return expected >= always_valid_z(people, alpha) + _quantile(1 - power)

    too_few = enough = float(difference.people)
    while not is_enough(enough):
        too_few, enough = enough, enough * 2
    while enough - too_few > max(1, enough / 1_000):
        half = (too_few + enough) / 2
        too_few, enough = (too_few, half) if is_enough(half) else (half, enough)
    return ceil(enough) - difference.people


def _quantile(tail: float) -> float:
    return float(-ndtri(tail))
