"""what others are told: outlets, the outbox, and the browser that an order came from"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

DUE = sa.text("due_at IS NOT NULL")
ENDED = sa.text("ended_at IS NOT NULL")


def upgrade() -> None:
    text, instant = sqlmodel.sql.sqltypes.AutoString, sqlmodel.sql.sqltypes.UTCDateTime
    op.create_table(
        "outlets",
        sa.Column("name", text(), nullable=False),
        sa.Column("happenings", sa.Text(), nullable=False),
        sa.Column("since", instant(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", instant(), nullable=True),
        sa.Column("rests_until", instant(), nullable=True),
        sa.Column("disabled_at", instant(), nullable=True),
        sa.Column("held_until", instant(), nullable=True),
        sa.Column("told_at", instant(), nullable=True),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_outlets")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("outlet", text(), nullable=False),
        sa.Column("happening", text(), nullable=False),
        sa.Column("fact_key", text(), nullable=False),
        sa.Column("recipient_id", sa.Integer(), nullable=False),
        sa.Column("send_id", sa.Uuid(), nullable=True),
        sa.Column("about_id", sa.Integer(), nullable=True),
        sa.Column("topic", text(), nullable=False),
        sa.Column("happened_at", instant(), nullable=False),
        sa.Column("due_at", instant(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("outcome", text(), nullable=False),
        sa.Column("ended_at", instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("outlet", "fact_key", name=op.f("uq_outbox_outlet_fact_key")),
    )
    op.add_column("orders", sa.Column("analytics_id", text(), nullable=True))
    op.create_index("ix_outbox_recipient_id", "outbox", ["recipient_id"])
    op.create_index("ix_outbox_due", "outbox", ["outlet", "due_at"], sqlite_where=DUE, postgresql_where=DUE)
    op.create_index("ix_outbox_ended", "outbox", ["ended_at"], sqlite_where=ENDED, postgresql_where=ENDED)


def downgrade() -> None:
    op.drop_column("orders", "analytics_id")
    op.drop_table("outbox")
    op.drop_table("outlets")
