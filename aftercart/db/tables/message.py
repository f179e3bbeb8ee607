"""What a mail says: its products, its words, where its links lead."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, LargeBinary, Text
from sqlmodel import Field

from aftercart.db.tables.row import Row, core


class Pick(Row, table=True):
    """A product chosen for a slot of a send, and why. `source`: who chose it (`recommendation/request.py`)."""

    __tablename__ = "picks"

    send_id: UUID = Field(primary_key=True, foreign_key="sends.id")
    slot: int = Field(primary_key=True)
    sku: str
    title: str = Field(sa_type=Text)
    because: str
    source: str
    score: float
    evidence: dict[str, Any] = Field(sa_type=JSON)


class TemplateVersion(Row, table=True):
    """A template as it was compiled for a locale (`version` is its hash): with it a copy becomes a mail again."""

    __tablename__ = "template_versions"

    version: str = Field(primary_key=True)
    name: str
    locale: str
    html: str = Field(sa_type=Text)
    first_seen_at: datetime


class Copy(Row, table=True):
    """What the template of a send was filled with, compressed: the mail can be looked at in a browser.

    It goes when the order of its send is archived.
    """

    __tablename__ = "copies"

    send_id: UUID = Field(primary_key=True, foreign_key="sends.id")
    content: bytes = Field(sa_type=LargeBinary)


class Link(Row, table=True):
    """Where a signed link of a send leads. The URL never stands in the request."""

    __tablename__ = "links"

    send_id: UUID = Field(primary_key=True, foreign_key="sends.id")
    position: int = Field(primary_key=True)
    url: str = Field(sa_type=Text)


picks = core(Pick)
template_versions = core(TemplateVersion)
copies = core(Copy)
links = core(Link)
