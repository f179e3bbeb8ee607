"""what came of an attempt stands beside it; a claim names the boot of its machine"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
        batch_op.add_column(sa.Column("retry_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))

    with op.batch_alter_table("sends", schema=None) as batch_op:
        batch_op.add_column(sa.Column("boot_id", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
        batch_op.create_index(
            "ix_sends_lease",
            ["lease_until"],
            unique=False,
            sqlite_where=sa.text("lease_until IS NOT NULL"),
            postgresql_where=sa.text("lease_until IS NOT NULL"),
        )


def downgrade() -> None:
    # Never by making the table anew: other tables refer to it.
    with op.batch_alter_table("sends", schema=None, recreate="never") as batch_op:
        batch_op.drop_index("ix_sends_lease")
        batch_op.drop_column("boot_id")

    with op.batch_alter_table("attempts", schema=None, recreate="never") as batch_op:
        batch_op.drop_column("retry_at")
        batch_op.drop_column("reason")
