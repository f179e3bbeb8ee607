"""A campaign as its YAML file says it: trigger, audience, steps, limits.

Every key acts: what stands here is honored by `enrollment` (who enters, when), by the gate (`policy/decision.py`)
or by what a mail says. Every key has its line in `docs/campaign-yaml.md`.
"""

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from aftercart.campaigns.contents import CouponRule, ProductFilter, Recommend, SubjectLine
from aftercart.campaigns.delay import Delay
from aftercart.campaigns.experiment import Experiment
from aftercart.campaigns.limits import Limits
from aftercart.campaigns.part import Part
from aftercart.campaigns.written import (
    Amount,
    Countries,
    Holdout,
    PositiveSpan,
    Slug,
    Span,
    WallTime,
)
from aftercart.policy.frequency_cap import FrequencyCap

DEFAULT_VALID_FOR = "3d"
DEFAULT_TOPIC = "recommendations"

_EMPTY = BeforeValidator(lambda value: {} if value is None else value)
"""`audience:` with nothing behind it means the same as `audience: {}`."""


class OrderTotal(Part):
    """How large an order must be."""

    at_least: Amount = Field(
        description="Smallest total of the order. Orders in another currency do not match.", examples=["50 EUR"]
    )


class Audience(Part):
    """Which orders enter. All conditions must hold; an empty audience takes every order."""

    bought: ProductFilter | None = Field(default=None, description="At least one bought product is one of these.")
    not_bought: ProductFilter | None = Field(default=None, description="None of the bought products is one of these.")
    country: Countries | None = Field(
        default=None,
        description="The order ships to one of these countries (ISO 3166, two letters).",
        examples=[["FR", "DE"]],
    )
    order_total: OrderTotal | None = Field(default=None, description="How large the order must be.")


class Step(Part):
    """One mail of the campaign and its delay."""

    id: Slug = Field(
        description="Name of the step, unique in the campaign; keep it when you edit.", examples=["complements"]
    )
    after: Span = Field(
        description="How long after the order: 3d and 2w are calendar days at the same time of day, "
        "72h, 90m and 5s are exact.",
        examples=["3d"],
    )
    at: WallTime | None = Field(
        default=None,
        description="Time of day by the recipient's clock at which the mail is due; without it, that of the order.",
        examples=["10:00"],
    )
    valid_for: PositiveSpan | None = Field(
        default=None,
        description="How long after it is due the mail is still worth sending; a mail held longer expires. "
        f"Without it {DEFAULT_VALID_FOR}; it must be given where a frequency cap could hold the mail.",
        examples=["3d"],
    )
    template: Slug = Field(description="Folder of the mail in `templates/`.", examples=["accessories"])
    subject: SubjectLine | None = Field(
        default=None,
        description="The subject line, in place of the template's `subject.txt`; it may show what a template may.",
        examples=["Made for your {{ order.lines[0].title }}"],
    )
    recommend: Recommend | None = Field(
        default=None,
        description="Which products the mail shows; without it none, and the template shows the order only.",
    )
    asks_review: bool = Field(
        default=False,
        description="Whether the mail asks for a review. It shows only products that its reader was not asked about "
        "before, ends where none is left (`asked_before`), and where anything of the order was refunded or sent back "
        "(`came_back`). Needs `trigger: order.delivered`.",
        examples=[True],
    )
    unless_bought: Literal["anything", "the_same"] | None = Field(
        default=None,
        description="Whom the mail is not for: who has bought since the order. anything: it ends with any later order "
        "(`bought_since`). the_same: it shows only products that were not bought again, and ends where none is left.",
        examples=["anything"],
    )
    coupon: CouponRule | None = Field(default=None, description="The code that the mail hands out; without it none.")
    experiment: Experiment | None = Field(
        default=None, description="What is tried in this mail, beside the mail as it stands."
    )

    def varied(self, variant: str) -> "Step":
        """The mail as a variant of its experiment has it; as it stands for `control`, and for a name that is none."""
        chosen = next((one for one in self.experiment.variants if one.id == variant), None) if self.experiment else None
        return self.model_copy(update=chosen.changes()) if chosen else self


class AttributionRule(Part):
    """When a later order is credited to a mail of this campaign."""

    window: PositiveSpan = Field(
        description="How long after the last human click an order counts (days of 24 hours).", examples=["5d"]
    )


class Campaign(Part):
    """One campaign: one YAML file beside `brand.yaml`."""

    campaign: Slug = Field(description="Name of the campaign, unique; keep it when you edit.", examples=["accessories"])
    status: Literal["draft", "active", "paused"] = Field(
        description="draft: nobody enters, and a mail that falls due is canceled for good. active. "
        "paused: nobody enters, and mails wait, until they expire.",
        examples=["active"],
    )
    trigger: Literal["order.completed", "order.delivered"] = Field(
        description="What starts it, and what its delays count from. order.completed: the order is paid. "
        "order.delivered: all of it has arrived.",
        examples=["order.completed"],
    )
    mail_class: Literal["marketing", "transactional"] = Field(
        default="marketing",
        alias="class",
        description="marketing: whatever recommends something, hands out a code or asks for a review. transactional: "
        "owed to its reader, so it refuses `recommend`, `coupon` and `asks_review`; it needs no consent, belongs to no "
        "holdout and is never capped, and only who must get no mail at all does not get it.",
        examples=["marketing"],
    )
    counts: bool = Field(
        default=False,
        description="Whether transactional mails take slots of the frequency caps; marketing always does.",
        examples=[True],
    )
    topic: Slug = Field(
        default=DEFAULT_TOPIC,
        description="What its mails are about: one of the `topics` of the brand file, where it lists any. People leave "
        f"a topic, and caps `per topic` count by it. Without it `{DEFAULT_TOPIC}`.",
        examples=[DEFAULT_TOPIC],
    )
    audience: Annotated[Audience, _EMPTY] = Field(
        default=Audience(),
        description="Which orders enter; empty means every order of everybody who may be mailed.",
    )
    steps: Annotated[tuple[Step, ...], Field(min_length=1)] = Field(
        description="The mails, in the order in which they are due."
    )
    limits: Annotated[Limits, _EMPTY] = Field(
        default=Limits(), description="What keeps the campaign from becoming a nuisance."
    )
    holdout: Holdout = Field(
        default=0.0,
        description="Share of people who get nothing from this campaign, to measure what it really earns. "
        "A person stays in or out for good.",
        examples=["10%"],
    )
    attribution: AttributionRule = Field(
        default=AttributionRule(window=Delay.parse("5d")),
        description="When a later order is credited to a mail of this campaign.",
    )

    @property
    def takes_slots(self) -> bool:
        """Whether the frequency caps count its mails."""
        return self.counts or self.mail_class == "marketing"

    def caps_beside(self, common: tuple[FrequencyCap, ...]) -> tuple[FrequencyCap, ...]:
        """The caps that its mails must keep: those of the brand and its own; none for transactional mail."""
        return () if self.mail_class == "transactional" else (*common, *self.limits.frequency_cap)

    @cached_property
    def version(self) -> str:
        """12 hexadecimal digits that change with what the campaign does; a pause starts no new version."""
        return self.digits(without="status")

    def definition(self) -> dict[str, Any]:
        """The whole campaign as plain JSON values, defaults included."""
        return self.model_dump(mode="json", by_alias=True)
