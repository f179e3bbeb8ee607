"""A code, which mail wants one, and how many are left."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from aftercart.errors import UnprocessableError

LONGEST = 100


@dataclass(frozen=True, slots=True)
class Coupon:
    """One code of a pool. Whoever gets it may use it before `expires_at`; None: it does not end."""

    id: int
    pool: str
    code: str
    expires_at: datetime | None

    def for_templates(self) -> dict[str, Any]:
        """Plain values, as `rendering/running/context.py` documents them."""
        return {"code": self.code, "expires_at": self.expires_at.isoformat() if self.expires_at else None}


@dataclass(frozen=True, slots=True)
class Want:
    """A mail that is to carry a code of a pool, which must be good until then."""

    send_id: UUID
    pool: str
    good_until: datetime


@dataclass(frozen=True, slots=True)
class Code:
    """A code as a shop's file names it."""

    code: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Pool:
    """How a pool stands. `left`: codes that can still be given and have not ended; `ended`: that have, ungiven."""

    name: str
    left: int
    given: int
    ended: int


def clean_code(text: str) -> str:
    """A code as a person types it in at the checkout. Raises UnprocessableError."""
    code = text.strip()
    if not code:
        raise UnprocessableError("code", "is missing")
    if len(code) > LONGEST:
        raise UnprocessableError("code", f"has {len(code)} characters; at most {LONGEST} are taken")
    if not code.isprintable() or any(letter.isspace() for letter in code):
        raise UnprocessableError("code", f"{code!r} holds a space or what cannot be typed")
    return code
