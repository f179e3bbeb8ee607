"""Recipients, customers and consents."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, update

from aftercart.consent import store as consent
from aftercart.consent.standing import ConsentRules
from aftercart.consent.statement import ConsentState, ConsentStatement
from aftercart.db.session import insert_new
from aftercart.db.tables import address_moves, customers, orders, preferences, recipients
from aftercart.intake.changes import Buyer, CustomerSeen
from aftercart.intake.store.rows import Tally, changed_values, fetch, find_or_make, take_turns

DETAILS = ("first_name", "locale", "time_zone", "country")
TOLD = (*DETAILS, "source_updated_at")
AS_IT_WAS = ConsentRules()
"""What a file tells was said to another system long ago: nobody is asked to confirm it again."""


@dataclass
class People:
    """The recipients of a batch and the customers of one shop in it, locked. `save` writes what has changed."""

    connection: Connection
    now: datetime
    recipients: dict[str, dict[str, Any]]
    """By e-mail address."""
    customers: dict[str, dict[str, Any]]
    """By the shop's customer id."""
    made: set[str]
    """Addresses and customer ids that were new."""
    changed: set[str] = field(default_factory=set)
    news: dict[int, ConsentState] = field(default_factory=dict)
    """Recipients whose consent gained a statement, and the last of it."""
    _said: list[tuple[int, ConsentStatement]] = field(default_factory=list)
    _moved: list[tuple[int, int, int, datetime]] = field(default_factory=list)
    """Customers whose own record went from one recipient to another: the three ids, and by when."""

    def customer_of(self, buyer: Buyer | None) -> int | None:
        """The row of the customer; None for a guest."""
        return self.customers[buyer.customer_id]["id"] if buyer and buyer.customer_id else None

    def recipient_of(self, buyer: Buyer | None) -> int | None:
        """Whom to write to: the address given, else that of the customer."""
        if buyer and buyer.email:
            return int(self.recipients[buyer.email]["id"])
        if buyer and buyer.customer_id:
            own: int | None = self.customers[buyer.customer_id]["recipient_id"]
            return own
        return None

    def own_addresses(self, records: Iterable[CustomerSeen], buyers: Iterable[Buyer]) -> None:
        """A customer's address is the one in the newest version of their own record; one given with an order only
        fills a gap.

        (Somebody who has one parcel billed to another address has not moved.)
        """
        for record in records:
            if id_ := record.buyer.customer_id:
                replace = self._takes(self.customers[id_], record.at)
                if replace and record.at:
                    self.changed.add(id_)
                self._point(record.buyer, record.at, replace=replace)
        for buyer in buyers:
            self._point(buyer, None, replace=False)

    def _takes(self, row: dict[str, Any], at: datetime | None) -> bool:
        """Whether news as of `at` is no older than what the row holds, which is then as of that. No news is of later
        than now: a shop whose clock is ahead would keep out whatever comes next."""
        at, held = at and min(at, self.now), row["source_updated_at"]
        if at and held and at < held:
            return False
        row["source_updated_at"] = at or held
        return True

    def _point(self, buyer: Buyer, at: datetime | None, *, replace: bool) -> None:
        if not (buyer.customer_id and buyer.email):
            return
        row, new = self.customers[buyer.customer_id], self.recipients[buyer.email]["id"]
        if row["recipient_id"] == new or (row["recipient_id"] is not None and not replace):
            return
        row.setdefault("had_none", row["recipient_id"] is None)
        if row["recipient_id"] is not None:
            self._moved.append((row["id"], row["recipient_id"], new, min(at or self.now, self.now)))
        row["recipient_id"] = new
        self.changed.add(buyer.customer_id)

    def details(self, buyer: Buyer, at: datetime | None, *, only_gaps: bool = False) -> None:
        """Name, locale, zone and country: the newest that are not empty, by when they were told. Older ones fill
        gaps."""
        told = {name: getattr(buyer, name) for name in DETAILS if getattr(buyer, name)}
        if not (buyer.email and told):
            return
        row = self.recipients[buyer.email]
        held = row["source_updated_at"]
        keep = only_gaps or not self._takes(row, at)
        new = {name: value for name, value in told.items() if not (keep and row[name])}
        if changed_values(row, new) or row["source_updated_at"] != held:
            row.update(new)
            self.changed.add(buyer.email)

    def consents(self, buyers: Iterable[Buyer]) -> None:
        """What people said about marketing mail."""
        self._said += [(id_, b.consent) for b in buyers if b.consent and (id_ := self.recipient_of(b)) is not None]

    def save(self, rules: ConsentRules) -> set[int]:
        """Write what has changed. The ids of earlier orders that may mail and now know whom to write to."""
        self._save_recipients()
        self._save_customers()
        self._save_moves()
        self.news = consent.record(self.connection, self._said, self.now, rules)
        return self._address_earlier_orders()

    def _save_recipients(self) -> None:
        rows = [row for email, row in self.recipients.items() if email in self.changed]
        if rows:
            values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in TOLD}
            statement = update(recipients).where(recipients.c.id == bindparam("row")).values(**values)
            new = [{"row": row["id"], **{f"new_{name}": row[name] for name in TOLD}} for row in rows]
            self.connection.execute(statement, new)

    def _save_customers(self) -> None:
        rows = [row for id_, row in self.customers.items() if id_ in self.changed]
        if rows:
            new = [{"row": row["id"], "to": row["recipient_id"], "as_of": row["source_updated_at"]} for row in rows]
            statement = update(customers).where(customers.c.id == bindparam("row"))
            values: dict[str, Any] = {"recipient_id": bindparam("to"), "source_updated_at": bindparam("as_of")}
            self.connection.execute(statement.values(values), new)

    def _save_moves(self) -> None:
        left: dict[tuple[int, int], datetime] = {}
        for customer, old, _, at in self._moved:
            left.setdefault((customer, old), at)
        rows = [
            {"customer_id": customer, "recipient_id": old, "at": at} for (customer, old), at in sorted(left.items())
        ]
        # Of several leavings the first is kept: since then somebody else may have had the mailbox.
        insert_new(self.connection, address_moves, rows, unique=("customer_id", "recipient_id"))
        for _, old, new, _ in self._moved:
            merge_recipients(self.connection, old, new)
            _take_choices_along(self.connection, old, new)

    def _address_earlier_orders(self) -> set[int]:
        found = {row["id"]: row["recipient_id"] for row in self.customers.values() if row.get("had_none")}
        columns = select(orders.c.id, orders.c.customer_id, orders.c.imported)
        lock = columns.where(orders.c.recipient_id.is_(None)).order_by(orders.c.id).with_for_update(key_share=True)
        rows = list(fetch(self.connection, lock, orders.c.customer_id, sorted(found)))
        if rows:
            statement = update(orders).where(orders.c.id == bindparam("row"))
            addressed = [{"row": row["id"], "to": found[row["customer_id"]]} for row in rows]
            self.connection.execute(statement.values(recipient_id=bindparam("to")), addressed)
        return {row["id"] for row in rows if not row["imported"]}


def find_people(connection: Connection, buyers: Mapping[str, Sequence[Buyer]], now: datetime) -> dict[str, People]:
    """Find or make everybody in a batch, given by shop, and lock them: the recipients first.

    One address may be known to several shops, so recipients are locked together; customers belong to a shop, of
    which nobody else applies changes meanwhile.
    """
    addresses = dict.fromkeys(buyer.email for those in buyers.values() for buyer in those if buyer.email)
    fresh = {email: {"email": email, **dict.fromkeys(DETAILS, ""), "created_at": now} for email in addresses}
    by_email, new_emails = find_or_make(connection, recipients, recipients.c.email, fresh)
    people = {}
    for shop, those in buyers.items():
        ids = dict.fromkeys(buyer.customer_id for buyer in those if buyer.customer_id)
        fresh = {id_: {"shop": shop, "shop_customer_id": id_, "created_at": now} for id_ in ids}
        by_id, new_ids = find_or_make(connection, customers, customers.c.shop_customer_id, fresh, shop=shop)
        people[shop] = People(connection, now, by_email, by_id, new_emails | new_ids)
    return people


def merge_recipients(connection: Connection, old: int, new: int) -> None:
    """From now on these are addresses of one person, whose mails count together. Who stands for `new` stands for both.

    Whoever merges into a person holds the one that stands for them: of two merges at a time the second sees what the
    first made, and none is left merged into one that is merged itself.
    """
    gone, stays = _held(connection, (old, new))
    if gone != stays:
        theirs = or_(recipients.c.id == gone, recipients.c.merged_into == gone)
        connection.execute(update(recipients).where(theirs).values(merged_into=stays))


def _take_choices_along(connection: Connection, old: int, new: int) -> None:
    """Language and time zone that were chosen at the address before, where none were at the new one. (What limits mail
    holds for the whole person, wherever it was chosen.)"""
    c = preferences.c
    is_one = (c.recipient_id == old) & ((c.locale != "") | (c.time_zone != ""))
    chosen = connection.execute(select(c.locale, c.time_zone, c.updated_at).where(is_one)).mappings().one_or_none()
    if chosen is None:
        return
    insert_new(connection, preferences, [{"recipient_id": new, "at_most": "", **chosen}], unique=("recipient_id",))
    for column in (c.locale, c.time_zone):
        empty = update(preferences).where(c.recipient_id == new, column == "")
        connection.execute(empty.values({column: chosen[column.name]}))


def _held(connection: Connection, ids: Iterable[int]) -> list[int]:
    """Who stands for each of these, held until the transaction ends, like these themselves."""
    columns = select(recipients.c.id, recipients.c.merged_into).order_by(recipients.c.id)
    stands_for: dict[int, int] = {}
    wanted = set(ids)
    while wanted:  # what was read before its lock was granted may have been merged meanwhile
        rows = connection.execute(columns.where(recipients.c.id.in_(wanted)).with_for_update(key_share=True))
        stands_for |= {id_: id_ if into is None else into for id_, into in rows}
        wanted = set(stands_for.values()) - stands_for.keys()

    def whoever(id_: int) -> int:
        into = stands_for[id_]
        return id_ if into == id_ else whoever(into)

    return [whoever(id_) for id_ in ids]


def store_people(connection: Connection, shop: str, buyers: Sequence[Buyer], now: datetime) -> Tally:
    """Customers from a file: they fill gaps, and their statements count by their dates."""
    take_turns(connection, shop)
    people = find_people(connection, {shop: buyers}, now)[shop]
    people.own_addresses((), buyers)
    for buyer in buyers:
        people.details(buyer, None, only_gaps=True)
    people.consents(buyers)
    people.save(AS_IT_WAS)
    tally = Tally()
    for buyer in buyers:
        keys = {buyer.email, buyer.customer_id}
        if keys & people.made:
            tally.added += 1
        elif keys & people.changed or people.recipient_of(buyer) in people.news:
            tally.changed += 1
        else:
            tally.unchanged += 1
    return tally
