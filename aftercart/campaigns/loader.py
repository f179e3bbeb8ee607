"""A folder of YAML files → the brand and its campaigns, or everything that is wrong with them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from aftercart.campaigns.brand import Brand
from aftercart.campaigns.fault import Fault, Severity, by_place, key_path
from aftercart.campaigns.finding import Finding
from aftercart.campaigns.lint import Surroundings, lint_brand, lint_campaign
from aftercart.campaigns.schema import Campaign
from aftercart.campaigns.schema_faults import schema_faults
from aftercart.campaigns.yaml_file import Document, read_yaml
from aftercart.errors import ConfigError, Place

BRAND_FILE = "brand.yaml"

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Campaigns:
    """A valid folder."""

    brand: Brand
    by_name: Mapping[str, Campaign]

    @property
    def attribution_windows(self) -> dict[str, timedelta]:
        """How long after a click each campaign may be credited with an order."""
        return {name: campaign.attribution.window.about for name, campaign in self.by_name.items()}

    @property
    def owed(self) -> frozenset[str]:
        """The names of those whose mails are transactional."""
        return frozenset(name for name, campaign in self.by_name.items() if campaign.mail_class == "transactional")


@dataclass(frozen=True)
class Read(Generic[M]):
    """The brand or a campaign, beside the file it came from."""

    document: Document
    value: M

    def fault(self, finding: Finding) -> Fault:
        """What was found, with its place in the file."""
        place = self.document.place(finding.loc)
        return Fault(place, key_path(finding.loc), finding.message, finding.fix, finding.severity)


@dataclass(frozen=True)
class Inspection:
    """What a folder holds, and everything to say about it, in the order of files and lines."""

    campaigns: Campaigns | None
    """None where an error was found."""
    faults: tuple[Fault, ...]
    brand_file: Read[Brand] | None
    campaign_files: tuple[Read[Campaign], ...]
    """The files that could be read, errors or not."""

    @property
    def errors(self) -> list[Fault]:
        return [fault for fault in self.faults if fault.severity is Severity.ERROR]


def load_campaigns(campaigns_dir: Path, templates_dir: Path) -> Campaigns:
    """The brand and the campaigns of a folder. Raises ConfigError that lists every error with its line."""
    return _valid(inspect_campaigns(campaigns_dir, templates_dir))


def load_on_trial(path: Path, campaigns_dir: Path, templates_dir: Path) -> Campaigns:
    """The campaigns at `path`, a file or a folder, as if all of them were active, with the brand of `campaigns_dir`.

    A file on trial may lie anywhere, and be a draft of one that runs. Raises ConfigError that lists every error.
    """
    faults: list[Fault] = []
    brand = _read(campaigns_dir / BRAND_FILE, Brand, faults)
    files = [file for file in sorted(path.glob("*.yaml")) if file.name != BRAND_FILE] if path.is_dir() else [path]
    read = [found for file in files if (found := _read(file, Campaign, faults))]
    valid = _valid(_inspected(brand, read, templates_dir, faults))
    let_loose = {name: one.model_copy(update={"status": "active"}) for name, one in valid.by_name.items()}
    return Campaigns(valid.brand, MappingProxyType(let_loose))


def _valid(inspection: Inspection) -> Campaigns:
    if inspection.campaigns is None:
        first, *others = inspection.errors
        rest = "".join(f"\n{fault}" for fault in others)
        fix = f" — {first.fix}" if first.fix else ""
        raise ConfigError(f"{first.key}: {first.message}{fix}{rest}".removeprefix(": "), first.place)
    return inspection.campaigns


def inspect_campaigns(campaigns_dir: Path, templates_dir: Path) -> Inspection:
    """Read and lint a folder; never raises for what stands in it."""
    faults: list[Fault] = list(_odd_files(campaigns_dir))
    brand = _read(campaigns_dir / BRAND_FILE, Brand, faults)
    read = _read_campaigns(campaigns_dir, faults)
    return _inspected(brand, read, templates_dir, faults)


def _inspected(
    brand: Read[Brand] | None, read: list[Read[Campaign]], templates_dir: Path, faults: list[Fault]
) -> Inspection:
    faults += _named_twice(read)
    if brand:
        faults += map(brand.fault, lint_brand(brand.value, [each.value for each in read]))
        around = Surroundings(brand.value, template_names(templates_dir))
        faults += (each.fault(found) for each in read for found in lint_campaign(each.value, around))
    return _inspection(brand, read, faults)


def template_names(templates_dir: Path) -> list[str]:
    """The templates there are: folders with a body, but for shared ones (`_layout`)."""
    bodies = templates_dir.glob("[!_.]*/body.mjml")
    return sorted(body.parent.name for body in bodies)


def _inspection(brand: Read[Brand] | None, read: list[Read[Campaign]], faults: list[Fault]) -> Inspection:
    faults = sorted(faults, key=by_place)
    campaigns = None
    if brand and all(fault.severity is not Severity.ERROR for fault in faults):
        campaigns = Campaigns(brand.value, MappingProxyType({each.value.campaign: each.value for each in read}))
    return Inspection(campaigns, tuple(faults), brand, tuple(read))


def _read_campaigns(campaigns_dir: Path, faults: list[Fault]) -> list[Read[Campaign]]:
    files = (file for file in sorted(campaigns_dir.glob("*.yaml")) if file.name != BRAND_FILE)
    return [read for file in files if (read := _read(file, Campaign, faults))]


def _read(file: Path, model: type[M], faults: list[Fault]) -> Read[M] | None:
    """The file as a `model`; where it is none, what is wrong goes to `faults`."""
    document = read_yaml(file)
    if isinstance(document, Fault):
        faults.append(_missing_brand(document) if file.name == BRAND_FILE and not file.exists() else document)
        return None
    if document.data is None:
        faults.append(Fault(Place(file), "", "is empty", "`aftercart init DIR` writes files that work"))
        return None
    try:
        return Read(document, model.model_validate(document.data))
    except ValidationError as err:
        faults.extend(schema_faults(document, model, err))
        return None


def _missing_brand(fault: Fault) -> Fault:
    return replace(fault, message="the brand file is missing", fix="`aftercart init DIR` writes one that works")


def _named_twice(read: list[Read[Campaign]]) -> Iterator[Fault]:
    first: dict[str, Path] = {}
    for each in read:
        name, file = each.value.campaign, each.document.file
        if name in first:
            message = f"{name!r} is the name of the campaign in {first[name].name} too"
            yield Fault(each.document.place(("campaign",)), "campaign", message, "give it a name of its own")
        first.setdefault(name, file)


def _odd_files(campaigns_dir: Path) -> Iterator[Fault]:
    for file in sorted(campaigns_dir.glob("*.yml")):
        fix = f"rename it to {file.stem}.yaml"
        yield Fault(Place(file), "", "is not read: campaign files end in .yaml", fix, Severity.WARNING)
