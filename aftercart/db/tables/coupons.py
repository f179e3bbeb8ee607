"""Codes that a shop has given us to hand out."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy import text as sql
from sqlmodel import Field

from aftercart.db.tables.row import Row, core


class Coupon(Row, table=True):
    """One code, of one `pool`. `send_id`: the mail that it was given to, at `given_at`; a mail has one at most.

    Once given it is given to no other mail, unless that mail ended without having left. Of somebody who was erased
    `given_at` stays, so that the code is given to nobody else.
    """

    __tablename__ = "coupons"
    __table_args__ = (
        Index(
            "ix_coupons_left",
            "pool",
            "id",
            sqlite_where=sql("given_at IS NULL"),
            postgresql_where=sql("given_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    pool: str = Field(index=True)
    code: str = Field(unique=True)
    expires_at: datetime | None = None
    imported_at: datetime
    given_at: datetime | None = None
    send_id: UUID | None = Field(default=None, foreign_key="sends.id", unique=True)


coupons = core(Coupon)
