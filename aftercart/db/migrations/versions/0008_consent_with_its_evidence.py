"""consent with its evidence, suppressions of a topic, confirmations, and claims of rights that wait"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TEXT = sqlmodel.sql.sqltypes.AutoString
INSTANT = sqlmodel.sql.sqltypes.UTCDateTime
OPEN = sa.text("state IN ('scheduled', 'sending')")
ASKED = sa.text("state = 'asked'")
BEFORE, NOW = ("email", "scope", "reason"), ("email", "scope", "topic", "reason")
"""What makes a suppression one of its kind."""


def upgrade() -> None:
    with op.batch_alter_table("consents") as consents:
        consents.add_column(sa.Column("basis", TEXT(), nullable=False, server_default=""))
        consents.add_column(sa.Column("wording", sa.Text(), nullable=False, server_default=""))
        consents.add_column(sa.Column("ip", TEXT(), nullable=False, server_default=""))
        consents.add_column(sa.Column("undated", sa.Boolean(), nullable=False, server_default=sa.false()))
        consents.add_column(sa.Column("expires_at", INSTANT(), nullable=True))
    with op.batch_alter_table("consents") as consents:
        for name in ("basis", "wording", "ip", "undated"):
            consents.alter_column(name, server_default=None)
    op.execute("UPDATE suppressions SET scope = 'brand' WHERE scope = 'marketing'")
    with op.batch_alter_table("suppressions") as suppressions:
        suppressions.add_column(sa.Column("topic", TEXT(), nullable=False, server_default=""))
        suppressions.drop_constraint(_name(BEFORE), type_="unique")
        suppressions.create_unique_constraint(_name(NOW), list(NOW))
    with op.batch_alter_table("suppressions") as suppressions:
        suppressions.alter_column("topic", server_default=None)
    op.create_table(
        "confirmations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recipient_id", sa.Integer(), nullable=False),
        sa.Column("state", TEXT(), nullable=False),
        sa.Column("reason", TEXT(), nullable=True),
        sa.Column("wake_at", INSTANT(), nullable=False),
        sa.Column("valid_until", INSTANT(), nullable=False),
        sa.Column("lease_until", INSTANT(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT(), nullable=False),
        sa.Column("sent_at", INSTANT(), nullable=True),
        sa.Column("confirmed_at", INSTANT(), nullable=True),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipients.id"], name="fk_confirmations_recipient_id_recipients"),
        sa.PrimaryKeyConstraint("id", name="pk_confirmations"),
    )
    op.create_index("ix_confirmations_recipient_id", "confirmations", ["recipient_id"])
    op.create_index("ix_confirmations_wake", "confirmations", ["wake_at"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_index("ix_events_asked", "events", ["received_at"], sqlite_where=ASKED, postgresql_where=ASKED)


def downgrade() -> None:
    """Who left a topic has left everything then: the version before this one knows no topics."""
    op.execute("UPDATE events SET state = 'ignored' WHERE state = 'asked'")
    op.drop_index("ix_events_asked", table_name="events")
    op.drop_table("confirmations")
    op.execute("UPDATE suppressions SET scope = 'marketing' WHERE scope IN ('brand', 'topic')")
    twice = "SELECT min(id) FROM suppressions GROUP BY email, scope, reason"
    op.execute(f"DELETE FROM suppressions WHERE id NOT IN ({twice})")
    with op.batch_alter_table("suppressions") as suppressions:
        suppressions.drop_constraint(_name(NOW), type_="unique")
        suppressions.drop_column("topic")
        suppressions.create_unique_constraint(_name(BEFORE), list(BEFORE))
    with op.batch_alter_table("consents") as consents:
        for name in ("expires_at", "undated", "ip", "wording", "basis"):
            consents.drop_column(name)


def _name(columns: tuple[str, ...]) -> str:
    return "_".join(("uq", "suppressions", *columns))
