"""how recommendations fare, day by day; mails are found by when they left, and customers by their shop's id alone"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None

SENT = sa.text("sent_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "mailed_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("model", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("mails", sa.Integer(), nullable=False),
        sa.Column("anchors", sa.Integer(), nullable=False),
        sa.Column("unknown_anchors", sa.Integer(), nullable=False),
        sa.Column("first_picks", sa.Integer(), nullable=False),
        sa.Column("first_score", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("day", "model", name=op.f("pk_mailed_days")),
    )
    op.create_table(
        "mailed_products",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("source", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("sku", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("picks", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "source", "sku", name=op.f("pk_mailed_products")),
    )
    op.create_index("ix_sends_sent", "sends", ["sent_at"], sqlite_where=SENT, postgresql_where=SENT)
    op.create_index("ix_customers_shop_customer_id", "customers", ["shop_customer_id"])


def downgrade() -> None:
    op.drop_index("ix_customers_shop_customer_id", table_name="customers")
    op.drop_index("ix_sends_sent", table_name="sends")
    op.drop_table("mailed_products")
    op.drop_table("mailed_days")
