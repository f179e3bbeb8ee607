"""what is tried in a step: the arm of each send, and since when a person counts"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TRIED = sa.text("experiment IS NOT NULL")


def upgrade() -> None:
    op.add_column("sends", sa.Column("experiment", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.add_column("sends", sa.Column("variant", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.create_index(
        "ix_sends_experiment", "sends", ["experiment", "variant"], sqlite_where=TRIED, postgresql_where=TRIED
    )
    op.add_column("exposures", sa.Column("counted_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
    op.execute("UPDATE exposures SET counted_at = at")  # so far there were only holdouts: drawn where they count


def downgrade() -> None:
    op.drop_column("exposures", "counted_at")
    op.drop_index("ix_sends_experiment", table_name="sends")
    op.drop_column("sends", "variant")
    op.drop_column("sends", "experiment")
