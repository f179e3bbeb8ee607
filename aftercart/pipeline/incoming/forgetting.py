"""News of whoever was forgotten, on its way in: what counts of it is taken, and nothing that says who they were.

Webhooks and files come by here. What is no order of theirs (a record, a word on marketing mail) is passed over. After a
shop was erased, so is everybody of whom it tells as of before.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from aftercart.intake.changes import Buyer, Change, Claim, CustomerSeen, OrderSeen
from aftercart.intake.clean import clean_email
from aftercart.pipeline.incoming.corrected import event_key
from aftercart.pipeline.incoming.parsed import Parsed
from aftercart.pipeline.recipients.feedback import is_report
from aftercart.policy.address_hash import AddressHashes
from aftercart.rights import store as rights
from aftercart.rights.forgotten import ErasedShops, Forgotten, Name, names_of
from aftercart.rights.nameless import ids_in, nameless, renamed
from aftercart.rights.person import addresses_in, buyers_in, readable
from aftercart.rights.store.keys import Key

# ---------------------------------------------------------------- webhooks


def as_kept(connection: Connection, parsed: Sequence[Parsed], hashes: AddressHashes) -> list[Parsed]:
    """With the ids under which things are kept since somebody was erased, and without what says who that was: webhooks
    of shops, and reports about mails."""
    ids = {(p.row["shop"], id_) for p in parsed for id_ in (p.order_id, event_key(p.row), *_ids(p)) if id_}
    kept = rights.kept_as(connection, ids, hashes)
    about = {(p.row["shop"], kept.get((p.row["shop"], p.order_id), p.order_id)) for p in parsed if p.order_id}
    gone = rights.forgotten_orders(connection, about) if about else frozenset()
    told = [(p.row["shop"], change) for p in parsed for change in p.changes]
    reported = {name for p in parsed for name in _reported(p)}
    people = _forgotten(connection, told, hashes, reported)
    shops = rights.erased_shops_of(connection)
    if not (kept or gone or people.since or shops.since):
        return list(parsed)
    return [_forgetting(p, kept, gone, people, shops, hashes) for p in parsed]


def _forgotten(
    connection: Connection,
    told: Sequence[tuple[str, Change]],
    hashes: AddressHashes,
    more: Collection[Name] = (),
) -> Forgotten:
    names = {name for shop, change in told for buyer in buyers_in([change]) for name in names_of(shop, buyer)}
    names |= set(more)
    return rights.forgotten_among(connection, names, hashes).with_orders(told) if names else Forgotten()


def _reported(parsed: Parsed) -> list[Name]:
    """Whom a report about a mail names. One that is not understood is no beginning of anything either, as an order may
    be: it is looked through."""
    if not is_report(parsed.row):
        return []
    emails = {clean_email(one.recipient) for one in parsed.told}
    if not parsed.told:
        emails |= addresses_in(readable(parsed.row["body"]))
    return [("", email) for email in sorted(filter(None, emails))]


def _ids(parsed: Parsed) -> Iterator[str]:
    return (id_ for change in parsed.changes for id_ in ids_in(change))


def _forgetting(
    parsed: Parsed,
    kept: Mapping[Key, str],
    gone: Collection[Key],
    people: Forgotten,
    shops: ErasedShops,
    hashes: AddressHashes,
) -> Parsed:
    shop, order_id = parsed.row["shop"], parsed.order_id
    of_them = [change for change in parsed.changes if people.are_told(shop, change)]
    of_them += _of_erased_shop(parsed, shops)
    is_gone = order_id is not None and not parsed.error and (shop, kept.get((shop, order_id), order_id)) in gone
    is_gone = is_gone or any(isinstance(change, OrderSeen) for change in of_them)
    of_report = any(people.is_gone(name) for name in _reported(parsed))
    is_claim = any(isinstance(change, Claim) for change in parsed.changes)
    of_before = shops.were_told(shop, parsed.row["received_at"]) and not is_claim
    is_forgotten = is_gone or bool(of_them) or of_report or of_before

    def rename(id_: str) -> str:
        new = hashes.of(id_) if is_forgotten and rights.may_name_somebody(id_) else id_
        return kept.get((shop, id_), new)

    left = [c for c in parsed.changes if not (isinstance(c, CustomerSeen) and c in of_them)]
    changes = [renamed(change, rename) for change in left]
    key = event_key(parsed.row)
    row = parsed.row if rename(key) == key else {**parsed.row, "delivery_key": rename(key)}
    return replace(
        parsed,
        row=row,
        changes=[nameless(change) for change in changes] if is_gone else changes,
        told=[replace(one, words="") for one in parsed.told] if of_report else parsed.told,
        order_id=order_id and rename(order_id),
        is_forgotten=is_forgotten,
    )


def _of_erased_shop(parsed: Parsed, shops: ErasedShops) -> Sequence[Change]:
    """What of it is of before the shop was erased. With an old order that is whatever it says of people."""
    shop, heard_at = parsed.row["shop"], parsed.row["received_at"]
    of_before = [change for change in parsed.changes if shops.are_told(shop, change, heard_at)]
    has_old_order = any(isinstance(change, OrderSeen) for change in of_before)
    return parsed.changes if has_old_order else of_before


# ---------------------------------------------------------------- files


def newer_than_shop(connection: Connection, shop: str, buyers: Sequence[Buyer], now: datetime) -> Sequence[Buyer]:
    """Of the people in a file those of after its shop was erased: the date of a consent alone shows that a row is."""
    if since := rights.erased_shops_of(connection).since.get(shop):
        return [b for b in buyers if b.consent and b.consent.at and since < min(b.consent.at, now)]
    return buyers


def not_forgotten(connection: Connection, shop: str, buyers: Sequence[Buyer], hashes: AddressHashes) -> list[Buyer]:
    """Of the people in a file those whom it may name. A file is of some time before now: it begins nothing anew."""
    names = {name for buyer in buyers for name in names_of(shop, buyer)}
    since = rights.forgotten_among(connection, names, hashes).since
    return [buyer for buyer in buyers if since.keys().isdisjoint(names_of(shop, buyer))]


def past_orders(
    connection: Connection, shop: str, orders: Sequence[OrderSeen], hashes: AddressHashes, now: datetime
) -> list[OrderSeen]:
    """Orders of a file under the numbers by which they are kept, and without their buyers where these were forgotten
    after they had bought, or the shop was erased."""
    told = [(shop, order) for order in orders]
    people = _forgotten(connection, told, hashes)
    kept = rights.kept_as(connection, {(shop, seen.shop_order_id) for seen in orders}, hashes)
    shops = rights.erased_shops_of(connection)
    gone = {seen.shop_order_id for seen in orders if people.are_told(shop, seen) or shops.are_told(shop, seen, now)}
    return [_past_order(shop, seen, kept, seen.shop_order_id in gone, hashes) for seen in orders]


def _past_order(shop: str, seen: OrderSeen, kept: Mapping[Key, str], is_gone: bool, hashes: AddressHashes) -> OrderSeen:
    number = seen.shop_order_id
    new = hashes.of(number) if is_gone and rights.may_name_somebody(number) else number
    order = replace(seen.order, shop_order_id=kept.get((shop, number), new))
    return OrderSeen(replace(order, buyer=None, region="", analytics_id="") if is_gone else order)
