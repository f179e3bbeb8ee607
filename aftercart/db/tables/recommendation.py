"""Trained models, and how they fare."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field

from aftercart.db.tables.row import Row, core


class ModelVersion(Row, table=True):
    """A trained recommendation model. `state`: candidate, serving, retired. Files lie under the data folder."""

    __tablename__ = "model_versions"

    version: str = Field(primary_key=True)
    state: str
    trained_at: datetime
    data_until: datetime | None = None
    checksum: str
    facts: dict[str, Any] = Field(sa_type=JSON)


class MailedDay(Row, table=True):
    """The mails of a day (UTC) for which a version of the model chose. `anchors`: lines that they were about;
    `unknown_anchors`: those of products that the model had not seen. `first_picks`: first slots that the model itself
    filled, `first_score` the sum of their scores.
    """

    __tablename__ = "mailed_days"

    day: date = Field(primary_key=True)
    model: str = Field(primary_key=True)
    mails: int
    anchors: int
    unknown_anchors: int
    first_picks: int
    first_score: float


class MailedProduct(Row, table=True):
    """How often a product was shown by the mails of a day, and who had chosen it (`recommendation/request.py`)."""

    __tablename__ = "mailed_products"

    day: date = Field(primary_key=True)
    source: str = Field(primary_key=True)
    sku: str = Field(primary_key=True)
    picks: int


model_versions = core(ModelVersion)
mailed_days = core(MailedDay)
mailed_products = core(MailedProduct)
