"""which weeks were counted for cohorts, so that those that a stop has left out are counted once it is over"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "counted_cohorts",
        sa.Column("week", sa.Date(), nullable=False),
        sa.Column("counted_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("week", name=op.f("pk_counted_cohorts")),
    )
    # Where no day of a week was counted, it is not known whether nothing happened or nobody counted: it is counted now.
    op.execute(
        "INSERT INTO counted_cohorts (week, counted_at) SELECT week, counted_at FROM counted_weeks WHERE EXISTS "
        f"(SELECT 1 FROM cohort_days WHERE day >= counted_weeks.week AND day < {_a_week_on()})"
    )


def _a_week_on() -> str:
    if op.get_bind().dialect.name == "sqlite":
        return "date(counted_weeks.week, '+7 days')"
    return "counted_weeks.week + 7"


def downgrade() -> None:
    op.drop_table("counted_cohorts")
