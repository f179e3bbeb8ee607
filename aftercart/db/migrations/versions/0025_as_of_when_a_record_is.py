"""as of when what a shop told of a customer is, so that a late, older word changes nothing"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("recipients", "customers"):
        op.add_column(table, sa.Column("source_updated_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))


def downgrade() -> None:
    for table in ("recipients", "customers"):
        op.drop_column(table, "source_updated_at")
