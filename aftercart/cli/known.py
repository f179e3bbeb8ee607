"""Names that somebody types for a command: where there is none, the one that was probably meant is said."""

from collections.abc import Collection
from difflib import get_close_matches
from typing import TYPE_CHECKING
from uuid import UUID

import typer

if TYPE_CHECKING:
    from sqlalchemy import Connection

EVENT_STATES = ("failed", "replaced", "ignored", "processed", "pending", "asked")


def known_reason(name: str | None) -> str | None:
    """The same name. Raises BadParameter where no send can have that reason."""
    from aftercart.policy.reason import Reason

    if name is not None and name not in set(Reason):
        raise typer.BadParameter(f"{name} is no reason: {_hint(name, list(Reason))}")
    return name


def known_event_state(name: str | None) -> str | None:
    """The same name. Raises BadParameter where no webhook can be in that state."""
    if name is not None and name not in EVENT_STATES:
        raise typer.BadParameter(f"{name} is no state of a webhook: {_hint(name, EVENT_STATES)}")
    return name


def known_shop(name: str) -> str:
    """The same name. Raises BadParameter where no such shop can send webhooks: they would never match its orders."""
    from aftercart.intake.shops import open_shops

    if name not in (known := open_shops()):
        raise typer.BadParameter(f"{name} is no shop: {_hint(name, known)}")
    return name


def look_up_campaign(connection: "Connection", name: str | None) -> None:
    """Raises BadParameter where no mail of that campaign was ever planned."""
    from aftercart.reports.earned.report import campaigns_with_mails

    if name is not None and name not in (known := campaigns_with_mails(connection)):
        raise typer.BadParameter(f"no mail of a campaign {name} was ever planned: {_hint(name, known)}")


def known_topic(name: str) -> str:
    """The same name. Raises BadParameter where no mail is about it, and ConfigError where campaigns cannot be read."""
    if name not in (known := all_topics()):
        raise typer.BadParameter(f"no mail is about {name}: {_hint(name, known)}")
    return name


def all_topics() -> list[str]:
    """What mails of this installation may be about. Raises ConfigError where campaigns cannot be read."""
    from aftercart.campaigns.loader import load_campaigns
    from aftercart.settings import read_settings

    settings = read_settings()
    campaigns = load_campaigns(settings.campaigns_dir, settings.templates_dir)
    about = {campaign.topic for campaign in campaigns.by_name.values()}
    return sorted(about | {topic.id for topic in campaigns.brand.topics})


def an_id(text: str) -> UUID:
    """Raises BadParameter where the text is no id."""
    try:
        return UUID(text)
    except ValueError as err:
        hint = "a send has one like 01a21bb0-eada-723d-9b82-4f625b24e7f6; `aftercart sends` lists them"
        raise typer.BadParameter(f"{text} is no id: {hint}") from err


def _hint(name: str, known: Collection[str]) -> str:
    if near := get_close_matches(name, known, n=1):
        return f"did you mean {near[0]}?"
    return f"there are {', '.join(known)}" if known else "there is none yet"
