"""How do the senders stand: is one left alone because of its faults, is a limit used up, and until when?"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from aftercart.db.peek import is_there
from aftercart.db.session import Database
from aftercart.db.tables import sends
from aftercart.delivery.limits.quota import Limits, Per
from aftercart.delivery.store import drain
from aftercart.doctor.finding import Finding, fault, fine, warn
from aftercart.doctor.sender import SENDER
from aftercart.ledger.states import SendState
from aftercart.ledger.store import tallying
from aftercart.policy.reason import Reason
from aftercart.quantity import counted, named
from aftercart.reports.senders import SenderReport, Used, senders

LIMITS = "limits"
TRIED_BY_ITSELF = "see what the provider says; a mail tries it again by itself, and nothing is lost meanwhile"
EXPIRES = "what has not had its turn within its `valid_for` expires"


@dataclass(frozen=True)
class Traffic:
    """The senders in the order in which they are used, and how much each may be given."""

    names: Sequence[str]
    limits_of: Callable[[str], Limits]

    def is_held_back(self, connection: Connection, now: datetime) -> bool:
        """Whether no sender takes any mail now, because a limit is used up."""
        return drain.is_held_back(connection, self.names, self.limits_of, now)


def check_traffic(url: str, traffic: Traffic, now: datetime) -> Iterator[Finding]:
    """What the workers know of the senders. The database is known to answer."""
    if not is_there(url):
        return
    with closing(Database(url)) as database, database.read() as connection:
        found = senders(connection, traffic.names, traffic.limits_of, now)
        waiting = tallying.kept(connection, sends)[SendState.SCHEDULED, Reason.PROVIDER_THROTTLED]
    another_works = any(one.works for one in found)
    for one in found:
        if not one.works:
            yield _out_of_order(one, now, another_works=another_works)
    used_up = [(one.name, used) for one in found for used in one.limits if _is_used_up(used)]
    for name, used in used_up:
        yield _used_up(name, used, waiting)
    if not used_up and any(one.limits for one in found):
        told = "; ".join(f"{one.name}: {', '.join(map(str, one.limits))}" for one in found if one.limits)
        yield fine(LIMITS, f"none is used up ({told})")


def _out_of_order(one: SenderReport, now: datetime, *, another_works: bool) -> Finding:
    tried = f"before {one.until:%H:%M:%S} UTC" if one.until and one.until > now else "but one that tries it"
    found = f"{one.name} is given no mail {tried}, after {counted(one.faults, 'fault')} in a row: {one.fault}"
    if another_works:
        return warn(SENDER, f"{found}; the next one takes its mails", TRIED_BY_ITSELF)
    return fault(SENDER, found, TRIED_BY_ITSELF)


def _is_used_up(used: Used) -> bool:
    """A limit by the second is a pace, and never used up for longer than a moment."""
    return used.free_at is not None and used.limit.per is not Per.SECOND


def _used_up(name: str, used: Used, waiting: int) -> Finding:
    wait = f"; {counted(waiting, 'mail')} {named(waiting, 'waits', 'wait')} for limits" if waiting else ""
    what = "warm-up has had the mails of its day" if used.is_warm_up else "limit is used up"
    found = f"{name}: the {what} ({used}) until {_minute(used.free_at)} UTC{wait}"
    return warn(LIMITS, found, f"{_remedy(used)}; {EXPIRES}")


def _remedy(used: Used) -> str:
    if used.is_warm_up:
        return "nothing, if the domain is new: each day allows more (`senders[].warm_up` in brand.yaml)"
    if used.domain:
        return f"if {used.domain} takes more than that, raise it (`senders[].mailboxes` in brand.yaml)"
    return "raise it if your provider allows more (`senders[].limits` in brand.yaml), or name a second sender"


def _minute(instant: datetime | None) -> str:
    """The next full one, so that what is said to be over then is."""
    assert instant is not None  # `_is_used_up`
    return f"{instant + timedelta(seconds=59):%Y-%m-%d %H:%M}"
