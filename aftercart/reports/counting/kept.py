"""How counted rows name what they are of."""

from enum import StrEnum

OTHERS = ""
"""All small domains together."""
NO_MONEY = ""
"""The currency of a cohort's row that holds all but orders."""
COHORT_WEEKS = 9
"""A cohort is looked at for so long, its own week included."""


class Basis(StrEnum):
    """What makes people a cohort."""

    MAILED = "mailed"
    """They got their first mail."""
    ORDERED = "ordered"
    """They placed their first order, imported ones included."""
