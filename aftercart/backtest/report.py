"""The figures of a backtest, as plain values."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from aftercart.backtest.bought import Guess, guesses
from aftercart.backtest.rivals import OURS, Offer
from aftercart.backtest.sandbox import Sandbox
from aftercart.backtest.source import extent
from aftercart.db.session import Database
from aftercart.db.tables import decisions, orders, picks, products, recipients, sends
from aftercart.delivery.base import Message

MOST_MAILED = 10
MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Trained:
    """A training in the course of the backtest, and what it had to learn from. `orders` 0: too few."""

    at: datetime
    orders: int
    summary: str


@dataclass(frozen=True, slots=True)
class Stop:
    """How many mails (or, when they asked to enter, orders) ended for a reason."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A product and the number of mails it stood in."""

    sku: str
    title: str
    mails: int


@dataclass(frozen=True)
class Report:
    """What would have happened. Days and hours are those of the shop's own clock (`time_zone`).

    `refused`: why orders entered no campaign. `stopped`: why planned mails did not go. `held_back`: why mails had to
    wait before their end. `by_number`: how many people got one mail, two, and so on. `repeats`: places in which a
    person was shown what they had been shown before.
    """

    campaigns: tuple[str, ...]
    start: datetime
    end: datetime
    time_zone: str
    orders: int
    planned: int
    mails: int
    refused: tuple[Stop, ...]
    stopped: tuple[Stop, ...]
    held_back: tuple[Stop, ...]
    by_day: dict[str, int]
    by_hour: tuple[int, ...]
    people: int
    by_number: dict[int, int]
    most_mailed: tuple[tuple[str, int], ...]
    places: int
    products_shown: int
    products: int
    repeats: int
    most_shown: tuple[Shown, ...]
    guesses: tuple[Guess, ...]
    trained: tuple[Trained, ...]
    known_until: datetime
    without_address: int
    seconds: float
    samples: tuple[Message, ...]

    def as_json(self) -> dict[str, Any]:
        """All of it but the mails."""
        values = {name: value for name, value in vars(self).items() if name != "samples"}
        for name in ("refused", "stopped", "held_back", "most_shown", "trained"):
            values[name] = [asdict(one) for one in values[name]]
        values["guesses"] = [_guess_as_json(guess) for guess in self.guesses]
        values["samples"] = [mail.subject for mail in self.samples]
        values["orders_per_second"] = round(self.orders / self.seconds, 1) if self.seconds else None
        return values


def _guess_as_json(guess: Guess) -> dict[str, Any]:
    plain = {"by": guess.by, "days": guess.days, "mails": guess.mails, "hits": guess.hits}
    ahead = guess.ahead._asdict() if guess.ahead else None
    return {**plain, "share": guess.share._asdict(), "ahead": ahead}


def report_on(
    box: Sandbox,
    facts: Database,
    offers: Sequence[Offer],
    trained: Sequence[Trained],
    start: datetime,
    end: datetime,
    seconds: float,
) -> Report:
    """What came of a run that has ended. `seconds`: that it took."""
    _, known_until = extent(facts)
    with facts.read() as connection:
        found = guesses(connection, offers, known_until)
    with box.app.db.read() as connection:
        zone = box.app.brand.time_zone
        return Report(
            campaigns=tuple(box.app.campaigns.by_name),
            start=start,
            end=end,
            time_zone=zone,
            planned=connection.execute(select(func.count()).select_from(sends)).scalar_one(),
            refused=_refused(connection),
            stopped=_stopped(connection),
            held_back=_held_back(connection),
            **_orders(connection),
            **_times(connection, ZoneInfo(zone)),
            **_people(connection),
            **_shown(connection, offers),
            guesses=tuple(found),
            trained=tuple(trained),
            known_until=known_until,
            seconds=seconds,
            samples=tuple(sorted(box.outbox.samples, key=lambda mail: mail.date)),
        )


def _orders(connection: Connection) -> dict[str, Any]:
    replayed = ~orders.c.imported
    count = select(func.count()).select_from(orders)
    nameless = count.where(replayed, orders.c.recipient_id.is_(None))
    return {
        "orders": connection.execute(count.where(replayed)).scalar_one(),
        "without_address": connection.execute(nameless).scalar_one(),
    }


def _refused(connection: Connection) -> tuple[Stop, ...]:
    """Of each campaign and order the last word: it may have been paid after all."""
    enrolled = decisions.alias()
    entered = select(enrolled.c.id).where(
        enrolled.c.stage == "enroll",
        enrolled.c.outcome == "enroll",
        enrolled.c.order_id == decisions.c.order_id,
        enrolled.c.campaign == decisions.c.campaign,
    )
    query = select(decisions.c.reason, func.count()).where(
        decisions.c.stage == "enroll", decisions.c.outcome == "skip", ~entered.exists()
    )
    return _most_first(connection.execute(query.group_by(decisions.c.reason)))


def _stopped(connection: Connection) -> tuple[Stop, ...]:
    query = select(sends.c.reason, func.count()).where(sends.c.sent_at.is_(None))
    return _most_first(connection.execute(query.group_by(sends.c.reason)))


def _held_back(connection: Connection) -> tuple[Stop, ...]:
    """Each mail once for a reason, however often it was put off."""
    query = select(decisions.c.reason, func.count(decisions.c.send_id.distinct()))
    return _most_first(connection.execute(query.where(decisions.c.outcome == "defer").group_by(decisions.c.reason)))


def _most_first(rows: Any) -> tuple[Stop, ...]:
    found = [Stop(str(reason), count) for reason, count in rows]
    return tuple(sorted(found, key=lambda stop: (-stop.count, stop.reason)))


def _times(connection: Connection, zone: ZoneInfo) -> dict[str, Any]:
    days, hours = Counter[str](), Counter[int]()
    for (at,) in connection.execute(select(sends.c.sent_at).where(sends.c.sent_at.is_not(None))):
        local = at.astimezone(zone)
        days[local.date().isoformat()] += 1
        hours[local.hour] += 1
    by_hour = tuple(hours[hour] for hour in range(24))
    return {"mails": sum(by_hour), "by_day": dict(sorted(days.items())), "by_hour": by_hour}


def _people(connection: Connection) -> dict[str, Any]:
    count = func.count().label("mails")
    query = select(recipients.c.email, count).join(sends, sends.c.recipient_id == recipients.c.id)
    query = query.where(sends.c.sent_at.is_not(None)).group_by(recipients.c.email)
    mails = [(email, number) for email, number in connection.execute(query.order_by(count.desc(), recipients.c.email))]
    by_number = dict(sorted(Counter(number for _, number in mails).items()))
    return {"people": len(mails), "by_number": by_number, "most_mailed": tuple(mails[:MOST_MAILED])}


def _shown(connection: Connection, offers: Sequence[Offer]) -> dict[str, Any]:
    mails, seen, repeats = Counter[str](), dict[int, set[str]](), 0
    for offer in offers:
        before = seen.setdefault(offer.recipient_id, set())
        repeats += sum(sku in before for sku in offer.offered[OURS])
        before.update(offer.offered[OURS])
        mails.update(offer.offered[OURS])
    top = sorted(mails.items(), key=lambda item: (-item[1], item[0]))[:MOST_SHOWN]
    chosen = select(products.c.sku, products.c.title).where(products.c.sku.in_([sku for sku, _ in top]))
    titles = {row.sku: row.title for row in connection.execute(chosen)}
    return {
        "places": connection.execute(select(func.count()).select_from(picks)).scalar_one(),
        "products_shown": len(mails),
        "products": connection.execute(select(func.count()).select_from(products)).scalar_one(),
        "repeats": repeats,
        "most_shown": tuple(Shown(sku, titles.get(sku, sku), count) for sku, count in top),
    }
