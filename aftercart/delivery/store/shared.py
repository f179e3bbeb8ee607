"""`Traffic` over the database: the same truth for every worker on every machine, kept over restarts.

Not in each process: k processes would find out k times that a provider is down, probe it k times, and the dispatcher
and `/metrics` would never know. It costs nothing while all is well: what is unlimited and without faults is looked at
once a second and never written.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import NamedTuple

import structlog
from sqlalchemy import Connection

from aftercart.clock import Clock
from aftercart.db.session import Database, is_passing
from aftercart.delivery.base import Held
from aftercart.delivery.limits.breaker import Breaker, Sign, State, after, probing
from aftercart.delivery.limits.quota import UNLIMITED, Counts, Limit, Limits, free_at, is_ahead
from aftercart.delivery.limits.traffic import View, Wait
from aftercart.delivery.store import breakers, drain
from aftercart.delivery.store.usage import ALL, Scopes, queue, take, usage

log = structlog.get_logger()

LOOK_AGAIN_S = 1.0
LONGEST_QUEUE = timedelta(hours=1)
"""Nobody waits longer for those before them without asking again: limits may have been raised."""
WHAT_TO_DO = "nothing is lost: mails wait, and one tries again by itself; see `aftercart senders`, and the provider"


_WORKS = View()


class _Seen(NamedTuple):
    at: float
    breaker: Breaker
    counts: dict[str, Counts]
    limits: Limits


class SharedTraffic:
    """What this installation's senders may be given. `limits_of`: by the name of a sender, as they stand now."""

    def __init__(self, db: Database, clock: Clock, names: Sequence[str], limits_of: Callable[[str], Limits]) -> None:
        self.names = tuple(names)
        self.limits_of = limits_of
        self._db, self._clock = db, clock
        self._seen: dict[str, _Seen] = {}
        self._lock = threading.Lock()

    def room(self, connection: Connection, now: datetime) -> drain.Room:
        """How many due mails may be handed out at `now`."""
        return drain.room(connection, self.names, self.limits_of, now)

    def is_held_back(self, connection: Connection, now: datetime) -> bool:
        """Whether no sender takes any mail now, because a limit is used up."""
        return drain.is_held_back(connection, self.names, self.limits_of, now)

    def view(self, sender: str, domain: str) -> View:
        seen = self._look(sender)
        if seen.breaker.state is State.CLOSED and seen.limits is UNLIMITED:
            return _WORKS
        now = self._clock()
        if until := seen.breaker.shut_until(now):
            return View(Wait(sender, until, Held.DOWN, f"{sender} is out of order: {seen.breaker.fault}"))
        scopes = _scopes(seen.limits, domain, now)
        for scope, limits in scopes.items():
            counts = seen.counts.get(scope, {})
            until, limit = free_at(limits, counts, now)
            if limit and not is_ahead(counts, now):  # else `take` sets them right
                return View(_wait(sender, scope, limit, until))
        return View(needs_probe=seen.breaker.may_probe(now), is_limited=bool(scopes))

    def take(self, sender: str, domain: str) -> Wait | None:
        scopes = _scopes(self._look(sender).limits, domain, self._clock())
        if not scopes:
            return None
        with self._db.write_series() as begin, begin() as connection:
            counts, until, scope, limit = take(connection, sender, scopes, self._clock)
        self._learn(sender, counts)
        return _wait(sender, scope, limit, until) if limit else None

    def queue(self, wait: Wait) -> datetime:
        if wait.limit is None:
            return wait.until
        with self._db.write_series() as begin, begin() as connection:
            latest = self._clock() + LONGEST_QUEUE
            return queue(connection, wait.sender, wait.scope, wait.limit, wait.until, latest)

    def probe(self, sender: str) -> bool:
        with self._db.write() as connection:
            now, breaker = self._clock(), breakers.lock(connection, sender)
            may = breaker.state is State.CLOSED or breaker.may_probe(now)
            if may and breaker.state is not State.CLOSED:
                breaker = probing(breaker, now)
                breakers.keep(connection, sender, breaker)
        self._forget(sender)
        return may

    def report(self, sender: str, sign: Sign, words: str) -> None:
        try:
            self._note(sender, sign, words)
        except Exception as err:  # what it says of its sender may get lost, the receipt itself must not
            if not is_passing(err):
                raise
            log.warning("sign_not_noted", sender=sender, sign=sign, error=type(err).__name__)

    def _note(self, sender: str, sign: Sign, words: str) -> None:
        known = self._look(sender).breaker
        untroubled = known.state is State.CLOSED and not known.faults
        if (sign is Sign.WORKS and untroubled) or (sign is Sign.NOTHING and known.state is not State.PROBING):
            return
        with self._db.write() as connection:
            now, before = self._clock(), breakers.lock(connection, sender)
            breaker = after(before, sign, words, now)
            breakers.keep(connection, sender, breaker)
        self._forget(sender)
        _tell(sender, before, breaker)

    def _look(self, sender: str) -> _Seen:
        seen = self._seen.get(sender)
        if seen is None or monotonic() - seen.at > LOOK_AGAIN_S:
            with self._db.read() as connection:
                breaker = breakers.standing(connection, [sender]).get(sender, Breaker())
                limits = self.limits_of(sender)
                counts = usage(connection, sender) if limits is not UNLIMITED else {}
                seen = _Seen(monotonic(), breaker, counts, limits)
            self._seen[sender] = seen
        return seen

    def _learn(self, sender: str, counts: dict[str, Counts]) -> None:
        with self._lock:
            if seen := self._seen.get(sender):
                self._seen[sender] = seen._replace(counts={**seen.counts, **counts})

    def _forget(self, sender: str) -> None:
        self._seen.pop(sender, None)


def _scopes(limits: Limits, domain: str, now: datetime) -> Scopes:
    scopes = {ALL: own} if (own := limits.at(now)) else {}
    if mailboxes := limits.mailboxes.get(domain):
        scopes[mailboxes.scope] = mailboxes.limits
    return scopes


def _wait(sender: str, scope: str, limit: Limit, until: datetime) -> Wait:
    whom = f" to {scope}" if scope else ""
    words = f"{sender} has had as much{whom} as it may be given ({limit})"
    return Wait(sender, until, Held.THROTTLED, words, limit, scope)


def _tell(sender: str, before: Breaker, breaker: Breaker) -> None:
    match before.state, breaker.state:
        case ((State.CLOSED | State.PROBING), State.OPEN) if breaker.openings > before.openings:
            log.error(
                "sender_down",
                sender=sender,
                fault=breaker.fault,
                faults=breaker.faults,
                tried_again_at=str(breaker.until),
                what=WHAT_TO_DO,
            )
        case ((State.OPEN | State.PROBING), State.CLOSED):
            log.warning("sender_works_again", sender=sender)
        case _:
            pass
