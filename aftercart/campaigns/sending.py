"""`senders` of the brand file: how much each sender may be given."""

from collections.abc import Iterable
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema, field_validator

from aftercart.campaigns.part import Part
from aftercart.campaigns.written import Host, Rate
from aftercart.delivery.address import wire_address
from aftercart.delivery.limits.quota import DEFAULT_WARM_UP, UNLIMITED, Limit, Limits, Mailboxes, WarmUp


def _one_a_window(limits: tuple[Limit, ...]) -> tuple[Limit, ...]:
    windows = [limit.per for limit in limits]
    if twice := [per for per in dict.fromkeys(windows) if windows.count(per) > 1]:
        raise ValueError(f"names two limits per {twice[0]}; only the smaller could ever hold, so leave the other out")
    return limits


def _never_shrinking(mails: tuple[int, ...]) -> tuple[int, ...]:
    if any(later < earlier for earlier, later in pairwise(mails)):
        raise ValueError("the mails of a day may not be fewer than those of the day before; sort them")
    return mails


def _domain(text: Any) -> str:
    try:
        return wire_address(f"somebody@{str(text).strip().lower()}").partition("@")[2]
    except ValueError as err:
        raise ValueError(f"{text!r} is no domain; write what stands behind the @, as gmail.com") from err


Rates = Annotated[tuple[Rate, ...], AfterValidator(_one_a_window)]
Domain = Annotated[Host, AfterValidator(_domain)]


class MailboxLimits(Part):
    """Limits for what goes to some domains of recipients."""

    domains: tuple[Domain, ...] = Field(
        min_length=1,
        description="What stands behind the @ of the recipients; the limits hold for all of these domains together.",
        examples=[["gmail.com", "googlemail.com"]],
    )
    limits: Rates = Field(
        min_length=1,
        description="Mails to these domains, by the second, the hour and the day.",
        examples=[["20 per second"]],
    )


class WarmUpPlan(Part):
    """A limit by the day that grows, for a domain or an IP address that has sent nothing before."""

    since: Annotated[date, WithJsonSchema({"type": "string", "format": "date"})] = Field(
        description="The first day (UTC).", examples=["2026-03-01"]
    )
    per_day: Annotated[tuple[Annotated[int, Field(ge=1)], ...], AfterValidator(_never_shrinking)] = Field(
        default=DEFAULT_WARM_UP,
        min_length=1,
        description="Mails on the first day, the second and so on; afterwards this limit ends. Left out: 50, 100, 200, "
        "400, 800, 1500, 3000, 6000, 10000, 15000, 25000, 40000, 60000, 100000.",
        examples=[[500, 1000, 2000]],
    )


class SenderLimits(Part):
    """How much a sender may be given."""

    name: str | None = Field(
        default=None,
        min_length=1,
        description="The sender as `aftercart senders` names it; left out: every sender that has no entry of its own.",
        examples=["smtp:mail.example.com"],
    )
    limits: Rates = Field(
        default=(),
        description="Mails by the second, the hour and the day, of all workers together. By the second it is waited "
        "for; once an hour's or a day's are used up, the next sender takes over.",
        examples=[["14 per second", "50000 per day"]],
    )
    warm_up: WarmUpPlan | None = Field(default=None, description="For a new domain: a limit by the day that grows.")
    mailboxes: tuple[MailboxLimits, ...] = Field(
        default=(), description="Limits for some domains of recipients, beside those for all."
    )

    @field_validator("mailboxes")
    @classmethod
    def _each_domain_once(cls, value: tuple[MailboxLimits, ...]) -> tuple[MailboxLimits, ...]:
        named = [domain for mailboxes in value for domain in mailboxes.domains]
        if twice := [domain for domain in dict.fromkeys(named) if named.count(domain) > 1]:
            raise ValueError(f"{twice[0]} stands there twice; name each domain once")
        return value

    @cached_property
    def for_delivery(self) -> Limits:
        """As the delivery room takes it; asked for every mail."""
        mailboxes = [Mailboxes(part.domains, part.limits) for part in self.mailboxes]
        return Limits(
            limits=self.limits,
            warm_up=WarmUp(self.warm_up.since, self.warm_up.per_day) if self.warm_up else None,
            mailboxes={domain: one for one in mailboxes for domain in one.domains},
        )


def limits_of(entries: Iterable[SenderLimits], name: str) -> Limits:
    """What holds for a sender: its own entry, else the one without a name."""
    by_name = {entry.name: entry for entry in entries}
    entry = by_name.get(name) or by_name.get(None)
    return entry.for_delivery if entry else UNLIMITED
