"""A person wants to see all that is kept of them, or to be forgotten; a shop passes such wishes on, or leaves.

Forgetting, in this order:
1. Whatever still waits in the inbox is taken in, so that it can be looked through.
2. Their addresses come onto the list of those not to be mailed, as hashes, and their planned mails are canceled.
3. A mail that is being handed over this moment cannot be called back, and what comes of it is still to be written.
   While there is one, nothing else happens; whoever asks again a minute later gets on.
4. Raw webhooks are looked through for the person, without holding anybody up.
5. One transaction takes the person out of every table. Numbers stay; of one that holds an address, a hash.

All of it may be done again, and does no harm.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from aftercart.bootstrap import App
from aftercart.db.session import is_passing
from aftercart.enrollment import store as enrollments
from aftercart.errors import UnprocessableError
from aftercart.intake.changes import Claim, ErasureAsked, ExportAsked, ShopErasureAsked
from aftercart.ledger import store as ledger
from aftercart.pipeline.incoming.ingest import take_in
from aftercart.policy.reason import Reason
from aftercart.policy.store import lock_recipients
from aftercart.reports.explain import explain
from aftercart.rights import store
from aftercart.rights.person import Person, buyers_in, plain, readable
from aftercart.rights.store import RawEvent

log = structlog.get_logger()

PAGE = 500
"""Raw webhooks looked at in one go."""
PEOPLE_AT_ONCE = 50
FORMAT = "aftercart.person/1"


@dataclass(frozen=True, slots=True)
class Erased:
    """What came of it. `in_flight`: mails that are being handed over, for which it has to be asked again."""

    known: bool
    orders: int = 0
    mails: int = 0
    webhooks: int = 0
    in_flight: int = 0


# ---------------------------------------------------------------- being forgotten


def erase(app: App, email: str) -> Erased:
    """Forget the person with this normalized address. Of somebody unknown only the hash is kept."""
    take_in(app)
    return _erase(app, _person(app, ErasureAsked(email=email)), source="operator")


def _erase(app: App, person: Person, source: str) -> Erased:
    with app.db.write() as connection:
        store.begin_forgetting(connection)
        person = store.find(connection, person.emails, person.shop_customers)  # with what came in meanwhile
        store.suppress_erased(connection, person, app.address_hashes, source, app.clock())
    if busy := _stop_mails(app, person):
        return Erased(person.is_known, in_flight=busy)
    named = _named_events(app, person)
    keys = _named_keys(app, person)
    with app.db.write() as connection:
        lock_recipients(connection, person.recipient_ids)
        store.erase_rows(connection, person, named, keys, app.address_hashes)
    for file in _export_files(app, person):
        file.unlink(missing_ok=True)
    for db in (app.db, app.inbox_db):
        db.forget_log()
    log.info("person_erased", source=source, recipient_ids=sorted(person.recipient_ids), webhooks=len(named))
    return Erased(person.is_known, len(person.order_ids), len(person.send_ids), len(named))


def _stop_mails(app: App, person: Person) -> int:
    """Cancel what is planned for them; how many mails are on their way for all that."""
    with app.db.write() as connection:
        now = app.clock()
        lock_recipients(connection, person.recipient_ids)
        active = store.active_enrollments(connection, person)
        reasons = dict.fromkeys((row.id for row in active), Reason.ERASED)
        ledger.cancel(connection, reasons)
        enrollments.exit_(connection, reasons, now)
        store.cancel_confirmations(connection, person)
        ledger.keep_decisions(
            connection,
            [
                ledger.Decision(
                    at=now,
                    stage="enroll",
                    campaign=row.campaign,
                    order_id=row.order_id,
                    outcome="skip",
                    reason=Reason.ERASED,
                    inputs={"exited": True},
                )
                for row in active
            ],
        )
        return store.in_flight(connection, person)


def _named_events(app: App, person: Person) -> list[int]:
    """Raw events that name the person, wherever they stand: about other orders, about customers, of mail services."""
    return [event.id for event in _raw_events(app) if _names(app, person, event)]


def _named_keys(app: App, person: Person) -> frozenset[str]:
    """Numbers of shops in which an address of theirs stands."""
    with app.db.read() as connection:
        return store.named_keys(connection, person)


def _names(app: App, person: Person, event: RawEvent) -> bool:
    if not person.may_be_in(event.shop, event.body):
        return False
    if person.is_named_in(readable(event.body)):
        return True
    shop = app.shops.get(event.shop)
    try:
        changes = shop.parse(event.topic, event.body) if shop else ()
    except UnprocessableError:
        return False
    except Exception:  # a door: a parser that stumbles over one body keeps nobody from being forgotten
        log.exception("parser_failed", shop=event.shop, topic=event.topic)
        return False
    return person.is_one_of(event.shop, buyers_in(changes))


def _raw_events(app: App, shop: str | None = None) -> Iterator[RawEvent]:
    after = 0
    while True:
        with app.db.read() as connection:
            page = store.raw_events(connection, after, PAGE, shop)
        if not page:
            return
        yield from page
        after = page[-1].id


# ---------------------------------------------------------------- seeing it all


def export(app: App, email: str) -> dict[str, Any] | None:
    """All that is kept of the person with this normalized address, as plain JSON values; None: there is nothing."""
    take_in(app)
    return _export(app, _person(app, ExportAsked(email=email)))


def _export(app: App, person: Person) -> dict[str, Any] | None:
    named = _named_events(app, person)
    with app.db.read() as connection:
        tables = store.everything_of(connection, person, named, app.address_hashes)
        stories = [explain(connection, email).plain() for email in sorted(person.emails)]
    if not any(tables.values()):
        return None
    everything = {
        "format": FORMAT,
        "exported_at": app.clock().isoformat(),
        "addresses": sorted(person.emails),
        "tables": tables,
        "in_words": stories,
    }
    as_json: dict[str, Any] = json.loads(json.dumps(everything, default=plain))
    return as_json


def write_export(file: Path, content: dict[str, Any]) -> None:
    """For its reader's eyes alone, whole or not at all. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_suffix(".part")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        json.dump(content, opened, ensure_ascii=False, indent=1)
    half.replace(file)


def _export_file(app: App, person: Person, now: datetime) -> Path:
    name = app.address_hashes.of(min(person.emails, default="nobody")).rpartition(":")[2][:16]
    return app.settings.data_dir / "exports" / f"person-{name}-{now:%Y%m%dT%H%M%SZ}.json"


def _export_files(app: App, person: Person) -> list[Path]:
    """What was written for a person who is to be forgotten."""
    folder = app.settings.data_dir / "exports"
    names = {hashed.rpartition(":")[2][:16] for email in person.emails for hashed in app.address_hashes.all_of(email)}
    return [file for name in names for file in folder.glob(f"person-{name}-*")]


# ---------------------------------------------------------------- what shops pass on


def carry_out(app: App) -> int:
    """Do what was claimed by webhooks since; how many claims were carried out. One that must wait is tried again."""
    with app.db.read() as connection:
        waiting = store.asked(connection)
    return sum(_carry_out(app, event) for event in waiting)


def _carry_out(app: App, event: RawEvent) -> bool:
    """What one claim does to the engine, the others get through."""
    try:
        return _carry_out_one(app, event)
    except Exception as err:  # a door: it is kept as failed, with the cause
        if is_passing(err):
            raise
        log.exception("claim_failed", event_id=event.id, topic=event.topic)
        with app.db.write() as connection:
            store.conclude(connection, event.id, "failed", f"{type(err).__name__}: {err}"[:1000], app.clock())
        return True


def _carry_out_one(app: App, event: RawEvent) -> bool:
    changes = app.shops[event.shop].parse(event.topic, event.body)
    error = None
    for claim in (change for change in changes if isinstance(change, Claim)):
        match claim:
            case ErasureAsked():
                if _erase(app, _person(app, claim, event.shop), source=f"{event.shop}:{event.topic}").in_flight:
                    return False
            case ExportAsked():
                error = _answer(app, _person(app, claim, event.shop), event)
            case ShopErasureAsked(domain):
                error = _not_to_be_told_apart(app, event.shop, domain)
                if not error and _erase_shop(app, event.shop):
                    return False
    with app.db.write() as connection:
        store.conclude(connection, event.id, "failed" if error else "processed", error, app.clock())
    return True


def _person(app: App, claim: ErasureAsked | ExportAsked, shop: str = "") -> Person:
    emails = [claim.email] if claim.email else []
    ids = [(shop, claim.customer_id)] if shop and claim.customer_id else []
    with app.db.read() as connection:
        return store.find(connection, emails, ids)


def _answer(app: App, person: Person, event: RawEvent) -> str | None:
    """Write the file, and tell the operator where it is: it is theirs to pass on (GDPR Art. 12(3): within a month)."""
    content = _export(app, person)
    file = _export_file(app, person, app.clock())
    try:
        write_export(file, content or {"format": FORMAT, "tables": {}})
    except OSError as err:
        log.error("data_request_not_written", event_id=event.id, error=str(err))
        return f"the file with the person's data cannot be written: {err}"
    log.warning("data_request", event_id=event.id, file=str(file), hint="pass it on to the person within a month")
    return None


def _not_to_be_told_apart(app: App, shop: str, domain: str) -> str | None:
    """Why a shop cannot be forgotten: several of its kind send to one door."""
    with app.db.read() as connection:
        others = store.serves_others(connection, shop, domain)
    if not others:
        return None
    log.error("shop_not_erased", shop=shop, why="several shops send to this door")
    return f"several {shop} shops send here, and what is whose cannot be told: erase the people of {domain} by hand"


def _erase_shop(app: App, shop: str) -> int:
    """Forget all that a shop has told, but not those whom another shop knows too. Who had left stays on the list.

    Before that it is kept when it was erased, so that what comes in meanwhile or later revives nothing.
    How many mails are on their way: while there is one its reader is kept, and the shop with them.
    """
    with app.db.write() as connection:
        store.begin_forgetting(connection)
        store.keep_erased_shop(connection, shop, app.clock())
    after = busy = 0
    while True:
        with app.db.read() as connection:
            page = store.people_of_shop(connection, shop, after, PEOPLE_AT_ONCE)
        if not page:
            break
        for recipient_id, email in page:
            after = recipient_id
            busy += _erase_for_shop(app, email)
    if busy:
        return busy
    with app.db.write() as connection:
        store.detach_shop(connection, shop)
    blanked = [event.id for event in _raw_events(app, shop)]
    for start in range(0, len(blanked), PAGE):
        with app.db.write() as connection:
            store.blank_events(connection, blanked[start : start + PAGE])
    for db in (app.db, app.inbox_db):
        db.forget_log()
    log.warning("shop_erased", shop=shop, webhooks=len(blanked))
    return 0


def _erase_for_shop(app: App, email: str) -> int:
    """Forget one person, unless a mail to them is on its way; how many are."""
    if store.is_erased(email):
        return 0
    with app.db.read() as connection:
        person = store.find(connection, [email])
    if busy := _stop_mails(app, person):
        return busy
    keys = _named_keys(app, person)
    with app.db.write() as connection:
        lock_recipients(connection, person.recipient_ids)
        store.rekey_suppressions(connection, person, app.address_hashes)
        store.erase_rows(connection, person, (), keys, app.address_hashes)
    return 0
