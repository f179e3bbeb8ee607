"""`guard` of the brand file: when a campaign stops itself."""

from pydantic import Field

from aftercart.campaigns.delay import Delay
from aftercart.campaigns.part import Part
from aftercart.campaigns.written import PositiveSpan, RareShare
from aftercart.policy.guard import Guard


class GuardRule(Part):
    """When a campaign, or the brand, annoys too many people. It pauses itself then, until `aftercart resume`."""

    enabled: bool = Field(default=True, description="false: nothing pauses itself.", examples=[True])
    complaints: RareShare = Field(
        default=0.001,
        description="Most complaints (reports as spam), as a share of the mails. Left out: 0.1%.",
        examples=["0.1%"],
    )
    unsubscribes: RareShare = Field(
        default=0.01, description="Most unsubscribes, as a share of the mails. Left out: 1%.", examples=["1%"]
    )
    at_least: int = Field(
        default=100, ge=1, description="With fewer mails than this nothing pauses. Left out: 100.", examples=[100]
    )
    at_least_complaints: int = Field(
        default=3,
        ge=1,
        description="With fewer complaints than this none of them pauses anything, whatever their share. Left out: 3.",
        examples=[3],
    )
    at_least_unsubscribes: int = Field(
        default=10,
        ge=1,
        description="With fewer unsubscribes than this none of them pauses anything, whatever their share. "
        "Left out: 10.",
        examples=[10],
    )
    over: PositiveSpan = Field(
        default=Delay.parse("7d"),
        description="The mails of how long are looked at; those before the last `aftercart resume` no more.",
        examples=["7d"],
    )
    tighten_after: int | None = Field(
        default=None,
        ge=1,
        description="After so many marketing mails in a row that a person ignored, all frequency caps let through half "
        "as much to them, until they click in one or order again. Left out: never.",
        examples=[5],
    )

    def limits(self) -> Guard:
        """As policy takes it. Days are days of 24 hours here."""
        return Guard(
            self.complaints,
            self.unsubscribes,
            self.at_least,
            self.at_least_complaints,
            self.at_least_unsubscribes,
            self.over.about,
        )
