"""What these people really bought afterwards, without having got a mail: how good a guess each chooser was.

No proof of what a mail would have earned: that is measured against a holdout, once it runs.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, tuple_

from aftercart.backtest.rivals import OURS, RIVALS, Offer
from aftercart.db.tables import order_lines, orders
from aftercart.experiments.intervals import Interval, mean_by_person, share

WITHIN = (7, 30)
"""Days after the mail."""
LEAST_PEOPLE = 30
"""As in reports: of fewer, an interval by the normal law would claim more than is known."""
_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class Guess:
    """Of `mails` whose following `days` are all known, in how many a product was bought that it would have shown.

    `share`: with its 95 % interval. `ahead`: by how much the model hits more often, mail by mail; None for itself, and
    where fewer than `LEAST_PEOPLE` people got mails, or none of the mails told the two apart.
    """

    by: str
    days: int
    mails: int
    hits: int
    share: Interval
    ahead: Interval | None


@dataclass(frozen=True, slots=True)
class _Seen:
    """One mail, and which of its choosers were right."""

    person: int
    right: Mapping[str, bool]


def guesses(connection: Connection, offers: Sequence[Offer], known_until: datetime) -> list[Guess]:
    """For each span and chooser. A mail counts only where the whole span is known. `connection`: to the source."""
    seen: dict[int, list[_Seen]] = {days: [] for days in WITHIN}
    for offer, person, times, skus in _with_purchases(connection, offers):
        for days in WITHIN:
            end = offer.at + timedelta(days=days)
            if end <= known_until and offer.offered[OURS]:
                bought = set(skus[bisect_right(times, offer.at) : bisect_right(times, end)])
                right = {by: not bought.isdisjoint(chosen) for by, chosen in offer.offered.items()}
                seen[days].append(_Seen(person, right))
    return [_guess(by, days, seen[days]) for days in WITHIN for by in (OURS, *RIVALS)]


def _guess(by: str, days: int, seen: Sequence[_Seen]) -> Guess:
    hits = sum(one.right[by] for one in seen)
    return Guess(by, days, len(seen), hits, share(hits, len(seen)), _lead(by, seen))


def _lead(by: str, seen: Sequence[_Seen]) -> Interval | None:
    """None where nothing can be said: too few people, or no mail that told the two choosers apart."""
    if by == OURS or len({one.person for one in seen}) < LEAST_PEOPLE:
        return None
    lead = mean_by_person((one.person, one.right[OURS] - one.right[by]) for one in seen)
    return lead if lead.low < lead.high else None


def _with_purchases(
    connection: Connection, offers: Sequence[Offer]
) -> Iterator[tuple[Offer, int, list[datetime], list[str]]]:
    for start in range(0, len(offers), _AT_ONCE):
        batch = offers[start : start + _AT_ONCE]
        person = _buyers(connection, batch)
        bought = _purchases(connection, set(person.values()))
        for offer in batch:
            if who := person.get((offer.shop, offer.shop_order_id)):
                times, skus = bought[who]
                yield offer, who, times, skus


def _buyers(connection: Connection, offers: Iterable[Offer]) -> dict[tuple[str, str], int]:
    keys = [(offer.shop, offer.shop_order_id) for offer in offers]
    query = select(orders.c.shop, orders.c.shop_order_id, orders.c.recipient_id)
    found = connection.execute(query.where(tuple_(orders.c.shop, orders.c.shop_order_id).in_(keys)))
    return {(shop, order_id): recipient_id for shop, order_id, recipient_id in found if recipient_id}


def _purchases(connection: Connection, people: set[int]) -> dict[int, tuple[list[datetime], list[str]]]:
    found: dict[int, tuple[list[datetime], list[str]]] = defaultdict(lambda: ([], []))
    query = (
        select(orders.c.recipient_id, orders.c.placed_at, order_lines.c.sku)
        .join(order_lines, order_lines.c.order_id == orders.c.id)
        .where(orders.c.recipient_id.in_(people), orders.c.state != "canceled")
    )
    for who, at, sku in connection.execute(query.order_by(orders.c.placed_at)):
        found[who][0].append(at)
        found[who][1].append(sku)
    return found
