"""mails in doubt that their provider can clear up, and reports about no mail that are found to be forgotten"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

UNKNOWN, ABOUT_NOBODY = sa.text("state = 'unknown'"), sa.text("send_id IS NULL")


def upgrade() -> None:
    op.create_table(
        "doubts",
        sa.Column("send_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("provider", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("account", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("again_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["send_id"], ["sends.id"], name=op.f("fk_doubts_send_id_sends")),
        sa.PrimaryKeyConstraint("send_id", name=op.f("pk_doubts")),
    )
    op.create_index("ix_doubts_again_at", "doubts", ["again_at"])
    op.create_index("ix_sends_unknown", "sends", ["id"], sqlite_where=UNKNOWN, postgresql_where=UNKNOWN)
    op.create_index(
        "ix_feedback_nobody", "feedback", ["heard_at"], sqlite_where=ABOUT_NOBODY, postgresql_where=ABOUT_NOBODY
    )


def downgrade() -> None:
    op.drop_index("ix_feedback_nobody", table_name="feedback")
    op.drop_index("ix_sends_unknown", table_name="sends")
    op.drop_index("ix_doubts_again_at", table_name="doubts")
    op.drop_table("doubts")
