"""campaigns that pause themselves, and what shops tell of orders beside their versions"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    text, instant = sqlmodel.sql.sqltypes.AutoString, sqlmodel.sql.sqltypes.UTCDateTime
    op.create_table(
        "pauses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("scope", text(), nullable=False),
        sa.Column("name", text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("at", instant(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("lifted_at", instant(), nullable=True),
        sa.Column("lifted_by", text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pauses")),
    )
    op.create_table(
        "order_notes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shop", text(), nullable=False),
        sa.Column("shop_order_id", text(), nullable=False),
        sa.Column("kind", text(), nullable=False),
        sa.Column("note_key", text(), nullable=False),
        sa.Column("at", instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_notes")),
        sa.UniqueConstraint(
            "shop", "shop_order_id", "kind", "note_key", name=op.f("uq_order_notes_shop_shop_order_id_kind_note_key")
        ),
    )


def downgrade() -> None:
    op.drop_table("order_notes")
    op.drop_table("pauses")
