"""`experiment` of a step: what is tried beside the mail as it stands, on whom, and by what it is judged.

The mail as it stands is the arm `control`; each variant says what it changes. Who falls into which arm is decided by
`aftercart/experiments`, what came of it by `aftercart/reports/earned`.
"""

from collections import Counter
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from aftercart.campaigns.contents import CouponRule, Recommend, SubjectLine
from aftercart.campaigns.delay import Delay
from aftercart.campaigns.part import Part
from aftercart.campaigns.written import PositiveSpan, RareShare, Slug, Span, WallTime
from aftercart.experiments.assignment import FLOOR
from aftercart.experiments.key import CONTROL, ExperimentKey

DEFAULT_WINDOW = "14d"
FEWEST_PLANNED = 100
_MOST_VARIANTS = int(1 / FLOOR) - 1


class Variant(Part):
    """One other way of sending the mail. What it does not name stays as it is in the step."""

    id: Slug = Field(description="Name of the variant, unique in the experiment.", examples=["question"])
    weight: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="How many people get it, beside the weights of the other variants and of `control_weight`.",
        examples=[1],
    )
    subject: SubjectLine | None = Field(
        default=None, description="Another subject line.", examples=["What goes with your {{ order.lines[0].title }}?"]
    )
    template: Slug | None = Field(default=None, description="Another template.", examples=["accessories"])
    recommend: Recommend | None = Field(
        default=None, description="Other rules for its products, in place of all those of the step."
    )
    coupon: CouponRule | None = Field(default=None, description="A code, or one of another pool.")
    after: Span | None = Field(default=None, description="Another delay.", examples=["7d"])
    at: WallTime | None = Field(default=None, description="Another time of day.", examples=["18:00"])

    @field_validator("id")
    @classmethod
    def _is_no_control(cls, value: str) -> str:
        if value == CONTROL:
            raise ValueError(f"{CONTROL!r} is the mail as it stands; give the variant another name")
        return value

    @model_validator(mode="after")
    def _changes_something(self) -> "Variant":
        if not self.changes():
            raise ValueError("changes nothing; give at least one of subject, template, recommend, coupon, after, at")
        return self

    def changes(self) -> dict[str, Any]:
        """What it puts in place of what the step says, by key."""
        names = (name for name in type(self).model_fields if name not in ("id", "weight"))
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class ExperimentGuard(Part):
    """When a variant annoys more people than it may. Its mails wait then, until `aftercart resume`."""

    complaints: RareShare = Field(
        default=0.001,
        description="Most complaints (reports as spam), as a share of a variant's mails. Left out: 0.1%.",
        examples=["0.1%"],
    )
    unsubscribes: RareShare = Field(
        default=0.01, description="Most unsubscribes, as a share of a variant's mails. Left out: 1%.", examples=["1%"]
    )
    at_least: int = Field(
        default=300, ge=1, description="With fewer mails of a variant than this nothing is concluded.", examples=[300]
    )


class Experiment(Part):
    """What is tried in a step."""

    name: Slug = Field(
        description="Name of the experiment; another name begins another one, with new lots.", examples=["subject"]
    )
    version: int = Field(
        default=1,
        ge=1,
        le=10_000,
        description="Raise it to draw lots anew. What the earlier version came to stays as it was.",
        examples=[1],
    )
    control_weight: int = Field(
        default=1, ge=1, le=1000, description="How many people get the mail as it stands.", examples=[1]
    )
    variants: tuple[Variant, ...] = Field(
        min_length=1, max_length=_MOST_VARIANTS, description="What is tried beside the mail as it stands."
    )
    metric: Literal["conversion", "revenue"] = Field(
        default="conversion",
        description="What decides. conversion: the share of people who order again. revenue: what a person spends.",
        examples=["conversion"],
    )
    window: PositiveSpan = Field(
        default=Delay.parse(DEFAULT_WINDOW),
        description="How long after a person came into the experiment their orders count. A person is part of the "
        f"result once it is over. Without it {DEFAULT_WINDOW}.",
        examples=["14d"],
    )
    people: int | None = Field(
        default=None,
        ge=FEWEST_PLANNED,
        description="How many people, of all arms together, the experiment is planned for: then it can end sooner, and "
        "is over once they are known. Without it it has no end, and its intervals are wider.",
        examples=[20000],
    )
    mode: Literal["test", "bandit"] = Field(
        default="test",
        description="test: the weights stay, and the difference is tested. bandit: more and more new people get what "
        "sells best (no arm fewer than 10%); it cannot be tested what it came to.",
        examples=["test"],
    )
    guard: ExperimentGuard = Field(
        default=ExperimentGuard(), description="When a variant annoys more people than it may."
    )

    @field_validator("variants")
    @classmethod
    def _each_name_once(cls, value: tuple[Variant, ...]) -> tuple[Variant, ...]:
        if twice := [name for name, count in Counter(one.id for one in value).items() if count > 1]:
            raise ValueError(f"two variants are called {twice[0]!r}; give each a name of its own")
        return value

    @model_validator(mode="after")
    def _a_bandit_follows_orders(self) -> "Experiment":
        if self.mode == "bandit" and self.metric == "revenue":
            raise ValueError("a bandit follows conversion, not revenue; leave metric out, or write mode: test")
        if self.mode == "bandit" and self.people is not None:
            raise ValueError("a bandit has no planned end, as nothing is tested; leave people out")
        return self

    def key(self, campaign: str, step: str) -> ExperimentKey:
        """Under which its lots are drawn and kept."""
        return ExperimentKey(campaign, step, self.name, self.version)

    @property
    def shares(self) -> dict[str, float]:
        """Arm → its share of people, `control` first."""
        weights = {CONTROL: self.control_weight, **{one.id: one.weight for one in self.variants}}
        return {arm: weight / sum(weights.values()) for arm, weight in weights.items()}

    @property
    def moves_time(self) -> bool:
        """Whether an arm is mailed at another time than the others."""
        return any(one.after is not None or one.at is not None for one in self.variants)
