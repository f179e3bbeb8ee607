"""topics: what a mail is about"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    text = sqlmodel.sql.sqltypes.AutoString
    op.add_column("sends", sa.Column("topic", text(), server_default="recommendations", nullable=False))


def downgrade() -> None:
    op.drop_column("sends", "topic")
