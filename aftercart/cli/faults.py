"""What `aftercart check` looks at: the campaigns, what will come of them, the products they name, the templates."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from aftercart.campaigns.assortment import Assortment, keys_asked_for, not_priced, not_sold, not_tracked
from aftercart.campaigns.fault import Fault, Severity, by_place
from aftercart.campaigns.finding import Finding
from aftercart.campaigns.loader import BRAND_FILE, Inspection, inspect_campaigns
from aftercart.campaigns.schema import Campaign
from aftercart.campaigns.ways import each_way, every_mail
from aftercart.clock import utc_now
from aftercart.db.peek import peek
from aftercart.enrollment.days_or_hours import days_in_hours
from aftercart.enrollment.foresight import foresee
from aftercart.errors import ConfigError
from aftercart.quantity import counted
from aftercart.recommendation import store as recommendation
from aftercart.rendering.authoring.source import template_folders
from aftercart.rendering.checking.check import (
    check_template,
    fault_with_picks,
    fault_without_coupon,
    subject_line_faults,
)
from aftercart.rendering.fault import TemplateFault
from aftercart.reports.supply import Supply, supplies
from aftercart.settings import Settings, read_settings
from aftercart.tracking.hosts import counted_by_host


class Folders(NamedTuple):
    """What is looked at. `database`: its products. `only`: report faults of this one file."""

    campaigns: Path
    templates: Path
    database: str
    only: Path | None = None


def folders_at(path: Path | None) -> Folders | None:
    """Where the campaigns and templates lie that `path` means; None where there are none."""
    if path is None:
        here = _settings()
        there_are = here.campaigns_dir.is_dir()
        return Folders(here.campaigns_dir, here.templates_dir, here.database) if there_are else None
    if path.is_file() and path.suffix == ".yaml":
        return Folders(path.parent, _beside(path.parent) / "templates", _database_of(path.parent), only=path)
    if (path / "campaigns").is_dir():
        return Folders(path / "campaigns", path / "templates", _database_of(path / "campaigns"))
    if any(path.glob("*.yaml")):
        return Folders(path, _beside(path) / "templates", _database_of(path))
    return None


def find_faults(folders: Folders) -> list[Fault]:
    """Everything to say about the campaigns and the templates of a deployment."""
    inspection = inspect_campaigns(folders.campaigns, folders.templates)
    found = [
        *inspection.faults,
        *_foreseen(inspection),
        *_too_few_picks(inspection, folders.templates),
        *_no_coupon(inspection, folders.templates),
        *_subject_faults(inspection, folders.templates),
        *_too_few_codes(inspection, folders.database),
        *_beside_products(inspection, folders.database),
    ]
    faults = sorted(found, key=by_place)
    if folders.only:
        # A campaign cannot be judged without its brand, so faults there are reported as well.
        return [fault for fault in faults if fault.place.file in (folders.only, folders.campaigns / BRAND_FILE)]
    return [*faults, *_template_faults(folders.templates, _templates_owed(inspection))]


def _foreseen(inspection: Inspection) -> Iterator[Fault]:
    """What will come of the campaigns in which there is no error."""
    faulty = {fault.place.file for fault in inspection.errors}
    for read in inspection.campaign_files:
        if inspection.brand_file and read.document.file not in faulty:
            brand = inspection.brand_file.value
            yield from map(read.fault, each_way(read.value, partial(foresee, brand=brand)))
            yield from map(read.fault, days_in_hours(read.value, brand, utc_now().date()))


def _beside_products(inspection: Inspection, database: str) -> Iterator[Fault]:
    """What the files ask of products, if there are any to compare with."""
    keys = {key for read in inspection.campaign_files for key in keys_asked_for(read.value)}
    with peek(database) as connection:
        assortment = _assortment(connection, keys) if connection else None
    if assortment is None:
        return
    if inspection.brand_file:
        yield from map(inspection.brand_file.fault, not_priced(inspection.brand_file.value, assortment))
        yield from map(inspection.brand_file.fault, not_tracked(inspection.brand_file.value, assortment))
    for read in inspection.campaign_files:
        yield from map(read.fault, not_sold(read.value, assortment))


def _assortment(connection: Connection, keys: set[str]) -> Assortment | None:
    with suppress(DBAPIError):  # no tables yet, or those of another version
        found = recommendation.load_values(connection, {*keys, "currency"})
        if size := recommendation.extent(connection)[1]:
            hosts = counted_by_host(recommendation.load_urls(connection))
            return Assortment(found, found["currency"], hosts, size)
    return None


def _templates_owed(inspection: Inspection) -> set[str]:
    """Those that transactional campaigns use, and no others."""
    classes = {
        (step.template, read.value.mail_class == "transactional")
        for read in inspection.campaign_files
        for step in every_mail(read.value)
    }
    return {template for template, is_owed in classes if is_owed and (template, False) not in classes}


def _template_faults(templates_dir: Path, owed: Collection[str]) -> list[Fault]:
    """What is wrong with a file that several templates include is told once."""
    names = template_folders(templates_dir)
    found = dict.fromkeys(
        fault for name in names for fault in check_template(templates_dir, name, is_owed=name in owed)
    )
    return [
        Fault(one.place, "", one.message, one.fix, Severity.WARNING if one.warning else Severity.ERROR) for one in found
    ]


def _too_few_picks(inspection: Inspection, templates_dir: Path) -> Iterator[Fault]:
    """Steps whose template fails with the fewest products that the step lets through."""

    def find(campaign: Campaign) -> Iterator[Finding]:
        for index, step in enumerate(campaign.steps):
            fewest = step.recommend.at_least if step.recommend else 0
            if fault := fault_with_picks(templates_dir, step.template, fewest):
                yield _unfilled(index, fewest, fault)

    for read in inspection.campaign_files:
        yield from map(read.fault, each_way(read.value, find))


def _unfilled(index: int, fewest: int, fault: TemplateFault) -> Finding:
    loc, where = ("steps", index, "template"), f"{fault.place}: {fault.message}"
    choose = "choose with {% if picks %} in the template"
    if not fewest:
        message = f"shows products, and the step has no `recommend` ({where})"
        return Finding(loc, message, f"add recommend, or {choose}")
    message = f"cannot be filled with {counted(fewest, 'product')}, and `at_least` lets that through ({where})"
    return Finding(loc, message, f"raise at_least, or {choose}", Severity.WARNING)


def _no_coupon(inspection: Inspection, templates_dir: Path) -> Iterator[Fault]:
    """Steps whose template needs a code that the step does not have, or may have to do without."""

    def find(campaign: Campaign) -> Iterator[Finding]:
        for index, step in enumerate(campaign.steps):
            if step.coupon and step.coupon.if_empty != "go_without":
                continue
            if fault := fault_without_coupon(templates_dir, step.template):
                loc, where = ("steps", index, "template"), f"{fault.place}: {fault.message}"
                lacks = "and `if_empty: go_without` lets it go without one" if step.coupon else "and the step has none"
                fix = "choose with {% if coupon %} in the template" + ("" if step.coupon else ", or add coupon")
                yield Finding(loc, f"shows a coupon, {lacks} ({where})", fix)

    for read in inspection.campaign_files:
        yield from map(read.fault, each_way(read.value, find))


def _subject_faults(inspection: Inspection, templates_dir: Path) -> Iterator[Fault]:
    """Subject lines in campaign files that cannot be filled in."""

    def find(campaign: Campaign) -> Iterator[Finding]:
        for index, step in enumerate(campaign.steps):
            for fault in subject_line_faults(templates_dir, step.template, step.subject) if step.subject else ():
                severity = Severity.WARNING if fault.warning else Severity.ERROR
                yield Finding(("steps", index, "subject"), fault.message, fault.fix, severity)

    for read in inspection.campaign_files:
        yield from map(read.fault, each_way(read.value, find))


def _too_few_codes(inspection: Inspection, database: str) -> Iterator[Fault]:
    """Pools with fewer codes than mails will want, if there is a database to tell."""
    campaigns = [read.value for read in inspection.campaign_files]
    hand_out_codes = any(step.coupon for campaign in campaigns for step in every_mail(campaign))
    with peek(database) as connection:
        supply = _supply(connection, campaigns) if connection and hand_out_codes else {}

    def find(campaign: Campaign) -> Iterator[Finding]:
        for index, rule in enumerate(step.coupon for step in campaign.steps):
            if rule and rule.pool in supply and supply[rule.pool].is_short:
                one = supply[rule.pool]
                message = f"left in it: {counted(one.pool.left, 'code')} for {counted(one.wanted, 'mail')}"
                fix = f"aftercart import coupons FILE --pool {rule.pool}"
                yield Finding(("steps", index, "coupon", "pool"), message, fix, Severity.WARNING)

    for read in inspection.campaign_files:
        yield from map(read.fault, each_way(read.value, find))


def _supply(connection: Connection, campaigns: Sequence[Campaign]) -> dict[str, Supply]:
    with suppress(DBAPIError):  # no tables yet, or those of another version
        return {one.pool.name: one for one in supplies(connection, campaigns, utc_now())}
    return {}


def _settings() -> Settings:
    """Those of this installation; nothing here needs its secrets."""
    return read_settings(secret_key=("unused" * 6,))


def _database_of(campaigns_dir: Path) -> str:
    """The database of the deployment to which a folder of campaigns belongs: this one, or one beside."""
    with suppress(ConfigError):
        here = _settings()
        if here.campaigns_dir.resolve() == campaigns_dir.resolve():
            return here.database
    return f"sqlite:///{_beside(campaigns_dir) / 'data' / 'aftercart.db'}"


def _beside(campaigns_dir: Path) -> Path:
    """The folder in which a folder of campaigns lies."""
    return campaigns_dir.parent if campaigns_dir.name not in ("", "..") else campaigns_dir / ".."
