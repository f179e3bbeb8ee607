"""The verdicts as a table."""

from collections.abc import Sequence

from tests.chaos.verdict import Verdict

TITLES = (
    "scenario",
    "kills",
    "orders",
    "sends",
    "handed over",
    "doubled",
    "lost",
    "unknown",
    "connections cut",
    "seconds",
)
SHOWN_FAULTS = 10


def print_table(verdicts: Sequence[Verdict]) -> None:
    """A line a scenario, its reasons below, and what is wrong, if anything."""
    rows = [TITLES, *map(_cells, verdicts)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print()
    for row, verdict in zip(rows, (None, *verdicts), strict=True):
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print(row[0].ljust(len(first)), *others, sep="  ")
        if verdict:
            print(f"    {', '.join(f'{count} {reason}' for reason, count in verdict.reasons.most_common())}")
            for fault in verdict.faults[:SHOWN_FAULTS]:
                print(f"    FAULT {fault}")
    _print_sum(verdicts)


def _cells(verdict: Verdict) -> tuple[str, ...]:
    v = verdict
    numbers = (v.kills, v.orders, v.sends, v.handed_over, v.doubled, v.lost, v.unknown, v.cut)
    return (v.scenario, *map(str, numbers), f"{v.seconds:.0f}")


def _print_sum(verdicts: Sequence[Verdict]) -> None:
    doubled, lost = sum(v.doubled for v in verdicts), sum(v.lost for v in verdicts)
    faults, kills = sum(len(v.faults) for v in verdicts), sum(v.kills for v in verdicts)
    print(f"\n{kills} kills, {sum(v.sends for v in verdicts)} sends: {doubled} doubled, {lost} lost, {faults} faults")
