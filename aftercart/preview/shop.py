"""What the brand file and the campaigns say of mails, read anew whenever one of them is saved."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aftercart.campaigns.brand import Brand
from aftercart.campaigns.loader import inspect_campaigns
from aftercart.errors import ConfigError
from aftercart.preview.uses import Use, uses
from aftercart.rendering.authoring.locales import DEFAULT


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a test mail comes from, as the brand file says."""

    sender: str
    answers_to: str
    domain: str


@dataclass(frozen=True, slots=True)
class ShopNow:
    """`brand`: what templates may show of it, in place of the sample's. `locale`: for whom a template has no words.
    `uses`: the mails that campaigns make of templates.
    """

    brand: Mapping[str, Any] | None = None
    locale: str = DEFAULT
    uses: tuple[Use, ...] = ()


class ShopFiles:
    """The shop of a folder. A brand file that cannot be read, as while somebody writes it, counts as it was before."""

    def __init__(self, campaigns_dir: Path, templates_dir: Path) -> None:
        """Raises ConfigError where there was none before."""
        self._dir, self._templates_dir = campaigns_dir, templates_dir
        self._stamp, self._shop = "", ShopNow()
        self._brand: Brand | None = None
        self.now()
        if self._brand is None:
            raise ConfigError("there is no brand file that can be read: `aftercart check` says why")

    def now(self) -> ShopNow:
        """As it is now."""
        stamp = stamp_of(self._dir)
        if stamp != self._stamp:
            found = inspect_campaigns(self._dir, self._templates_dir)
            self._brand = found.brand_file.value if found.brand_file else self._brand
            used = tuple(uses(read.value for read in found.campaign_files))
            if self._brand:
                self._shop = ShopNow(self._brand.for_templates(), self._brand.locale, used)
            self._stamp = stamp
        return self._shop

    def sender(self) -> Sender:
        """Who its mails come from now."""
        self.now()
        assert self._brand is not None  # it was there at the beginning
        return Sender(self._brand.sender, self._brand.answers_to, self._brand.domain)


def stamp_of(*folders: Path) -> str:
    """Changes with every file below these folders that is saved."""
    found = set()
    for folder in folders:
        for file in folder.rglob("*"):
            with suppress(OSError):  # gone in the meantime: editors save under another name first
                found.add((file, file.stat().st_mtime_ns))
    return str(hash(frozenset(found)))
