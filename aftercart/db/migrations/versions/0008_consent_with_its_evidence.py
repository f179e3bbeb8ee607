"""suppressions of a topic"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BEFORE, NOW = ("email", "scope", "reason"), ("email", "scope", "topic", "reason")
"""What makes a suppression one of its kind."""


def upgrade() -> None:
    op.execute("UPDATE suppressions SET scope = 'brand' WHERE scope = 'marketing'")
    with op.batch_alter_table("suppressions") as suppressions:
        topic = sa.Column("topic", sqlmodel.sql.sqltypes.AutoString(), nullable=False, server_default="")
        suppressions.add_column(topic)
        suppressions.drop_constraint(_name(BEFORE), type_="unique")
        suppressions.create_unique_constraint(_name(NOW), list(NOW))
    with op.batch_alter_table("suppressions") as suppressions:
        suppressions.alter_column("topic", server_default=None)


def downgrade() -> None:
    """Who left a topic has left everything then: the version before this one knows no topics."""
    op.execute("UPDATE suppressions SET scope = 'marketing' WHERE scope IN ('brand', 'topic')")
    twice = "SELECT min(id) FROM suppressions GROUP BY email, scope, reason"
    op.execute(f"DELETE FROM suppressions WHERE id NOT IN ({twice})")
    with op.batch_alter_table("suppressions") as suppressions:
        suppressions.drop_constraint(_name(NOW), type_="unique")
        suppressions.drop_column("topic")
        suppressions.create_unique_constraint(_name(BEFORE), list(BEFORE))


def _name(columns: tuple[str, ...]) -> str:
    return "_".join(("uq", "suppressions", *columns))
