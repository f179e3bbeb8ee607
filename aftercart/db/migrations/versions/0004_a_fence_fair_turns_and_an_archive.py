"""a fence against copies of the database, an index by which campaigns take turns, an archive, and kept counts"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

from aftercart.db.packing import put_back

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WAITS = sa.text("state = 'scheduled'")


def upgrade() -> None:
    op.create_table(
        "fence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("place", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("beats", sa.BigInteger(), nullable=False),
        sa.Column("beat_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("held_because", sa.Text(), nullable=True),
        sa.Column("held_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("doubt_until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fence")),
    )
    op.create_index("ix_sends_turn", "sends", ["campaign", "wake_at"], sqlite_where=WAITS, postgresql_where=WAITS)
    op.create_table(
        "archives",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("archived_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_archives_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archives")),
    )
    op.create_index("ix_archives_order_id", "archives", ["order_id"])
    op.create_table(
        "tallies",
        sa.Column("what", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("what", "state", "reason", name=op.f("pk_tallies")),
    )


def downgrade() -> None:
    """What was archived is put back first: the version before this one looks for it where it was."""
    put_back(op.get_bind())
    op.drop_table("tallies")
    op.drop_table("archives")
    op.drop_index("ix_sends_turn", table_name="sends")
    op.drop_table("fence")
