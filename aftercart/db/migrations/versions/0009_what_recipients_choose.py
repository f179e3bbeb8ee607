"""what recipients choose and refuse, and what their mails said"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    text, instant = sqlmodel.sql.sqltypes.AutoString(), sqlmodel.sql.sqltypes.UTCDateTime()
    op.create_table(
        "preferences",
        sa.Column("recipient_id", sa.Integer(), nullable=False),
        sa.Column("locale", text, nullable=False),
        sa.Column("time_zone", text, nullable=False),
        sa.Column("at_most", text, nullable=False),
        sa.Column("snoozed_until", instant, nullable=True),
        sa.Column("updated_at", instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["recipient_id"], ["recipients.id"], name=op.f("fk_preferences_recipient_id_recipients")
        ),
        sa.PrimaryKeyConstraint("recipient_id", name=op.f("pk_preferences")),
    )
    op.create_table(
        "refusals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("recipient_id", sa.Integer(), nullable=False),
        sa.Column("kind", text, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("why", text, nullable=False),
        sa.Column("at", instant, nullable=False),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipients.id"], name=op.f("fk_refusals_recipient_id_recipients")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refusals")),
        sa.UniqueConstraint("recipient_id", "kind", "value", name=op.f("uq_refusals_recipient_id_kind_value")),
    )
    op.create_table(
        "template_versions",
        sa.Column("version", text, nullable=False),
        sa.Column("name", text, nullable=False),
        sa.Column("locale", text, nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("first_seen_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_template_versions")),
    )
    op.create_table(
        "copies",
        sa.Column("send_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["send_id"], ["sends.id"], name=op.f("fk_copies_send_id_sends")),
        sa.PrimaryKeyConstraint("send_id", name=op.f("pk_copies")),
    )


def downgrade() -> None:
    for table in ("copies", "template_versions", "refusals", "preferences"):
        op.drop_table(table)
