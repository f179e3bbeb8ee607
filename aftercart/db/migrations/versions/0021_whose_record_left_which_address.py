"""whose record left which address, so that a yes goes along with it and with nobody else"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

# Until now it was only known which addresses are one person's. Where one customer alone has them all, they came from
# the others to the one that they have; where several do, nobody can tell any more, and in doubt no yes goes along.
_LEFT_BY_THEIR_ONLY_CUSTOMER = """
    INSERT INTO address_moves (customer_id, recipient_id, at)
    SELECT single.customer_id, address.id, MAX(consents.at)
    FROM (
        SELECT COALESCE(own.merged_into, own.id) AS person, MIN(customers.id) AS customer_id, MIN(own.id) AS own_id
        FROM customers JOIN recipients own ON own.id = customers.recipient_id
        GROUP BY COALESCE(own.merged_into, own.id) HAVING COUNT(*) = 1
    ) single
    JOIN (SELECT id, COALESCE(merged_into, id) AS person FROM recipients) address ON address.person = single.person
    JOIN consents ON consents.recipient_id = address.id
    WHERE address.id <> single.own_id
    GROUP BY single.customer_id, address.id
"""


def upgrade() -> None:
    op.create_table(
        "address_moves",
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("recipient_id", sa.Integer(), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_address_moves_customer_id_customers")),
        sa.ForeignKeyConstraint(
            ["recipient_id"], ["recipients.id"], name=op.f("fk_address_moves_recipient_id_recipients")
        ),
        sa.PrimaryKeyConstraint("customer_id", "recipient_id", name=op.f("pk_address_moves")),
    )
    op.create_index("ix_address_moves_recipient_id", "address_moves", ["recipient_id"])
    op.execute(_LEFT_BY_THEIR_ONLY_CUSTOMER)


def downgrade() -> None:
    op.drop_table("address_moves")
