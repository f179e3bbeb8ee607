"""Views for other tools: what a dashboard asks of mails, clicks and orders, alike on SQLite and PostgreSQL.

Their columns are a promise (docs/reports.md): tables may change, these stay. No view holds an address or a name; a
person is a number, the same under all addresses of theirs. Every migration takes the views away first and makes them
anew at the end, so a view that is changed here reaches existing databases with the next revision.
"""

from functools import reduce
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, String, case, cast, func, inspect, literal_column, select

from aftercart.db.tables import (
    attributions,
    clicks,
    cohort_days,
    decisions,
    exposures,
    links,
    opens,
    order_lines,
    orders,
    picks,
    recipients,
    sends,
    weekly_domains,
    weekly_pairs,
    weekly_sources,
)

_PREFIX = "report_"
_PERSON = func.coalesce(recipients.c.merged_into, recipients.c.id)


def drop_views(connection: Connection) -> None:
    """Take away whatever views there are of this name, also an older program's."""
    for name in inspect(connection).get_view_names():
        if name.startswith(_PREFIX):
            connection.exec_driver_sql(f"DROP VIEW {name}")


def create_views(connection: Connection) -> None:
    """Make all of them; there must be none, and the schema must be the newest."""
    for name, query in views(connection.dialect.name).items():
        written = query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
        # A percent sign would be a parameter to the driver.
        connection.exec_driver_sql(f"CREATE VIEW {_PREFIX}{name} AS {str(written).replace('%', '%%')}")


def views(dialect: str) -> dict[str, Select[Any]]:
    """What each of them holds, by its name without `report_`."""
    return {
        "mails": _mails(dialect),
        "clicks": _clicks(dialect),
        "credits": _credits(dialect),
        "orders": _orders(),
        "order_lines": _order_lines(),
        "picks": _picks(dialect),
        "decisions": _decisions(dialect),
        "arms": _arms(),
        "pairs": _pairs(),
        "recommendations": _recommendations(),
        "domains": _domains(),
        "cohorts": _cohorts(),
    }


def _mails(dialect: str) -> Select[Any]:
    clicked = (
        select(
            clicks.c.send_id,
            func.sum(case((clicks.c.verdict == "human", 1), else_=0)).label("human"),
            func.sum(case((clicks.c.verdict == "human", 0), else_=1)).label("machine"),
            func.min(case((clicks.c.verdict == "human", clicks.c.at))).label("first_at"),
        )
        .group_by(clicks.c.send_id)
        .subquery()
    )
    opened = (
        select(
            opens.c.send_id,
            func.max(case((opens.c.verdict == "human", "human"), else_="")).label("human"),
            func.min(case((opens.c.verdict == "human", opens.c.at))).label("first_at"),
        )
        .group_by(opens.c.send_id)
        .subquery()
    )
    by = case((opened.c.human == "human", "human"), (opened.c.send_id.is_not(None), "machine"))
    return (
        select(
            _id(sends.c.id, dialect).label("mail_id"),
            sends.c.campaign,
            sends.c.step,
            sends.c.topic,
            orders.c.shop,
            orders.c.shop_order_id,
            _PERSON.label("person_id"),
            sends.c.state,
            sends.c.reason,
            sends.c.created_at.label("planned_at"),
            sends.c.due_at,
            sends.c.sent_at,
            sends.c.config_version.label("campaign_version"),
            sends.c.configuration,
            sends.c.experiment,
            sends.c.variant,
            sends.c.template_version,
            sends.c.model_version,
            func.coalesce(clicked.c.human, 0).label("human_clicks"),
            func.coalesce(clicked.c.machine, 0).label("machine_clicks"),
            clicked.c.first_at.label("first_clicked_at"),
            by.label("opened_by"),
            opened.c.first_at.label("first_opened_at"),
        )
        .join(orders, orders.c.id == sends.c.order_id)
        .join(recipients, recipients.c.id == sends.c.recipient_id)
        .outerjoin(clicked, clicked.c.send_id == sends.c.id)
        .outerjoin(opened, opened.c.send_id == sends.c.id)
    )


def _clicks(dialect: str) -> Select[Any]:
    return (
        select(
            _id(clicks.c.send_id, dialect).label("mail_id"),
            clicks.c.position,
            links.c.url,
            clicks.c.at.label("clicked_at"),
            clicks.c.verdict,
            clicks.c.reason,
        )
        .select_from(clicks)
        .outerjoin(links, (links.c.send_id == clicks.c.send_id) & (links.c.position == clicks.c.position))
    )


def _credits(dialect: str) -> Select[Any]:
    return select(
        attributions.c.model,
        orders.c.shop,
        orders.c.shop_order_id,
        orders.c.placed_at.label("ordered_at"),
        _id(attributions.c.send_id, dialect).label("mail_id"),
        attributions.c.amount_minor,
        attributions.c.reversed_minor,
        (attributions.c.amount_minor - attributions.c.reversed_minor).label("net_minor"),
        attributions.c.currency,
    ).join(orders, orders.c.id == attributions.c.order_id)


def _orders() -> Select[Any]:
    return select(
        orders.c.shop,
        orders.c.shop_order_id,
        _PERSON.label("person_id"),
        orders.c.state,
        orders.c.placed_at.label("ordered_at"),
        orders.c.completed_at,
        orders.c.total_minor,
        orders.c.currency,
        orders.c.country,
        orders.c.imported,
    ).outerjoin(recipients, recipients.c.id == orders.c.recipient_id)


def _order_lines() -> Select[Any]:
    return select(
        orders.c.shop,
        orders.c.shop_order_id,
        order_lines.c.line_no,
        order_lines.c.sku,
        order_lines.c.title,
        order_lines.c.quantity,
        order_lines.c.unit_price_minor,
        orders.c.currency,
        orders.c.placed_at.label("ordered_at"),
    ).join(orders, orders.c.id == order_lines.c.order_id)


def _picks(dialect: str) -> Select[Any]:
    return select(
        _id(picks.c.send_id, dialect).label("mail_id"),
        picks.c.slot,
        picks.c.sku,
        picks.c.title,
        picks.c.because.label("because_sku"),
        picks.c.source,
        picks.c.score,
    )


def _decisions(dialect: str) -> Select[Any]:
    return select(
        decisions.c.at.label("decided_at"),
        decisions.c.stage,
        decisions.c.campaign,
        orders.c.shop,
        orders.c.shop_order_id,
        _id(decisions.c.send_id, dialect).label("mail_id"),
        decisions.c.outcome,
        decisions.c.reason,
        decisions.c.until,
    ).join(orders, orders.c.id == decisions.c.order_id)


def _arms() -> Select[Any]:
    return select(
        exposures.c.experiment,
        _PERSON.label("person_id"),
        exposures.c.arm,
        exposures.c.config_hash.label("campaign_version"),
        exposures.c.at.label("assigned_at"),
        exposures.c.counted_at,
    ).join(recipients, recipients.c.id == exposures.c.recipient_id)


def _pairs() -> Select[Any]:
    row = weekly_pairs.c
    counts = (row.mails, row.clicked, row.bought, row.refused, row.left_after)
    return select(row.week, row.campaign, row.because.label("because_sku"), row.sku, *counts)


def _recommendations() -> Select[Any]:
    row = weekly_sources.c
    counts = (row.mails, row.picks, row.clicked, row.bought)
    return select(row.week, row.model.label("model_version"), row.source, *counts, row.ndcg10, row.hr10)


def _domains() -> Select[Any]:
    row = weekly_domains.c
    at_the_door = (row.sent, row.refused, row.deferred)
    later = (row.delivered, row.bounced, row.hard_bounced, row.soft_bounced, row.complained)
    return select(row.week, row.domain, *at_the_door, *later)


def _cohorts() -> Select[Any]:
    row = cohort_days.c
    counts = (row.people, row.mails, row.clicked, row.leavers, row.orders, row.revenue_minor, row.currency)
    return select(row.basis, row.week, row.day, *counts)


def _id(column: ColumnElement[Any], dialect: str) -> ColumnElement[str]:
    """The id of a mail as everybody writes it, with hyphens; SQLite keeps it without."""
    if dialect != "sqlite":
        return cast(column, String)
    parts = [func.substr(column, start, length) for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))]
    return reduce(lambda written, part: written.op("||")(literal_column("'-'")).op("||")(part), parts[1:], parts[0])
