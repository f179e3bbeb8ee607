"""codes that a shop has given us to hand out"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

LEFT = sa.text("given_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "coupons",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("pool", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("code", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("expires_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("imported_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("given_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("send_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["send_id"], ["sends.id"], name=op.f("fk_coupons_send_id_sends")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coupons")),
        sa.UniqueConstraint("code", name=op.f("uq_coupons_code")),
        sa.UniqueConstraint("send_id", name=op.f("uq_coupons_send_id")),
    )
    op.create_index("ix_coupons_pool", "coupons", ["pool"])
    op.create_index("ix_coupons_left", "coupons", ["pool", "id"], sqlite_where=LEFT, postgresql_where=LEFT)


def downgrade() -> None:
    op.drop_index("ix_coupons_left", table_name="coupons")
    op.drop_index("ix_coupons_pool", table_name="coupons")
    op.drop_table("coupons")
