"""senders: how they stand, what they were given, and how far the dispatchers are"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    text, instant = sqlmodel.sql.sqltypes.AutoString, sqlmodel.sql.sqltypes.UTCDateTime
    op.create_table(
        "senders",
        sa.Column("name", text(), nullable=False),
        sa.Column("state", text(), nullable=False),
        sa.Column("faults", sa.Integer(), nullable=False),
        sa.Column("fault_at", instant(), nullable=True),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("openings", sa.Integer(), nullable=False),
        sa.Column("until", instant(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_senders")),
    )
    op.create_table(
        "sender_usage",
        sa.Column("sender", text(), nullable=False),
        sa.Column("scope", text(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("queued_until", instant(), nullable=True),
        sa.PrimaryKeyConstraint("sender", "scope", name=op.f("pk_sender_usage")),
    )
    op.create_table(
        "drain",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("paced_until", instant(), nullable=False),
        sa.Column("marked_until", instant(), nullable=True),
        sa.Column("last_turn", instant(), nullable=True),
        sa.Column("looked_at", instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drain")),
    )


def downgrade() -> None:
    for table in ("drain", "sender_usage", "senders"):
        op.drop_table(table)
