"""What decides about mails: the brand file, the campaigns and the templates as they stand together.

Each such state has a version, which every send names, and is kept once something was planned or decided under it.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, select, tuple_

from aftercart.bootstrap import App
from aftercart.campaigns.loader import Campaigns
from aftercart.campaigns.schema import Campaign
from aftercart.db.session import insert_new
from aftercart.db.tables import campaign_versions, configurations
from aftercart.ledger import store as ledger


@dataclass(frozen=True, eq=False)
class Configuration:
    """All of it at one instant. `templates`: name → language → digits that change with what stands in its files."""

    campaigns: Campaigns
    templates: Mapping[str, Mapping[str, str]]

    @cached_property
    def versions(self) -> dict[str, str]:
        """Campaign → its version."""
        return {name: campaign.version for name, campaign in sorted(self.campaigns.by_name.items())}

    @cached_property
    def brand(self) -> dict[str, Any]:
        """The brand file as it is kept."""
        return self.campaigns.brand.definition()

    @cached_property
    def version(self) -> str:
        """12 hexadecimal digits. A pause, of a campaign or of all mail, changes nothing."""
        plain = [self.campaigns.brand.version, self.versions, self.templates]
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]

    def of(self, campaign: str) -> ledger.Under:
        """The versions that a decision made now about a mail of this campaign names."""
        return ledger.Under(self.versions.get(campaign), self.version)


def configuration_of(app: App) -> Configuration:
    """As it stands on disk now."""
    campaigns = app.campaigns
    names = sorted({name for campaign in campaigns.by_name.values() for name in _templates(campaign)})
    return Configuration(campaigns, {name: app.renderer.edition(name) for name in names})


def _templates(campaign: Campaign) -> Iterator[str]:
    for step in campaign.steps:
        yield step.template
        for variant in step.experiment.variants if step.experiment else ():
            yield variant.template or step.template


def keep_configuration(
    connection: Connection, current: Configuration, campaigns: Iterable[Campaign], now: datetime
) -> None:
    """Keep what stands behind the versions that enrollments and sends of these campaigns name."""
    asked = {(campaign.campaign, campaign.version): campaign for campaign in campaigns}
    key = tuple_(campaign_versions.c.campaign, campaign_versions.c.version)
    known = connection.execute(select(campaign_versions.c.campaign, campaign_versions.c.version).where(key.in_(asked)))
    new = [asked[missing] for missing in sorted(asked.keys() - {(row.campaign, row.version) for row in known})]
    rows = [
        {"campaign": c.campaign, "version": c.version, "definition": c.definition(), "first_seen_at": now} for c in new
    ]
    insert_new(connection, campaign_versions, rows, unique=("campaign", "version"))
    if connection.execute(select(configurations.c.version).where(configurations.c.version == current.version)).first():
        return
    whole = {
        "version": current.version,
        "brand": current.brand,
        "campaigns": current.versions,
        "templates": {name: dict(digests) for name, digests in current.templates.items()},
        "first_seen_at": now,
    }
    insert_new(connection, configurations, [whole], unique=("version",))


def keep_what_ended(connection: Connection, current: Configuration, campaigns: Collection[str], now: datetime) -> None:
    """Keep the versions under which mails of these campaigns ended; some campaigns may have no file any more."""
    if campaigns:
        there = [current.campaigns.by_name[name] for name in sorted(campaigns) if name in current.versions]
        keep_configuration(connection, current, there, now)
