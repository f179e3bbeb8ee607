"""what a product costs the shop, so that a campaign can ask for a margin"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("products") as products:
        products.add_column(sa.Column("cost_minor", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("products") as products:
        products.drop_column("cost_minor")
