"""Why a mail that is planned will say something else than when it was planned.

Its step was edited, or what its reader gets of its template (the layout, an include, the words of their language), or
what the brand file puts into every mail. Of what was planned before configurations were kept only the step is known.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, Row, select

from aftercart.campaigns.schema import Campaign, Step
from aftercart.campaigns.written import Holdout
from aftercart.db.tables import campaign_versions, configurations, preferences, recipients
from aftercart.pipeline.planning.configuration import Configuration
from aftercart.pipeline.planning.own import OWN_LOCALE
from aftercart.pipeline.planning.withheld import Shares
from aftercart.rendering.authoring.locales import DEFAULT, known_locale
from aftercart.rendering.authoring.words import nearest

VERSIONS = select(campaign_versions).order_by(campaign_versions.c.first_seen_at, campaign_versions.c.version)
"""The oldest first."""
_STANDS_IN_MAILS = frozenset(
    {
        "name",
        "sender",
        "reply_to",
        "postal_address",
        "locale",
        "currency",
        "url",
        "link_hosts",
        "color",
        "logo_url",
        "font",
        "opens",
    }
)
_SHARE = TypeAdapter[float](Holdout)
_HOLDS = "paused"
"""A pause is no edit."""


class Cause(StrEnum):
    """What was edited."""

    STEP = "step"
    TEMPLATE = "template"
    BRAND = "brand"


class Tried(NamedTuple):
    """The experiment and the arm of a mail, where it has any."""

    experiment: str | None
    variant: str | None

    @classmethod
    def of(cls, mail: Any) -> "Tried":
        """As the mail is planned."""
        return cls(mail.experiment, mail.variant)


@dataclass(frozen=True)
class Before:
    """What was in force when mails were planned, as far as it is known."""

    steps: Mapping[tuple[str, str, str], Step]
    """By campaign, version and id; without those that this program cannot read any more."""
    configurations: Mapping[str, Row[Any]]
    holdouts: Mapping[tuple[str, str], float]
    """By campaign and version."""

    def shares(self, mail: Any) -> Shares | None:
        """What was held out when a mail was planned."""
        was = self.configurations.get(mail.configuration)
        share = self.holdouts.get((mail.campaign, mail.config_version))
        if was is None or share is None:
            return None
        return Shares(_SHARE.validate_python(was.brand.get("holdout", 0)), share)

    def brand_differs(self, mail: Any, current: Configuration, among: frozenset[str] | None = None) -> bool:
        """Whether the brand file says something else now. `among`: only these keys matter."""
        was = self.configurations.get(mail.configuration)
        if was is None or mail.configuration == current.version:
            return False
        keys = (among or was.brand.keys() | current.brand.keys()) - {_HOLDS}
        return any(was.brand.get(key) != current.brand.get(key) for key in keys)

    def causes(
        self, mail: Any, campaign: Campaign, current: Configuration, locale: str, tried: Tried
    ) -> frozenset[Cause]:
        """Why this mail will say something else. `locale`: its reader's. `tried`: as what it will go."""
        return frozenset(self._causes(mail, campaign, current, locale, tried))

    def _causes(
        self, mail: Any, campaign: Campaign, current: Configuration, locale: str, tried: Tried
    ) -> Iterator[Cause]:
        if mail.configuration == current.version:
            return
        step = next((step for step in campaign.steps if step.id == mail.step), None)
        was_step = self.steps.get((mail.campaign, mail.config_version, mail.step))
        now = _as_tried(step, mail.campaign, tried) if step else None
        if now and was_step and _content(_as_tried(was_step, mail.campaign, Tried.of(mail))) != _content(now):
            yield Cause.STEP
        was = self.configurations.get(mail.configuration)
        if was is None or now is None:
            return
        template = now.template
        spoken = current.campaigns.brand.locale
        if template in was.templates:
            before = _read(was.templates[template], locale, was.brand["locale"])
            if before != _read(current.templates.get(template, {}), locale, spoken):
                yield Cause.TEMPLATE
        if self.brand_differs(mail, current, _STANDS_IN_MAILS):
            yield Cause.BRAND


def before(connection: Connection) -> Before:
    """All that is kept of it."""
    steps: dict[tuple[str, str, str], Step] = {}
    holdouts: dict[tuple[str, str], float] = {}
    for row in connection.execute(VERSIONS):
        with suppress(ValidationError):
            holdouts[row.campaign, row.version] = _SHARE.validate_python(row.definition.get("holdout", 0))
        for step in row.definition["steps"]:
            with suppress(ValidationError):
                steps[row.campaign, row.version, step["id"]] = Step.model_validate(step)
    return Before(steps, {row.version: row for row in connection.execute(select(configurations))}, holdouts)


def locales_of(connection: Connection, recipient_ids: set[int]) -> dict[int, str]:
    """What these people read."""
    query = select(recipients.c.id, OWN_LOCALE).outerjoin(preferences, preferences.c.recipient_id == recipients.c.id)
    return {id_: locale or "" for id_, locale in connection.execute(query.where(recipients.c.id.in_(recipient_ids)))}


def _as_tried(step: Step, campaign: str, tried: Tried) -> Step:
    """As the arm of a mail has it."""
    if step.experiment is None or tried.variant is None:
        return step
    return step.varied(tried.variant) if tried.experiment == str(step.experiment.key(campaign, step.id)) else step


def _content(step: Step) -> tuple[object, ...]:
    """What decides in the step what a mail says."""
    return step.template, step.subject, step.recommend, step.coupon


def _read(edition: Mapping[str, str], reader: str, brand: str) -> str | None:
    """The digits of what a reader gets: in their language, else in the brand's, else in English."""
    if "" in edition:
        return edition[""]
    known = (nearest(edition, known_locale(locale)) for locale in (reader, brand, DEFAULT))
    return edition.get(next(filter(None, known), min(edition, default="")))
