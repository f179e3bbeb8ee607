"""The shop that the mails come from, as `brand.yaml` says it: name, addresses, look, and limits for all campaigns."""

from collections.abc import Mapping
from difflib import get_close_matches
from email.utils import parseaddr
from functools import cached_property, lru_cache
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, field_validator

from aftercart.campaigns.guarding import GuardRule
from aftercart.campaigns.part import Part
from aftercart.campaigns.sending import SenderLimits
from aftercart.campaigns.topics import Topic
from aftercart.campaigns.written import (
    Address,
    Cap,
    Color,
    Currency,
    DayList,
    FontStack,
    Holdout,
    Host,
    LocaleName,
    NamedAddress,
    OpenDays,
    PositiveSpan,
    Url,
    Windows,
)
from aftercart.consent.standing import ConsentRules
from aftercart.delivery.address import wire_address
from aftercart.policy.days import NO_DAY
from aftercart.policy.zones import known_zone


def _zone(name: str) -> str:
    if known_zone(name):
        return name
    near = get_close_matches(name, available_timezones(), n=1)
    fix = f"did you mean {near[0]}?" if near else "write it as Europe/Paris"
    raise ValueError(f"{name!r} is no time zone; {fix}")


def _host_of(values: Mapping[str, Any]) -> tuple[str, ...]:
    return ((urlsplit(str(values.get("url", ""))).hostname or "").removeprefix("www."),)


class Brand(Part):
    """The brand file: one for all campaigns of a folder."""

    name: str = Field(
        min_length=1, description="Name of the shop, as its customers know it.", examples=["Example Bikes"]
    )
    sender: NamedAddress = Field(
        description="Who the mails come from. Your mail provider must be allowed to send for its domain.",
        examples=["Example Bikes <hello@example.com>"],
    )
    reply_to: Address | None = Field(
        default=None, description="Where answers go, if not to the sender.", examples=["service@example.com"]
    )
    postal_address: str = Field(
        min_length=10,
        description="Postal address of the shop, printed at the foot of every mail (the law asks for it).",
        examples=["1 Main Street, 75001 Paris, France"],
    )
    time_zone: Annotated[str, AfterValidator(_zone)] = Field(
        description="The shop's time zone, used for people whose own one is unknown.", examples=["Europe/Paris"]
    )
    locale: LocaleName = Field(
        default="en_US",
        description="The language that you write in, and a country: money and dates follow it, or the recipient's own "
        "locale where the template has its language.",
        examples=["en_US"],
    )
    currency: Currency = Field(
        "EUR",
        description="Currency of prices that come without one, as in product news from Shopify and WooCommerce.",
        examples=["EUR"],
    )
    url: Url = Field(description="The shop's home page.", examples=["https://www.example.com"])
    link_hosts: tuple[Host, ...] = Field(
        default_factory=_host_of,
        min_length=1,
        description="Hosts on which clicks are counted, each with its subdomains; without it that of `url`. A link to "
        "any other host works and is not counted.",
        examples=[["example.com"]],
    )
    color: Color = Field(
        default="#1f4b99", description="Color of buttons and headings, six digits.", examples=["#1f4b99"]
    )
    logo_url: Url | None = Field(
        default=None, description="Picture at the head of every mail.", examples=["https://www.example.com/logo.png"]
    )
    font: FontStack = Field(
        default="-apple-system, BlinkMacSystemFont, Segoe UI, Roboto, Helvetica, Arial, sans-serif",
        description="Fonts of the mails, the dearest first, without quotes; each has to be on the reader's machine. "
        "Outlook on Windows shows Arial whatever it says.",
        examples=["Georgia, Times New Roman, serif"],
    )
    opens: bool = Field(
        default=False,
        description="Whether marketing mails hold a picture that tells when they are opened. Ask your lawyer first: "
        "in the EU it needs the reader's consent. Nothing is decided on opens.",
        examples=[True],
    )
    topics: tuple[Topic, ...] = Field(
        default=(), description="What the mails are about, as people may choose from it. Without it any topic will do."
    )
    frequency_cap: tuple[Cap, ...] = Field(
        default=(), description="Caps that hold for every campaign, beside its own.", examples=[["2 per 7d"]]
    )
    quiet_hours: Windows | None = Field(
        default=None,
        description="Hours of the recipient's day in which nothing is sent, or a list of such hours, for campaigns "
        "that name none.",
        examples=["21:00-08:00"],
    )
    send_on: OpenDays | None = Field(
        default=None,
        description="The only days of the recipient's calendar on which mails go out, for campaigns that name none.",
        examples=[["mon", "tue", "wed", "thu", "fri"]],
    )
    not_on: DayList = Field(
        default=NO_DAY,
        description="Days on which no mail of any campaign goes out.",
        examples=[["2026-12-25", "2026-12-31 to 2027-01-02"]],
    )
    not_on_holidays: bool = Field(
        default=False,
        description="true: no mail on a public holiday of the recipient's country and region (needs the extra "
        "`holidays`), unless the campaign says false.",
        examples=[True],
    )
    holdout: Holdout = Field(
        default=0.0,
        description="Share of people who get nothing from any campaign, to measure them all.",
        examples=["5%"],
    )
    double_opt_in: bool = Field(
        default=False,
        description="Whether somebody who newly agrees gets one mail to confirm it, and no marketing mail before.",
        examples=[True],
    )
    implied_consent_expires: PositiveSpan | None = Field(
        default=None,
        description="How long a yes holds that was only implied by a purchase, or of which nobody says on what it "
        "rests. Canada's law ends it after two years: 730d. Without it such a yes holds until it is taken back.",
        examples=["730d"],
    )
    senders: tuple[SenderLimits, ...] = Field(
        default=(), description="How much each sender may be given; without it, as much as there is."
    )
    guard: GuardRule = Field(
        default=GuardRule(),
        description="When a campaign, or the brand, annoys too many people. It pauses itself then, until "
        "`aftercart resume`.",
    )
    paused: bool = Field(
        default=False,
        description="The kill switch: true holds every mail of every campaign, until it expires.",
        examples=[False],
    )

    @field_validator("topics")
    @classmethod
    def _each_topic_once(cls, value: tuple[Topic, ...]) -> tuple[Topic, ...]:
        ids = [topic.id for topic in value]
        if twice := [id_ for id_ in dict.fromkeys(ids) if ids.count(id_) > 1]:
            raise ValueError(f"the topic {twice[0]!r} stands there twice; name each topic once")
        return value

    @field_validator("senders")
    @classmethod
    def _each_sender_once(cls, value: tuple[SenderLimits, ...]) -> tuple[SenderLimits, ...]:
        names = [entry.name for entry in value]
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            whose = f"{twice[0]} has" if twice[0] else "senders without a name have"
            raise ValueError(f"{whose} two entries; put the limits into one")
        return value

    @property
    def consent_rules(self) -> ConsentRules:
        """What the brand makes of a yes."""
        expires = self.implied_consent_expires
        return ConsentRules(expires.about if expires else None, self.double_opt_in)

    @property
    def address(self) -> str:
        """The bare address of the sender."""
        return _bare(self.sender)

    @property
    def domain(self) -> str:
        """The domain that the mails come from, in ASCII: it stands in headers."""
        return wire_address(self.address).rpartition("@")[2].lower()

    @property
    def answers_to(self) -> str:
        """The bare address that reads what people answer."""
        return self.reply_to or self.address

    @cached_property
    def version(self) -> str:
        """12 hexadecimal digits that change with what the file says; not with `paused`."""
        return self.digits(without="paused")

    def definition(self) -> dict[str, Any]:
        """The whole file as plain JSON values, defaults included."""
        return self.model_dump(mode="json", by_alias=True)

    def for_templates(self) -> dict[str, Any]:
        """What a template may show of it, as `rendering/running/context.py` documents it: plain values."""
        return {
            "name": self.name,
            "url": self.url,
            "logo_url": self.logo_url,
            "color": self.color,
            "font": self.font,
            "postal_address": self.postal_address,
            "email": self.answers_to,
        }


@lru_cache(maxsize=64)  # asked several times for every mail
def _bare(sender: str) -> str:
    return parseaddr(sender)[1]
