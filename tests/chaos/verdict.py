"""What must hold after everything: each planned mail was handed over once, or has a reason; no third thing."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from aftercart.db.tables import attempts, decisions, orders
from aftercart.reports import sends as report
from tests.chaos.mail_server import MailServer
from tests.chaos.shop import CAMPAIGNS, address_of

Key = tuple[str, str]
"""An order and a campaign."""


@dataclass(frozen=True)
class Verdict:
    """One line of the table, and below it whatever is wrong."""

    scenario: str
    kills: int
    orders: int
    sends: int
    handed_over: int
    reasons: Counter[str]
    doubled: int
    lost: int
    unknown: int
    cut: int
    seconds: float
    faults: tuple[str, ...]


def judge(
    connection: Connection,
    server: MailServer,
    posted: Iterable[int],
    explained: Collection[str],
    hopeless: Collection[str],
    cut: int,
    *,
    scenario: str,
    kills: int,
    seconds: float,
) -> Verdict:
    """Compare what was ordered, what stands in the ledger, and what the mail server knows.

    `explained`: addresses whose mail was between hand-over and commit when something died, or whose server left the
    question open. `hopeless`: addresses whose mails may end without a hand-over; all others must arrive. `cut`: how
    many connections were cut, each of which may leave one mail in doubt.
    """
    numbers = [str(number) for number in posted]
    rows = list(report.listed(connection))
    taken = Counter((mail.recipient, mail.campaign, mail.step) for mail in server.taken)
    ids = Counter(mail.message_id for mail in server.taken)
    addresses = Counter((mail.recipient, mail.campaign) for mail in server.taken)
    planned = {(number, campaign) for number in numbers for campaign in CAMPAIGNS}
    ended = {(row["order_id"], row["campaign"]) for row in rows if row["reason"]} | _never_enrolled(connection)
    handed_over = {key for key in planned if addresses[(address_of(key[0]), key[1])]}
    twice = [key for key, times in (*taken.items(), *ids.items()) if times > 1]
    lost = planned - handed_over - ended
    unknown = [row for row in rows if row["state"] == "unknown"]
    return Verdict(
        scenario=scenario,
        kills=kills,
        orders=len(numbers),
        sends=len(rows),
        handed_over=len(handed_over),
        reasons=Counter(row["reason"] or "none" for row in rows),
        doubled=sum(times - 1 for times in taken.values()),
        lost=len(lost),
        unknown=len(unknown),
        cut=cut,
        seconds=seconds,
        faults=(
            *(f"mailed twice: {key}" for key in twice),
            *(f"lost: order {order}, {campaign}" for order, campaign in sorted(lost)),
            *(
                f"not handed over: order {order}, {campaign}"
                for order, campaign in sorted(planned - handed_over)
                if address_of(order) not in {*hopeless, *explained}
            ),
            *_contradictions(rows, addresses, explained),
            *_too_many_in_doubt(unknown, server, cut),
            *_more_than_planned(rows, planned),
            *_attempts_without_end(connection),
        ),
    )


def _never_enrolled(connection: Connection) -> set[Key]:
    """Orders that a campaign has turned down, with the reason that was kept."""
    query = (
        select(orders.c.shop_order_id, decisions.c.campaign)
        .join(orders, orders.c.id == decisions.c.order_id)
        .where(decisions.c.stage == "enroll", decisions.c.outcome == "skip")
    )
    return {(order_id, campaign) for order_id, campaign in connection.execute(query)}


def _contradictions(
    rows: Iterable[dict[str, Any]], arrived: Counter[tuple[str, str]], explained: Collection[str]
) -> Iterable[str]:
    """What the ledger says against what the mail server knows."""
    for row in rows:
        name = f"order {row['order_id']}, {row['campaign']}: {row['state']} ({row['reason']})"
        has_arrived = bool(arrived[(row["email"], row["campaign"])])
        if row["state"] in ("scheduled", "sending"):
            yield f"not ended: {name}"
        elif row["state"] == "sent" and not has_arrived:
            yield f"never arrived: {name}"
        elif row["state"] == "unknown" and row["email"] not in explained:
            yield f"no reason for doubt: {name}"
        elif row["state"] not in ("sent", "unknown") and has_arrived:
            yield f"arrived all the same: {name}"


def _too_many_in_doubt(unknown: Iterable[dict[str, Any]], server: MailServer, cut: int) -> Iterable[str]:
    left_open = {address for address, fault in server.faults.items() if fault.leaves_in_doubt}
    count = sum(row["email"] not in left_open for row in unknown)
    if count > cut:
        yield f"{count} mails in doubt after {cut} connections were cut"


def _more_than_planned(rows: Iterable[dict[str, Any]], planned: Collection[Key]) -> Iterable[str]:
    count = Counter((row["order_id"], row["campaign"]) for row in rows)
    for key, times in count.items():
        if times > 1 or key not in planned:
            yield f"planned {times} times: {key}"


def _attempts_without_end(connection: Connection) -> Iterable[str]:
    """Each hand-over has its receipt in the end, `unknown` among them."""
    open_ = select(attempts.c.send_id).where(attempts.c.outcome == "started")
    return [f"a hand-over without an end: {send_id}" for send_id in connection.execute(open_).scalars()]
