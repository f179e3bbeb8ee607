"""What one currency was worth in another."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field

from aftercart.db.tables.row import Row, core


class RateTable(Row, table=True):
    """A table of rates as the shop gave it: by currency, `[day, worth of one unit in "into"]`. Never changed."""

    __tablename__ = "rate_tables"

    id: int | None = Field(default=None, primary_key=True)
    version: str = Field(unique=True)
    into: str
    rates: dict[str, Any] = Field(sa_type=JSON)
    imported_at: datetime


rate_tables = core(RateTable)
