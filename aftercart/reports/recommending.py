"""How recommendations fare: what was mailed in the last seven days and today, as it was last counted
(`aftercart/pipeline/learning/survey.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, or_, select

from aftercart.db.tables import mailed_days, mailed_products, model_versions, products
from aftercart.recommendation.asking.request import Source

LATELY = timedelta(days=7)
FEWEST = 30
"""Of fewer mails a mean score says nothing."""


@dataclass(frozen=True, slots=True)
class Recommending:
    """`picks` by who chose them. None: nothing to divide by, or too few to say.

    `coverage`: of the products on sale, the share that any mail showed. `fallback_share`: of the picks, but those that
    a campaign pinned, the ones that not the model chose. `unknown_share`: of what mails were about, the lines of
    products that the model has not seen.
    `score_drift`: how far the first picks' scores by the version that serves lie above those at its training, in
    standard deviations of the latter.
    """

    picks: Mapping[str, int]
    coverage: float | None
    fallback_share: float | None
    unknown_share: float | None
    score_drift: float | None


def recommending(connection: Connection, now: datetime) -> Recommending:
    """As of the last count."""
    since = (now - LATELY).astimezone(UTC).date()
    by_source = select(mailed_products.c.source, func.sum(mailed_products.c.picks)).where(
        mailed_products.c.day >= since
    )
    picks = {source: int(n) for source, n in connection.execute(by_source.group_by(mailed_products.c.source))}
    lines = select(func.sum(mailed_days.c.anchors), func.sum(mailed_days.c.unknown_anchors))
    anchors, unknown = connection.execute(lines.where(mailed_days.c.day >= since)).one()
    total = sum(picks.values())
    ranked = total - picks.get(Source.PINNED, 0)
    return Recommending(
        picks=picks,
        coverage=_coverage(connection, since) if total else None,
        fallback_share=1 - picks.get(Source.LIGHTFM, 0) / ranked if ranked else None,
        unknown_share=int(unknown) / int(anchors) if anchors else None,
        score_drift=_drift(connection, since),
    )


def _coverage(connection: Connection, since: Any) -> float | None:
    on_sale = (products.c.published, or_(products.c.stock.is_(None), products.c.stock > 0))
    count = select(func.count()).select_from(products).where(*on_sale)
    shown = select(mailed_products.c.sku).where(mailed_products.c.day >= since)
    all_, mailed = (connection.execute(q).scalar_one() for q in (count, count.where(products.c.sku.in_(shown))))
    return mailed / all_ if all_ else None


def _drift(connection: Connection, since: Any) -> float | None:
    serving = select(model_versions.c.version, model_versions.c.facts).where(model_versions.c.state == "serving")
    row = connection.execute(serving.order_by(model_versions.c.trained_at.desc()).limit(1)).first()
    at_training = (row.facts.get("first_scores") if row else None) or {}
    if row is None or not at_training.get("deviation"):
        return None
    sums = select(func.sum(mailed_days.c.first_picks), func.sum(mailed_days.c.first_score))
    of_it = sums.where(mailed_days.c.day >= since, mailed_days.c.model == row.version)
    count, total = connection.execute(of_it).one()
    if not count or count < FEWEST:
        return None
    return float((total / int(count) - at_training["mean"]) / at_training["deviation"])
