"""Does it add up? Every order must be accounted for, and the mailbox must agree with the ledger.

What the engine says of itself (database) is held against what really arrived (the SMTP server's mailbox) and what the
shop knows about its customers.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, exists, func, select

from aftercart.db.tables import attributions, clicks, decisions, enrollments, events, orders, sends
from aftercart.demo.mailbox import Entry
from aftercart.demo.replay import Log
from aftercart.ledger.states import OPEN, SendState
from aftercart.policy.frequency_cap import FrequencyCap
from aftercart.reports import sends as sends_report


@dataclass(frozen=True)
class Account:
    """The numbers of one replay. `faults`: sentences about what does not add up; none in a sound run."""

    orders_in: int
    undecided: int
    enrollments: int
    refusals: Mapping[str, int]
    sends: Mapping[tuple[str, str | None], int]
    arrived: int
    clicks: Mapping[str, int]
    attributed_orders: int
    attributed_minor: int
    faults: tuple[str, ...]


def account(connection: Connection, log: Log, arrived: Sequence[Entry], caps: Sequence[FrequencyCap]) -> Account:
    """Hold the books of a replay: what was done (`log`), what arrived, and what the database says of both."""
    mails = Counter(entry.send_id for entry in arrived)
    undecided = _undecided(connection)
    faults = (
        *_missing_orders(connection, log.orders),
        *_loose_ends(connection, undecided),
        *_mailbox_disagrees(connection, mails),
        *_mailed_without_leave(connection, log, arrived),
        *_over_cap(arrived, caps),
    )
    money = connection.execute(
        select(func.count(), func.coalesce(func.sum(attributions.c.amount_minor - attributions.c.reversed_minor), 0))
    ).one()
    verdicts = select(clicks.c.verdict, func.count().label("hits")).group_by(clicks.c.verdict)
    return Account(
        orders_in=len(log.orders),
        undecided=len(undecided),
        enrollments=connection.execute(select(func.count()).select_from(enrollments)).scalar_one(),
        refusals=_refusals(connection),
        sends=sends_report.counts(connection),
        arrived=mails.total(),
        clicks={row.verdict: row.hits for row in connection.execute(verdicts)},
        attributed_orders=money[0],
        attributed_minor=int(money[1]),
        faults=faults,
    )


def _refusals(connection: Connection) -> dict[str, int]:
    """Orders that entered no campaign at all, by reason."""
    entered = exists().where(enrollments.c.order_id == decisions.c.order_id)
    query = (
        select(decisions.c.reason, func.count(decisions.c.order_id.distinct()).label("orders"))
        .where(decisions.c.stage == "enroll", decisions.c.outcome == "skip", ~entered)
        .group_by(decisions.c.reason)
    )
    return {row.reason: row.orders for row in connection.execute(query)}


def _missing_orders(connection: Connection, posted: Collection[str]) -> Iterable[str]:
    known = set(connection.execute(select(orders.c.shop_order_id).where(~orders.c.imported)).scalars())
    missing = sorted(set(posted) - known)
    if missing:
        yield f"{len(missing)} posted orders are not in the database, such as {missing[0]}"
    failed = connection.execute(select(func.count()).where(events.c.state.in_(("failed", "pending")))).scalar_one()
    if failed:
        yield f"{failed} webhooks were not processed"


def _undecided(connection: Connection) -> list[str]:
    """Orders that neither entered a campaign nor were refused, and such whose mail has neither left nor a reason."""
    ended = exists().where(sends.c.order_id == orders.c.id, sends.c.state.not_in(OPEN), sends.c.reason.is_not(None))
    refused = exists().where(
        decisions.c.order_id == orders.c.id, decisions.c.stage == "enroll", decisions.c.outcome == "skip"
    )
    loose = select(orders.c.shop_order_id).where(~orders.c.imported, ~ended, ~refused)
    return list(connection.execute(loose).scalars())


def _loose_ends(connection: Connection, undecided: Sequence[str]) -> Iterable[str]:
    if undecided:
        yield f"{len(undecided)} orders have neither a mail nor a reason, such as {undecided[0]}"
    still_open = connection.execute(select(func.count()).where(sends.c.state.in_(OPEN))).scalar_one()
    if still_open:
        yield f"{still_open} sends have not ended"
    silent = connection.execute(select(func.count()).where(sends.c.reason.is_(None))).scalar_one()
    if silent:
        yield f"{silent} sends have no reason"


def _mailbox_disagrees(connection: Connection, mails: Counter[UUID | None]) -> Iterable[str]:
    sent = set(connection.execute(select(sends.c.id).where(sends.c.state == SendState.SENT)).scalars())
    doubled = [send_id for send_id, count in mails.items() if count > 1]
    if doubled:
        yield f"{len(doubled)} mails arrived more than once, such as {doubled[0]}"
    if lost := sent - set(mails):
        yield f"{len(lost)} sends are said to be sent and did not arrive, such as {next(iter(lost))}"
    if stray := set(mails) - sent:
        yield f"{len(stray)} mails arrived that are not said to be sent, such as {next(iter(stray))}"


def _mailed_without_leave(connection: Connection, log: Log, arrived: Sequence[Entry]) -> Iterable[str]:
    mailed = (
        select(orders.c.shop_order_id)
        .join(sends, sends.c.order_id == orders.c.id)
        .where(sends.c.state.in_((SendState.SENT, SendState.UNKNOWN)))
    )
    wrong = set(connection.execute(mailed).scalars()) & log.no_mail
    if wrong:
        yield f"{len(wrong)} people were mailed who had not agreed, such as the buyer of order {min(wrong)}"
    late = [entry for entry in arrived if entry.received_at > log.left.get(entry.recipient, entry.received_at)]
    if late:
        yield f"{len(late)} mails arrived after their reader had left, such as send {late[0].send_id}"


def _over_cap(arrived: Sequence[Entry], caps: Sequence[FrequencyCap]) -> Iterable[str]:
    """Rolling caps, counted by what arrived: no window may end with a mail too many."""
    times: dict[str, list[datetime]] = defaultdict(list)
    for entry in arrived:
        times[entry.recipient].append(entry.received_at)
    for cap in caps:
        if isinstance(cap.per, timedelta) and any(_breaks(cap.maximum, cap.per, found) for found in times.values()):
            yield f"somebody got more than {cap}"


def _breaks(maximum: int, window: timedelta, times: Sequence[datetime]) -> bool:
    ordered = sorted(times)
    return any(later - earlier < window for earlier, later in zip(ordered, ordered[maximum:], strict=False))
