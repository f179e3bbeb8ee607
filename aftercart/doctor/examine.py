"""The whole examination: every check on its own, all at once, told in a fixed order.

No check stops another, and what one of them stumbles over is its finding.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aftercart.campaigns.brand import Brand
from aftercart.campaigns.fault import Fault
from aftercart.campaigns.loader import Inspection, inspect_campaigns
from aftercart.campaigns.schema import Campaign
from aftercart.campaigns.sending import limits_of
from aftercart.clock import Clock
from aftercart.delivery.esp.from_url import vendor_of
from aftercart.delivery.senders import senders_from_urls
from aftercart.doctor.address import check_address, check_clock, get
from aftercart.doctor.backlog import check_backlog
from aftercart.doctor.broker import check_broker
from aftercart.doctor.campaigns import check_campaigns
from aftercart.doctor.coupons import check_coupons
from aftercart.doctor.database import check_database, check_disk, time_of
from aftercart.doctor.dns import check_dns
from aftercart.doctor.engine import check_engine
from aftercart.doctor.finding import Finding, Level, fault
from aftercart.doctor.keys import check_doors, check_keys
from aftercart.doctor.model import check_model
from aftercart.doctor.outlets import check_outlets
from aftercart.doctor.sender import check_senders
from aftercart.doctor.traffic import Traffic, check_traffic
from aftercart.errors import AftercartError
from aftercart.settings import Settings, environment

Check = Callable[[], Iterable[Finding]]


@dataclass(frozen=True)
class Patient:
    """What is examined. `find_faults`: what `aftercart check` finds. `lock_file`: held by `aftercart up`."""

    settings: Settings
    clock: Clock
    find_faults: Callable[[], Sequence[Fault]]
    lock_file: Path
    env_file: Path
    selectors: tuple[str, ...] = ()


def examine(patient: Patient) -> Iterator[Finding]:
    """Every finding, in a fixed order, each as soon as those before it are known."""
    settings = patient.settings
    inspection = inspect_campaigns(settings.campaigns_dir, settings.templates_dir)
    checks = [*_by_name(patient, inspection).items()]
    with ThreadPoolExecutor(max_workers=len(checks)) as threads:
        asked = [threads.submit(_looked_at, name, check) for name, check in checks]
        for answer in asked:
            yield from answer.result()


def _by_name(patient: Patient, inspection: Inspection) -> dict[str, Check]:
    settings = patient.settings
    brand = inspection.brand_file.value if inspection.brand_file else None
    checks: dict[str, Check] = {
        "keys": partial(check_keys, settings.secret_key, patient.env_file),
        "webhooks": partial(check_doors, {name: getattr(settings, f"{name}_secret") for name in _SHOPS}),
        "campaigns": lambda: check_campaigns(inspection, patient.find_faults()),
        "database": lambda: _about_data(patient, [read.value for read in inspection.campaign_files], brand),
        "disk": partial(check_disk, settings.data_dir, settings.database),
        "broker": lambda: _about_workers(patient),
        "sender": partial(check_senders, settings.sender_url, environment()),
        "base url": lambda: _about_address(patient, brand.url if brand else ""),
    }
    if brand:
        services = [vendor for url in settings.sender_url.split() if (vendor := vendor_of(url))]
        usual = tuple(selector for vendor in services for selector in vendor.dkim_selectors)
        checks["dns"] = partial(check_dns, brand.domain, patient.selectors, usual=usual)
    return checks


_SHOPS = ("shopify", "woocommerce", "generic")


def _about_data(patient: Patient, campaigns: Sequence[Campaign], brand: Brand | None) -> Iterator[Finding]:
    settings, now = patient.settings, patient.clock()
    found = list(check_database(settings.database))
    yield from found
    if not any(one.level is Level.FAULT for one in found):
        yield from _looked_at("model", partial(check_model, settings.database, settings.models_dir, now))
        traffic = _traffic(settings, brand)
        held_back = partial(traffic.is_held_back, now=now)
        yield from _looked_at("backlog", partial(check_backlog, settings.database, settings.inbox, now, held_back))
        yield from _looked_at("limits", partial(check_traffic, settings.database, traffic, now))
        yield from _looked_at("outgoing webhooks", partial(check_outlets, settings.database))
        yield from _looked_at("coupons", partial(check_coupons, settings.database, campaigns, now))


def _traffic(settings: Settings, brand: Brand | None) -> Traffic:
    """No senders where their URL cannot be read: `check_senders` tells of it."""
    try:
        named = senders_from_urls(settings.sender_url, environment=environment())
    except AftercartError:
        named = []
    limits = brand.senders if brand else ()
    return Traffic([sender.name for sender in named], partial(limits_of, limits))


def _about_workers(patient: Patient) -> Iterable[Finding]:
    if patient.settings.broker_url.startswith("inproc"):
        return check_engine(patient.lock_file)
    return check_broker(patient.settings.broker_url)


def _about_address(patient: Patient, shop: str) -> Iterator[Finding]:
    answer = get(f"{patient.settings.base_url}/healthz")
    yield from check_address(patient.settings.base_url, answer)
    others = [("the database", time_of(patient.settings.database)), (patient.settings.base_url, answer.at)]
    yield from check_clock(patient.clock, [*others, (shop, get(shop).at if shop else None)])


def _looked_at(name: str, check: Check) -> list[Finding]:
    try:
        return list(check())
    except Exception as err:  # noqa: BLE001  # a door: what stops one check must not stop the others
        return [fault(name, f"could not be looked at ({type(err).__name__}: {err})", "mend what it says first")]
