"""What everything that is told has in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from aftercart.outward.happening import Happening
from aftercart.outward.subject import Due, Subject


@dataclass(frozen=True, slots=True)
class Request:
    """One message on its way: it is posted."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class Outlet(Protocol):
    """A place that is told what happens."""

    @property
    def name(self) -> str: ...

    @property
    def url(self) -> str: ...

    @property
    def happenings(self) -> tuple[Happening, ...]: ...

    @property
    def lasts(self) -> timedelta | None:
        """How long after it happened something is worth telling here; None: as long as it is tried."""
        ...

    def compose(self, due: Due, subject: Subject) -> bytes | None:
        """The message, the same for every try; None: this place is not told of it."""
        ...

    def request(self, id_: UUID, content: bytes, now: datetime) -> Request:
        """How the message `id_` is sent `now`."""
        ...
