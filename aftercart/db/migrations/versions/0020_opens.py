"""mails that were opened, where a shop chose to count it"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    text = sqlmodel.sql.sqltypes.AutoString
    op.create_table(
        "opens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("send_id", sa.Uuid(), nullable=False),
        sa.Column("recipient_id", sa.Integer(), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("verdict", text(), nullable=False),
        sa.Column("reason", text(), nullable=False),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipients.id"], name=op.f("fk_opens_recipient_id_recipients")),
        sa.ForeignKeyConstraint(["send_id"], ["sends.id"], name=op.f("fk_opens_send_id_sends")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opens")),
        sa.UniqueConstraint("send_id", "reason", name=op.f("uq_opens_send_id_reason")),
    )
    op.create_index("ix_opens_recipient_id", "opens", ["recipient_id"])


def downgrade() -> None:
    op.drop_table("opens")
