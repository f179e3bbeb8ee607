"""the configuration under which a mail was decided: brand file, campaigns and templates"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    text = sqlmodel.sql.sqltypes.AutoString
    op.create_table(
        "configurations",
        sa.Column("version", text(), nullable=False),
        sa.Column("brand", sa.JSON(), nullable=False),
        sa.Column("campaigns", sa.JSON(), nullable=False),
        sa.Column("templates", sa.JSON(), nullable=False),
        sa.Column("first_seen_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_configurations")),
    )
    op.add_column("sends", sa.Column("configuration", text(), nullable=True))


def downgrade() -> None:
    op.drop_column("sends", "configuration")
    op.drop_table("configurations")
