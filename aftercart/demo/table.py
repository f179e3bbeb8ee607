"""The closing table of the demo: what went in, what became of it, and whether the numbers add up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from aftercart.demo.account import CampaignBooks
from aftercart.money import Money, formatted
from aftercart.quantity import counted

BAR_WIDTH = 22
LOOKS = {
    "sent": "green",
    "delivered": "green",
    "scheduled": "cyan",
    "sending": "cyan",
    "unknown": "yellow",
    "failed": "red",
    "bounced": "red",
}
"""Skipped, canceled and whatever comes later are dim: not sending is an answer, not an error."""


@dataclass(frozen=True)
class Stage:
    """One state of sends and why: `Stage("skipped", "no consent", 41)`. `kept_by`: of those that expired, what it was
    that kept them."""

    state: str
    reason: str
    count: int
    kept_by: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """A finished run of the demo."""

    shop: str
    synthetic: bool
    products: int
    past_orders: int
    orders_in: int
    bought_after_click: int
    """Of these, orders that readers of the mails placed after a click; the others are the week's own."""
    not_enrolled: Mapping[str, int]
    """Orders that entered no campaign, by reason."""
    enrollments: int
    sends: Sequence[Stage]
    mails_received: int
    """As counted by the SMTP server, not by us."""
    campaigns: Sequence[CampaignBooks]
    human_clicks: int
    machine_clicks: int
    unsubscribed: int
    attributed_orders: int
    attributed_bought: int
    """Of the attributed orders, those that were placed after a click."""
    attributed_revenue: Money
    orders_accounted_for: int
    """Orders that were mailed about, or have a reason why not."""
    seconds: Mapping[str, float]
    """By phase, in the order in which they ran."""
    faults: Sequence[str] = ()
    """What else does not add up, one sentence each."""

    @property
    def adds_up(self) -> bool:
        return self.orders_accounted_for == self.orders_in and not self.faults


def closing_table(result: Result) -> RenderableType:
    """The whole result, to print on a `rich` console."""
    kind = "synthetic shop" if result.synthetic else "your orders"
    title = Text.assemble((result.shop, "bold"), f"  ·  {kind}")
    parts = (
        _way(result),
        _rule("sends"),
        _sends(result),
        _rule("campaigns"),
        _campaigns(result),
        _rule("what people did"),
        _deeds(result),
        _rule("time"),
        _time(result),
    )
    return Panel(Group(*parts, Text(), _verdict(result)), title=title, box=box.ROUNDED, padding=(1, 2), width=78)


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(justify="left", width=27, no_wrap=True)
    grid.add_column(justify="right", width=9, style="bold", no_wrap=True)
    grid.add_column(justify="left", ratio=1)
    return grid


def _rule(name: str) -> RenderableType:
    return Group(Text(), Rule(Text(name, "dim"), align="left", style="dim"))


def _way(result: Result) -> Table:
    grid = _grid()
    grid.add_row("learned from", _number(result.past_orders), f"past orders of {counted(result.products, 'product')}")
    grid.add_row("orders of the week", _number(result.orders_in - result.bought_after_click), "replayed")
    grid.add_row("bought after a click", _number(result.bought_after_click), "by readers of the mails")
    grid.add_row("orders in", _number(result.orders_in), "through signed webhooks")
    grid.add_row("enrollments", _number(result.enrollments), _bar(result.enrollments, result.orders_in, "cyan"))
    for reason, count in sorted(result.not_enrolled.items(), key=_largest_first):
        grid.add_row(
            Text(f"  not: {_words(reason)}", "dim"), _number(count), _bar(count, result.orders_in, "bright_black")
        )
    return grid


def _sends(result: Result) -> Table:
    grid = _grid()
    total = sum(stage.count for stage in result.sends)
    for stage in sorted(result.sends, key=lambda stage: -stage.count):
        look = LOOKS.get(stage.state, "bright_black")
        label = Text.assemble(
            (_words(stage.state), look), (f"  {_words(stage.reason)}" if stage.reason != stage.state else "", "dim")
        )
        grid.add_row(label, _number(stage.count), _bar(stage.count, total, look))
        for cause, count in sorted(stage.kept_by.items(), key=_largest_first):
            grid.add_row(Text(f"  kept: {_words(cause)}", "dim"), _number(count), _bar(count, total, look))
    grid.add_row("mails received", _number(result.mails_received), Text("counted by the SMTP server", "dim"))
    return grid


def _campaigns(result: Result) -> Table:
    grid = _grid()
    for line in sorted(result.campaigns, key=lambda line: -line.mails):
        grid.add_row(line.name, _number(line.mails), f"mails from {counted(line.enrollments, 'enrollment')}")
        for department, count in sorted(line.offered.items(), key=_largest_first):
            of_all = _bar(count, sum(line.offered.values()), "magenta")
            grid.add_row(Text(f"  offer: {department or 'products'}", "dim"), _number(count), of_all)
    return grid


def _deeds(result: Result) -> Table:
    grid = _grid()
    per_mail = f"{_percent(result.human_clicks, result.mails_received)} per mail received"
    grid.add_row("clicks by people", _number(result.human_clicks), Text(per_mail, "dim"))
    grid.add_row("clicks by machines", _number(result.machine_clicks), Text("mail scanners: never credited", "dim"))
    grid.add_row("unsubscribed", _number(result.unsubscribed), Text("with one click", "dim"))
    money = formatted(result.attributed_revenue.minor, result.attributed_revenue.currency, "en_US")
    grid.add_row(
        "attributed orders", _number(result.attributed_orders), Text.assemble((money, "bold green"), " after a click")
    )
    by_chance = result.attributed_orders - result.attributed_bought
    lost = result.bought_after_click - result.attributed_bought
    grid.add_row(Text("  bought after a click", "dim"), _number(result.attributed_bought), Text(_of_all(lost), "dim"))
    grid.add_row(
        Text("  orders of the week", "dim"), _number(by_chance), Text("whose buyers had clicked before", "dim")
    )
    return grid


def _of_all(lost: int) -> str:
    return f"{_number(lost)} more earned no credit" if lost else "all of them"


def _time(result: Result) -> Table:
    grid, total = _grid(), sum(result.seconds.values())
    for phase, seconds in result.seconds.items():
        grid.add_row(phase, f"{seconds:.1f} s", _bar(seconds, total, "blue"))
    grid.add_row("in all", f"{total:.1f} s", "")
    return grid


def _verdict(result: Result) -> RenderableType:
    count = f"{_number(result.orders_accounted_for)} of {_number(result.orders_in)} orders accounted for"
    if result.adds_up:
        return Text.assemble(("✔ ", "bold green"), (count, "bold"), ": mailed, or a reason why not")
    lines = [Text.assemble(("✘ ", "bold red"), (count, "bold"))]
    return Group(*lines, *(Text.assemble(("✘ ", "bold red"), fault) for fault in result.faults))


def _largest_first(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _bar(part: float, whole: float, color: str) -> Text:
    share = min(part / whole, 1.0) if whole else 0.0
    filled = max(round(share * BAR_WIDTH), 1 if part else 0)
    return Text.assemble(
        ("━" * filled, color), ("─" * (BAR_WIDTH - filled), "bright_black dim"), f" {_percent(part, whole):>4}"
    )


def _percent(part: float, whole: float) -> str:
    share = part / whole if whole else 0.0
    return "<1%" if 0 < share < 0.01 else f"{share:.0%}"


def _number(count: int) -> str:
    return f"{count:,}"


def _words(name: str) -> str:
    return name.replace("_", " ")
