"""People of a holdout who got mails since: nobody holds them back while their file names no holdout any more."""

from datetime import datetime

from sqlalchemy import Connection, distinct, func, select

from aftercart.db.tables import campaign_versions, exposures, sends
from aftercart.experiments.store import BRAND, Arm
from aftercart.reports.earned.odd_people import several_addresses


def let_go(connection: Connection, experiment: str, until: datetime) -> int:
    """How many there are. `experiment`: `brand`, or `campaign:NAME`.

    Whoever has several addresses is not counted: by another of them they may be in the other arm.
    """
    versions = connection.execute(select(campaign_versions.c.version, campaign_versions.c.definition))
    owed = [version for version, definition in versions if definition.get("class") == "transactional"]
    several = several_addresses().subquery()
    query = select(func.count(distinct(exposures.c.recipient_id))).join_from(
        exposures, sends, sends.c.recipient_id == exposures.c.recipient_id
    )
    query = query.where(
        exposures.c.experiment == experiment,
        exposures.c.arm == Arm.HOLDOUT,
        exposures.c.recipient_id.not_in(select(several.c.person)),
        sends.c.sent_at > exposures.c.at,
        sends.c.sent_at <= until,
        sends.c.config_version.not_in(owed),
    )
    if experiment != BRAND:
        query = query.where(sends.c.campaign == experiment.removeprefix("campaign:"))
    count: int = connection.execute(query).scalar_one()
    return count
