"""Does it add up? Every order must be accounted for, and the mailbox must agree with the ledger.

What the engine says of itself (database) is held against what really arrived (the SMTP server's mailbox), what the
shop knows about its customers, and what its past orders say about the products (`complements.py`).
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, exists, func, select

from aftercart.db.tables import attributions, clicks, decisions, enrollments, events, orders, picks, products, sends
from aftercart.demo.complements import unfit_picks
from aftercart.demo.mailbox import Entry, Mailbox
from aftercart.demo.replay import Log
from aftercart.demo.unfinished import unfinished_mails
from aftercart.ledger.states import OPEN, SendState
from aftercart.policy.frequency_cap import FrequencyCap
from aftercart.reports import sends as sends_report
from aftercart.reports.expiry import kept_by


@dataclass(frozen=True)
class CampaignBooks:
    """What one campaign did. `offered`: products in its mails, by department (empty: the shop names none)."""

    name: str
    enrollments: int
    mails: int
    offered: Mapping[str, int]


@dataclass(frozen=True)
class Account:
    """The numbers of one replay. `bought`: orders placed after a click. `faults`: sentences about what does not add
    up; none in a sound run."""

    orders_in: int
    bought: int
    undecided: int
    enrollments: int
    refusals: Mapping[str, int]
    sends: Mapping[tuple[str, str | None], int]
    kept: Mapping[str, int]
    """Of the mails that expired, those that waited for something until then, by what it was."""
    arrived: int
    campaigns: tuple[CampaignBooks, ...]
    clicks: Mapping[str, int]
    attributed_orders: int
    attributed_bought: int
    """Of the attributed orders, those that were placed after a click by plan of the replay."""
    attributed_minor: int
    faults: tuple[str, ...]


def account(
    connection: Connection, log: Log, mailbox: Mailbox, caps: Sequence[FrequencyCap], since: datetime
) -> Account:
    """Hold the books of a replay: what was done (`log`), what arrived (`mailbox`), and what the database says of both.

    `since`: when the replayed week began.
    """
    arrived = mailbox.entries()
    mails = Counter(entry.send_id for entry in arrived)
    undecided = _undecided(connection)
    faults = (
        *_missing_orders(connection, log.orders),
        *_loose_ends(connection, undecided),
        *_mailbox_disagrees(connection, mails),
        *_mailed_without_leave(connection, log, arrived),
        *_over_cap(arrived, caps),
        *unfit_picks(connection, since),
        *unfinished_mails(mailbox),
    )
    credited = _credited(connection)
    verdicts = select(clicks.c.verdict, func.count().label("hits")).group_by(clicks.c.verdict)
    return Account(
        orders_in=len(log.orders),
        bought=len(log.bought),
        undecided=len(undecided),
        enrollments=connection.execute(select(func.count()).select_from(enrollments)).scalar_one(),
        refusals=_refusals(connection),
        sends=sends_report.counts(connection),
        kept=Counter(kept_by(connection).values()),
        arrived=mails.total(),
        campaigns=tuple(_campaigns(connection)),
        clicks={row.verdict: row.hits for row in connection.execute(verdicts)},
        attributed_orders=len(credited),
        attributed_bought=len(credited.keys() & log.bought),
        attributed_minor=sum(credited.values()),
        faults=faults,
    )


def _credited(connection: Connection) -> dict[str, int]:
    """What each order with credit is worth, by the shop's number."""
    worth = attributions.c.amount_minor - attributions.c.reversed_minor
    query = select(orders.c.shop_order_id, worth.label("worth"))
    credited = connection.execute(query.join(attributions, attributions.c.order_id == orders.c.id))
    return {row.shop_order_id: row.worth for row in credited}


def _campaigns(connection: Connection) -> Iterable[CampaignBooks]:
    entered = select(enrollments.c.campaign, func.count().label("orders")).group_by(enrollments.c.campaign)
    is_sent = sends.c.state == SendState.SENT
    sent = select(sends.c.campaign, func.count().label("mails")).where(is_sent).group_by(sends.c.campaign)
    shelf = func.coalesce(products.c.department, "")
    chosen = (
        select(sends.c.campaign, shelf, func.count())
        .join(picks, picks.c.send_id == sends.c.id)
        .outerjoin(products, products.c.sku == picks.c.sku)
        .where(is_sent)
        .group_by(sends.c.campaign, shelf)
    )
    mails = {row.campaign: row.mails for row in connection.execute(sent)}
    offered: dict[str, dict[str, int]] = defaultdict(dict)
    for campaign, department, count in connection.execute(chosen):
        offered[campaign][department] = count
    for row in connection.execute(entered.order_by(enrollments.c.campaign)):
        yield CampaignBooks(row.campaign, row.orders, mails.get(row.campaign, 0), offered[row.campaign])


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
