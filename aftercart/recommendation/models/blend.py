"""How much each kind of evidence counts in a score, by what the picks are for and what was bought.

A score is a sum over the components. Each component says how far a product lies above the catalog, and its weight is
a small linear function of the question's circumstances: so a checkout with one cheap thing in it may trust other
evidence than a mail about a bike. Training finds the weights (tuning.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
import numpy.typing as npt

from aftercart.recommendation.asking.request import Purpose
from aftercart.recommendation.inputs.dataset import Floats


class Component(StrEnum):
    """A kind of evidence, in the order of the weights."""

    LIGHTFM = "lightfm"
    """LightFM, taught what else goes into an order."""
    LIGHTFM_NEXT = "lightfm_next"
    """LightFM, taught what its customer buys next."""
    TOGETHER = "together"
    """Bought together with the anchors, the newest orders counting most."""
    EASE = "ease"
    """Bought together, but not where a third product explains it."""
    EASE_WIDE = "ease_wide"
    """The same, smoother, and from orders joined with the next ones of their customers."""
    HISTORY = "history"
    """What earlier purchases say in that way."""
    FOLLOWED = "followed"
    """Bought after the anchors, in later orders."""
    NEW = "new"
    """Like the anchors by its description, and hardly anybody has bought it so far."""
    SELLING = "selling"
    """What sells lately."""
    AGAIN = "again"
    """Bought by this customer before, more often counting more."""

    @property
    def place(self) -> int:
        """Its column in the weights."""
        return _PLACES[self]


_PLACES = {component: place for place, component in enumerate(Component)}

CIRCUMSTANCES = ("always", "one_anchor", "leading_anchor")
"""What weights depend on. `leading_anchor`: how often the anchor that leads most is the dearest of its orders, from
-0.5 to 0.5: to a bike people add, to a bottle they hardly do."""

SHARE_ALONG = np.float32(0.1)
"""Of a mail about several products; more of it costs more of what is bought next (decision 24)."""

Weights = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Blend:
    """For each purpose a matrix of circumstances by components."""

    weights: Mapping[Purpose, Weights]

    @cached_property
    def counted(self) -> frozenset[Component]:
        """The components that count in any question."""
        used = np.any([matrix.any(axis=0) for matrix in self.weights.values()], axis=0)
        return frozenset(component for component in Component if used[component.place])

    def in_words(self) -> dict[str, dict[str, float]]:
        """What each component weighs for each purpose under usual circumstances."""
        return {
            purpose: {component: round(float(matrix[0, component.place]), 3) for component in Component}
            for purpose, matrix in self.weights.items()
        }

    def of(self, purposes: Sequence[Purpose], circumstances: Floats) -> Weights:
        """The weights of each question: a row of components."""
        found = np.zeros((len(purposes), len(Component)), dtype=np.float32)
        asked = set(purposes)
        for purpose in asked:
            rows = [row for row, wanted in enumerate(purposes) if wanted is purpose] if len(asked) > 1 else slice(None)
            found[rows] = circumstances[rows] @ self.weights[purpose]
        return found


def always(**weights: float) -> Weights:
    """Weights that depend on nothing, by the names of the components; those not named are 0."""
    matrix = np.zeros((len(CIRCUMSTANCES), len(Component)), dtype=np.float32)
    matrix[0] = [weights.get(component, 0.0) for component in Component]
    return matrix


def fitting(mail: Weights, together: Weights) -> Weights:
    """A mail's weights, for an order of several products with a share of what goes along with them. Without it a road
    bike and a tire brought the bottle cage of mountain bikes: what is bought next by most, and does not fit this one.
    Of an order of one product the weights of a mail know that by themselves."""
    always, one = CIRCUMSTANCES.index("always"), CIRCUMSTANCES.index("one_anchor")
    found = mail.copy()
    found[always] += SHARE_ALONG * (together[always] - mail[always])
    found[one] += mail[always] - found[always]
    return found


LIGHTFM_ALONE = Blend({purpose: always(lightfm=1) for purpose in Purpose})

_TOGETHER = always(lightfm=1.0, together=0.3, ease=0.5, ease_wide=0.2, selling=0.5, new=0.3)
_NEXT = always(lightfm_next=1.0, ease_wide=0.4, followed=0.4, history=0.3, selling=0.3, new=0.3)

_BOTH: Weights = np.mean([_TOGETHER, _NEXT], axis=0)

UNTUNED = Blend({Purpose.TOGETHER: _TOGETHER, Purpose.NEXT: _NEXT, Purpose.MAIL: _BOTH})
"""Where too few orders are held out to find better: about what was found for shops that have enough."""
