"""A folder with a brand, a campaign and a template, to be edited by a test."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from aftercart.campaigns.loader import Campaigns, Inspection, inspect_campaigns, load_campaigns

BRAND = """\
name: Test Shop
sender: Test Shop <hello@shop.test>
postal_address: Test Shop, 1 Main Street, Springfield
time_zone: Europe/Paris
url: https://www.shop.test
"""

CAMPAIGN = """\
campaign: accessories
status: active
trigger: order.completed
steps:
  - id: complements
    after: 3d
    at: "10:00"
    valid_for: 3d
    template: accessories
    recommend:
      slots: 4
limits:
  frequency_cap: [1 per 1d]
  quiet_hours: 21:00-08:00
holdout: 10%
"""


@dataclass(frozen=True)
class Folder:
    """A deployment in the making."""

    root: Path

    def write(self, name: str, text: str) -> Path:
        file = self.root / "campaigns" / name
        file.write_text(text, encoding="utf-8")
        return file

    def edit(self, old: str, new: str, name: str = "accessories.yaml") -> None:
        file = self.root / "campaigns" / name
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    def inspect(self) -> Inspection:
        return inspect_campaigns(self.root / "campaigns", self.root / "templates")

    def load(self) -> Campaigns:
        return load_campaigns(self.root / "campaigns", self.root / "templates")

    def faults(self) -> list[str]:
        """What is said about the folder: `line:column severity key: message — fix`."""
        return [_short(str(fault), self.root) for fault in self.inspect().faults]


def _short(fault: str, root: Path) -> str:
    return fault.removeprefix(f"{root / 'campaigns'}/").removeprefix("accessories.yaml:")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    for name in ("campaigns", "templates/_layout", "templates/accessories", "templates/reviews"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "body.mjml").touch()
    made = Folder(tmp_path)
    made.write("brand.yaml", BRAND)
    made.write("accessories.yaml", CAMPAIGN)
    return made
