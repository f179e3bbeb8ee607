"""`aftercart senders`: which senders work, and how much of their limits is used up."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from aftercart.cli.table import instant, print_table

if TYPE_CHECKING:
    from aftercart.reports.senders import SenderReport


def senders(as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False) -> None:
    """List the senders in the order in which they are used; exit code 1 where one is out of order."""
    from aftercart.cli.open import working
    from aftercart.reports import senders as report

    with working() as app, app.db.read() as connection:
        found = report.senders(connection, app.traffic.names, app.traffic.limits_of, app.clock())
    if as_json:
        for one in found:
            print(json.dumps(_as_json(one)))
    else:
        print_table(("sender", "state", "tried again (UTC)", "limits", "last fault"), map(_cells, found))
        for advice in dict.fromkeys(one.what_to_do for one in found if one.what_to_do):
            print(f"\n{advice}")
    if not all(one.works for one in found):
        raise typer.Exit(1)


def _cells(one: "SenderReport") -> tuple[str, ...]:
    again = instant(one.until.isoformat()) if one.until else ""
    limits = ", ".join(map(str, one.limits)) or "none"
    return one.name, "works" if one.works else one.state, again, limits, one.fault


def _as_json(one: "SenderReport") -> dict[str, object]:
    return {
        "name": one.name,
        "state": one.state,
        "faults": one.faults,
        "fault": one.fault,
        "fault_at": one.fault_at.isoformat() if one.fault_at else None,
        "until": one.until.isoformat() if one.until else None,
        "limits": [
            {"most": used.limit.most, "per": used.limit.per, "used": used.used, "domain": used.domain}
            for used in one.limits
        ],
    }
