"""what came of the mails of each week, counted once for all who ask"""

from typing import Any

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0023"
down_revision = "0021"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_decisions_leave", "decisions", "at", "stage = 'leave'"),
    ("ix_sends_failed", "sends", "due_at", "state = 'failed'"),
)


def upgrade() -> None:
    op.create_table(
        "counted_weeks",
        sa.Column("week", sa.Date(), nullable=False),
        sa.Column("counted_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("week", name=op.f("pk_counted_weeks")),
    )
    _weekly("weekly_pairs", ("campaign", "because", "sku"), ("mails", "clicked", "bought", "refused", "left_after"))
    tested = [sa.Column(name, sa.Float(), nullable=True) for name in ("ndcg10", "hr10")]
    _weekly("weekly_sources", ("model", "source"), ("mails", "picks", "clicked", "bought"), *tested)
    told = ("refused", "deferred", "delivered", "bounced", "hard_bounced", "soft_bounced", "complained")
    _weekly("weekly_domains", ("domain",), ("sent", *told))
    money = sa.Column("revenue_minor", sa.BigInteger(), nullable=False)
    counts = ("people", "mails", "clicked", "leavers", "orders")
    _weekly("cohort_days", ("basis", "day", "currency"), counts, money, order=("basis", "week", "day", "currency"))
    for name, table, column, where in INDEXES:
        op.create_index(name, table, [column], sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _weekly(
    name: str, key: tuple[str, ...], counts: tuple[str, ...], *more: sa.Column[Any], order: tuple[str, ...] = ()
) -> None:
    of_days = {"week", "day"}
    text = sqlmodel.sql.sqltypes.AutoString
    order = order or ("week", *key)
    op.create_table(
        name,
        *(sa.Column(part, sa.Date() if part in of_days else text(), nullable=False) for part in order),
        *(sa.Column(count, sa.Integer(), nullable=False) for count in counts),
        *more,
        sa.PrimaryKeyConstraint(*order, name=op.f(f"pk_{name}")),
    )


def downgrade() -> None:
    for name, table, _, _ in INDEXES:
        op.drop_index(name, table_name=table)
    for name in ("cohort_days", "weekly_domains", "weekly_sources", "weekly_pairs", "counted_weeks"):
        op.drop_table(name)
