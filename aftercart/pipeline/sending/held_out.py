"""Who gets nothing, so that what mails earn can be measured."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from aftercart.bootstrap import App
from aftercart.experiments import store as experiments
from aftercart.pipeline.planning.planned import Planned
from aftercart.pipeline.sending.people import People
from aftercart.policy.suppression import MailClass


def hold_out(
    connection: Connection, app: App, batch: Sequence[Planned], people: People, now: datetime
) -> set[tuple[str, int]]:
    """Who of the batch belongs to a holdout, the brand's first, then the campaign's. Assigned once and for good.

    Transactional mail is owed to everybody.
    """
    batch = [planned for planned in batch if planned.mail_class is MailClass.MARKETING]
    theirs = people.addresses_by_person()
    ids = {planned.recipient_id for planned in batch}
    addresses = {id_: theirs[people.person[id_]] for id_ in ids}
    secret = app.settings.secret_key[-1]
    share = app.brand.holdout
    everywhere = _members(connection, experiments.BRAND, addresses, share, secret, experiments.brand_hash(share), now)
    held = {(planned.campaign_name, planned.recipient_id) for planned in batch if planned.recipient_id in everywhere}
    for campaign in {planned.campaign for planned in batch if planned.campaign}:
        asked = {
            p.recipient_id: addresses[p.recipient_id]
            for p in batch
            if p.campaign_name == campaign.campaign and p.recipient_id not in everywhere
        }
        name = f"campaign:{campaign.campaign}"
        members = _members(connection, name, asked, campaign.holdout, secret, campaign.version, now)
        held |= {(campaign.campaign, recipient_id) for recipient_id in members}
    return held


def _members(
    connection: Connection,
    experiment: str,
    addresses: Mapping[int, Mapping[int, str]],
    share: float,
    secret: str,
    config_hash: str,
    now: datetime,
) -> set[int]:
    if not share or not addresses:
        return set()
    arms = experiments.assigned(connection, experiment, addresses, share, secret, config_hash, now)
    return {recipient_id for recipient_id, arm in arms.items() if arm == "holdout"}
