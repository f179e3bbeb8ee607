"""What keeps a campaign from becoming a nuisance, as its file says it."""

from typing import Literal

from pydantic import Field

from aftercart.campaigns.delay import Delay
from aftercart.campaigns.part import Part
from aftercart.campaigns.written import Cap, DayList, OpenDays, Span, Windows
from aftercart.policy.days import NO_DAY


class Limits(Part):
    """What keeps a campaign from becoming a nuisance."""

    frequency_cap: tuple[Cap, ...] = Field(
        default=(),
        description="Mails per person and time span. All must hold, those of the brand file too. `1d` is 24 hours, "
        "`day` and `week` are the recipient's calendar; `per topic` counts only mails of the same topic, "
        "`per campaign` only this campaign's.",
        examples=[["1 per 1d", "3 per 30d"]],
    )
    quiet_hours: Windows | None = Field(
        default=None,
        description="Hours of the recipient's day in which nothing is sent, or a list of such hours; in place of those "
        "of the brand file.",
        examples=["21:00-08:00"],
    )
    send_on: OpenDays | None = Field(
        default=None,
        description="The only days of the recipient's calendar on which mails go out; in place of those of the brand "
        "file. Without it every day.",
        examples=[["mon", "tue", "wed", "thu", "fri"]],
    )
    not_on: DayList = Field(
        default=NO_DAY,
        description="Days on which no mail goes out, beside those of the brand file.",
        examples=[["2026-12-25", "2026-12-31 to 2027-01-02"]],
    )
    not_on_holidays: bool | None = Field(
        default=None,
        description="true: no mail on a public holiday of the recipient's country and region (needs the extra "
        "`holidays`); in place of what the brand file says.",
        examples=[True],
    )
    priority: int = Field(
        default=50,
        ge=0,
        le=100,
        description="Which mail goes when two campaigns want a person's last free slot: the higher one.",
        examples=[50],
    )
    lookahead: Span = Field(
        default=Delay.parse("24h"),
        description="How far ahead a mail makes way for one of higher priority that needs the slot.",
        examples=["24h"],
    )
    on_cap: Literal["defer", "drop", "replace"] = Field(
        default="defer",
        description="What becomes of a mail that meets a cap. defer: it waits for a slot, until it expires. drop: it "
        "ends. replace: it waits likewise, and when it goes, a less important mail planned within `lookahead` that "
        "it leaves no slot for ends (`replaced`).",
        examples=["defer"],
    )
    on_drop: Literal["go_on", "exit"] = Field(
        default="go_on",
        description="What becomes of the mails after one that the caps ended (`drop`, `replace`). go_on: they go when "
        "they are due. exit: they are canceled.",
        examples=["go_on"],
    )
