"""Lists of another mail service come in: first those who must not be mailed, then those who agreed.

In this order, because nobody who left there may get one mail from here; and nothing in a file lifts what stands on the
list. Who was erased here is passed over, so that no file brings them back.
"""

import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime, tzinfo
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from sqlalchemy import Connection

from aftercart.db.session import Database
from aftercart.errors import ConfigError, Place, UnprocessableError
from aftercart.intake import store as intake_store
from aftercart.intake.changes import Buyer
from aftercart.intake.mailing_lists import (
    KLAVIYO_AGREED,
    KLAVIYO_LISTED,
    OWN_AGREED,
    OWN_LISTED,
    Kind,
    Listed,
    Service,
    Values,
    mailchimp_kind,
)
from aftercart.intake.table_file import Faults, Progress, open_table
from aftercart.pipeline.incoming.load import LoadReport, about_erased, chunks, parsed, report
from aftercart.pipeline.recipients.listed import Listing, keep_listed
from aftercart.policy import store as policy
from aftercart.policy.address_hash import AddressHashes
from aftercart.policy.suppression import SuppressionReason, SuppressionScope

NOT_HERE = "holds nobody who must not be mailed: it is the file of those who agreed"
NOR_HERE = "holds nobody who agreed: it is a file of those who must not be mailed"


class Source(NamedTuple):
    """A file to read. `name`: what it is called in faults, where it was unpacked from another."""

    file: Path
    name: Path
    kind: Kind


def load_suppressions(
    db: Database,
    file: Path,
    now: datetime,
    hashes: AddressHashes,
    *,
    service: Service = Service.OWN,
    zone: tzinfo = UTC,
    mapping: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    topics: Callable[[], Collection[str]] = tuple,
) -> LoadReport:
    """Import addresses that must not be mailed. `zone`: of dates that name none. `topics`: what mails are about, asked
    where a row names a topic; one that is none is a fault, because it would stop nothing. Raises ConfigError on a wrong
    file."""
    total = LoadReport(0, 0, 0, 0, 0, ())
    with _sources(file, service, OWN_LISTED, KLAVIYO_LISTED) as sources:
        chosen = [source for source in sources if source.kind.listed]
        if not chosen:
            raise ConfigError(NOT_HERE, Place(file), "type `aftercart import consents`")
        for source in chosen:
            taken = _take_listed(db, source, now, hashes, service, zone, mapping or {}, progress, topics)
            total = _sum(total, taken)
    return total


def load_consents(
    db: Database,
    file: Path,
    now: datetime,
    hashes: AddressHashes,
    *,
    service: Service = Service.OWN,
    zone: tzinfo = UTC,
    mapping: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> LoadReport:
    """Import who agreed to marketing mail, with what proves it. Of an export that also holds those who left, they are
    taken first. Who is on the list of those not to be mailed stays there, which the report notes."""
    total = LoadReport(0, 0, 0, 0, 0, ())
    with _sources(file, service, OWN_AGREED, KLAVIYO_AGREED) as sources:
        if not any(source.kind.agreed for source in sources):
            raise ConfigError(NOR_HERE, Place(file), "type `aftercart import suppressions`")
        for source in sources:
            if source.kind.listed:
                taken = _take_listed(db, source, now, hashes, service, zone, mapping or {}, progress)
            else:
                taken = _take_agreed(db, source, now, hashes, zone, mapping or {}, progress)
            total = _sum(total, taken)
    return total


# ---------------------------------------------------------------- those who must not be mailed


def _take_listed(
    db: Database,
    source: Source,
    now: datetime,
    hashes: AddressHashes,
    service: Service,
    zone: tzinfo,
    mapping: Mapping[str, str],
    progress: Progress | None,
    topics: Callable[[], Collection[str]] = tuple,
) -> LoadReport:
    file, name, kind = source
    total = intake_store.Tally()
    assert kind.listed is not None  # chosen for it
    read, known = kind.listed, cache(topics)

    def listed(values: Values) -> Listed | None:
        if kind.is_left_empty(values, table.present):
            return None
        row = read(values, zone)
        if row.topic and row.topic not in known():
            raise UnprocessableError("topic", f'"{row.topic}" is none of {", ".join(sorted(known())) or "yours"}')
        return row

    with open_table(file, kind.columns, mapping, progress, called=name) as table:
        silent = 0
        for rows in chunks(parsed(table.rows, table.faults, listed)):
            with db.write() as connection:
                listings = [_listing(row) for row in rows if row]
                total.add(keep_listed(connection, listings, now, hashes, f"import:{service}"))
            silent += len(rows) - len(listings)
        return _report(total, table.faults, "name no suppression", silent)


def _listing(row: Listed) -> Listing:
    reason = SuppressionReason(row.reason)
    return Listing(row.email, _scope(reason, row.topic), reason, row.at, row.topic)


def _scope(reason: SuppressionReason, topic: str) -> SuppressionScope:
    """Who left a newsletter elsewhere still gets their receipts; an address that is dead gets nothing."""
    if topic:
        return SuppressionScope.TOPIC
    left = reason in (SuppressionReason.UNSUBSCRIBED, SuppressionReason.IMPORTED)
    return SuppressionScope.BRAND if left else SuppressionScope.ALL


# ---------------------------------------------------------------- those who agreed


def _take_agreed(
    db: Database,
    source: Source,
    now: datetime,
    hashes: AddressHashes,
    zone: tzinfo,
    mapping: Mapping[str, str],
    progress: Progress | None,
) -> LoadReport:
    file, name, kind = source
    total, stay, silent = intake_store.Tally(), 0, 0
    assert kind.agreed is not None  # chosen for it
    read = kind.agreed
    with open_table(file, kind.columns, mapping, progress, called=name) as table:

        def buyer_of(values: Values) -> Buyer | None:
            return None if kind.is_left_empty(values, table.present) else read(values, zone)

        for buyers in chunks(parsed(table.rows, table.faults, buyer_of)):
            with db.write() as connection:
                said = [buyer for buyer in buyers if buyer]
                stay += _keep_agreed(connection, said, now, hashes, total)
            silent += len(buyers) - len(said)
        done = _report(total, table.faults, "say neither yes nor no", silent)
    note = f"{stay:,} of them are on the list of those who must not be mailed, and stay there"
    return replace(done, notes=(*done.notes, note)) if stay else done


def _keep_agreed(
    connection: Connection,
    said: Sequence[Buyer],
    now: datetime,
    hashes: AddressHashes,
    total: intake_store.Tally,
) -> int:
    """Store people who agreed. Returns how many of them may not be mailed for all that."""
    known = policy.suppressions_of(connection, {buyer.email for buyer in said if buyer.email}, hashes)
    erased = {email for email, entries in known.items() if any(e.reason is SuppressionReason.ERASED for e in entries)}
    kept = [buyer for buyer in said if buyer.email not in erased]
    total.add(intake_store.store_people(connection, "generic", kept, now))
    total.passed_over += len(said) - len(kept)
    return sum(buyer.email in known for buyer in kept)


def _report(total: intake_store.Tally, faults: Faults, of_silent: str, silent: int) -> LoadReport:
    """What became of the rows of a file. `of_silent`: what is said of rows that say nothing."""
    notes = (
        *((f"{silent:,} of the rows {of_silent}: passed over",) if silent else ()),
        *about_erased(total.passed_over),
    )
    total.passed_over += silent
    return replace(report(total, faults), notes=notes)


# ---------------------------------------------------------------- files


@contextmanager
def _sources(file: Path, service: Service, own: Kind, klaviyo: Kind) -> Iterator[list[Source]]:
    """The CSV files of an export, those who must not be mailed first. Raises ConfigError where there is none."""
    if service is not Service.MAILCHIMP:
        yield [Source(file, file, klaviyo if service is Service.KLAVIYO else own)]
        return
    if file.suffix != ".zip":
        yield [Source(file, file, _kind_of(file.name, file))]
        return
    with TemporaryDirectory(prefix="aftercart-import-") as folder:
        found = list(_unpacked(file, Path(folder)))
        if not found:
            raise ConfigError(
                "is no audience export of Mailchimp: no file in it begins with subscribed, unsubscribed or cleaned",
                Place(file),
            )
        yield sorted(found, key=lambda source: source.kind.listed is None)


def _unpacked(file: Path, folder: Path) -> Iterator[Source]:
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.namelist():
                name = Path(member).name
                kind = mailchimp_kind(name)
                if kind and name.lower().endswith(".csv"):
                    target = folder / name
                    target.write_bytes(archive.read(member))
                    yield Source(target, file / name, kind)
    except (zipfile.BadZipFile, OSError) as err:
        raise ConfigError(f"cannot be read: {err}", Place(file), "export it once more") from err


def _kind_of(name: str, file: Path) -> Kind:
    kind = mailchimp_kind(name)
    if kind is None:
        raise ConfigError(
            "its name does not say what it holds",
            Place(file),
            "keep the name that Mailchimp gave it, which begins with subscribed, unsubscribed or cleaned",
        )
    return kind


def _sum(one: LoadReport, other: LoadReport) -> LoadReport:
    return LoadReport(*(getattr(one, part.name) + getattr(other, part.name) for part in fields(LoadReport)))
