"""State machines: which changes of a state there are, each by its name.

Whoever writes a state names the change. In the database it is a conditional update: `sources` is what its WHERE asks
for and `target` what its SET says, so that a row in any other state is left as it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from aftercart.errors import IllegalTransitionError

S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Transition(Generic[S]):
    """A named change: from any of `sources` (none: it begins here) to `target`. `when`: what has happened."""

    name: str
    sources: tuple[S, ...]
    target: S
    when: str

    def leaves(self, state: S) -> S:
        """The state that follows on `state`. Raises IllegalTransitionError where this change cannot happen."""
        if state not in self.sources:
            raise IllegalTransitionError(f"what is {state} cannot {self.name}; only {', '.join(self.sources)} can")
        return self.target


def leading_to(target: S, among: Iterable[Transition[S]]) -> Transition[S]:
    """The one of these changes that ends in a state. Raises IllegalTransitionError."""
    choice = tuple(among)
    for transition in choice:
        if transition.target is target:
            return transition
    names = ", ".join(transition.name for transition in choice)
    raise IllegalTransitionError(f"none of these changes ends in {target}: {names}")
