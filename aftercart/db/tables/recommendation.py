"""Trained models."""

from datetime import datetime
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


model_versions = core(ModelVersion)
