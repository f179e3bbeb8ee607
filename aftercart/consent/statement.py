"""The words of consent: what somebody said about marketing mail, on what a yes rests, and what proves it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ConsentState(StrEnum):
    """What was said, or how it stands. No statement at all is None, never one of these."""

    GRANTED = "granted"
    DENIED = "denied"
    PENDING = "pending"
    """Asked to confirm (double opt-in) and not answered; no shop states it."""
    EXPIRED = "expired"
    """A yes that has run out. Never written down: it follows from the date."""


class Basis(StrEnum):
    """On what a yes rests, as the law tells kinds of permission apart."""

    DOUBLE_OPT_IN = "double_opt_in"
    """They said yes, and confirmed it from their mailbox."""
    EXPRESS = "express"
    """They said yes by an act of their own, such as ticking an empty box (GDPR Art. 4(11); CASL s. 10(1))."""
    SOFT_OPT_IN = "soft_opt_in"
    """The address was got with a sale, for similar products of the same shop, and they could object then and can in
    every mail (ePrivacy directive 2002/58/EC Art. 13(2))."""
    IMPLIED = "implied"
    """They bought, and nothing else (CASL s. 10(9)(a), 10(10)): ends two years after the purchase."""
    UNSTATED = ""
    """Nobody says on what. It counts as a yes, and where implied ones run out it does so too: in doubt the weakest."""

    @classmethod
    def of(cls, word: str) -> "Basis":
        """The basis of this name; a word that we do not know states none."""
        return _BY_NAME.get(word, Basis.UNSTATED)

    @property
    def may_run_out(self) -> bool:
        """Whether it ends by itself, where the brand says after how long."""
        return self in (Basis.IMPLIED, Basis.UNSTATED)

    @property
    def strength(self) -> int:
        """Which of two says more."""
        return _STRENGTH[self]


_BY_NAME = {basis.value: basis for basis in Basis}
_STRENGTH = {
    basis: strength
    for strength, basis in enumerate(
        (Basis.UNSTATED, Basis.IMPLIED, Basis.SOFT_OPT_IN, Basis.EXPRESS, Basis.DOUBLE_OPT_IN)
    )
}


@dataclass(frozen=True, slots=True)
class ConsentStatement:
    """Somebody said yes or no, where (`source`, such as `shopify:order`) and when.

    `at` None: nobody says when. Then a no holds from the moment we hear it, and a yes only where nobody ever said no.
    `wording`: what they were asked, `ip`: from where they answered; both empty where nobody says. `expires_at`: an end
    that was agreed on.
    """

    state: ConsentState
    source: str
    at: datetime | None
    basis: Basis = Basis.UNSTATED
    wording: str = ""
    ip: str = ""
    expires_at: datetime | None = None
