"""How the senders stand: which are out of order, when they are tried again, and how much of their limits is used."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from aftercart.delivery.limits.breaker import Breaker, State
from aftercart.delivery.limits.quota import Counts, Limit, Limits, set_right
from aftercart.delivery.store.breakers import standing
from aftercart.delivery.store.usage import ALL, usage


@dataclass(frozen=True, slots=True)
class Used:
    """A limit, and how much of it is used up. `domain`: empty for all mail. `free_at`: when it lets the next mail
    through; None: now.
    """

    limit: Limit
    used: int
    domain: str = ""
    free_at: datetime | None = None
    is_warm_up: bool = False

    def __str__(self) -> str:
        whom = f" to {self.domain}" if self.domain else ""
        return f"{self.used:,} of {self.limit}{whom}"


@dataclass(frozen=True, slots=True)
class SenderReport:
    """One sender, as of now."""

    name: str
    state: str
    """closed (it works), open (left alone until `until`) or probing (one mail tries it)."""
    faults: int
    fault: str
    fault_at: datetime | None
    until: datetime | None
    limits: tuple[Used, ...]

    @property
    def works(self) -> bool:
        return self.state == State.CLOSED

    @property
    def what_to_do(self) -> str:
        """Empty where there is nothing to do."""
        if self.works:
            return ""
        return "see what the provider says; mails wait and one tries again by itself, so nothing has to be sent anew"


def senders(
    connection: Connection, names: Sequence[str], limits_of: Callable[[str], Limits], now: datetime
) -> list[SenderReport]:
    """The senders in the order in which they are used."""
    stand = standing(connection, names)
    return [_report(connection, name, stand.get(name, Breaker()), limits_of(name), now) for name in names]


def _report(connection: Connection, name: str, breaker: Breaker, limits: Limits, now: datetime) -> SenderReport:
    return SenderReport(
        name=name,
        state=breaker.state,
        faults=breaker.faults,
        fault=breaker.fault,
        fault_at=breaker.fault_at,
        until=breaker.until,
        limits=tuple(_used(connection, name, limits, now)),
    )


def _used(connection: Connection, name: str, limits: Limits, now: datetime) -> Iterator[Used]:
    if limits == Limits():
        return
    counts = usage(connection, name)
    of_all = set_right(counts.get(ALL, {}), now)
    for limit in limits.limits:
        yield _of(limit, of_all, now)
    if limits.warm_up and (today := limits.warm_up.limit(now)):
        free_at = limits.warm_up.free_at(of_all, now)
        yield Used(today, today.used(of_all, now), free_at=free_at if free_at > now else None, is_warm_up=True)
    for mailboxes in {one.scope: one for one in limits.mailboxes.values()}.values():
        for limit in mailboxes.limits:
            yield _of(limit, set_right(counts.get(mailboxes.scope, {}), now), now, mailboxes.scope)


def _of(limit: Limit, counts: Counts, now: datetime, domain: str = "") -> Used:
    free_at = limit.free_at(counts, now)
    return Used(limit, limit.used(counts, now), domain, free_at if free_at > now else None)
