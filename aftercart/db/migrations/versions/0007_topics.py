"""topics: what a mail is about; and which addresses are those of one person"""

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
    op.add_column("recipients", sa.Column("merged_into", sa.Integer(), nullable=True))
    op.create_index("ix_recipients_merged_into", "recipients", ["merged_into"])


def downgrade() -> None:
    op.drop_index("ix_recipients_merged_into", table_name="recipients")
    op.drop_column("recipients", "merged_into")
    op.drop_column("sends", "topic")
