"""what a product cost before, and what its buyers think of it"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("products") as products:
        products.add_column(sa.Column("compare_at_minor", sa.BigInteger(), nullable=True))
        products.add_column(sa.Column("rating", sa.Float(), nullable=True))
        products.add_column(sa.Column("rating_count", sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("products") as products:
        products.drop_column("rating_count")
        products.drop_column("rating")
        products.drop_column("compare_at_minor")
