"""`aftercart webhooks`: those who are told what happens.

Exit codes: 0 fine, 1 one of them does not take what it is told, 2 wrong usage.
"""

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from aftercart.cli.table import instant, print_table
from aftercart.quantity import counted

if TYPE_CHECKING:
    from aftercart.bootstrap import App
    from aftercart.outward.outlet import Outlet
    from aftercart.outward.store import OutletRow

Name = Annotated[str, typer.Argument(help="As AFTERCART_WEBHOOKS names it.")]


def list_webhooks(as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False) -> None:
    """List who is told what, how they stand and what waits for them; exit code 1 where one takes nothing."""
    from aftercart.cli.open import working
    from aftercart.outward import store

    with working() as app, app.db.read() as connection:
        found = store.outlet_rows(connection)
        urls = {name: outlet.url for name, outlet in app.outlets.items()}
    if as_json:
        for one in found:
            print(json.dumps(_as_json(one, urls)))
    elif found:
        titles = ("name", "at", "state", "waiting", "oldest (UTC)", "given up", "last told (UTC)", "last fault")
        print_table(titles, (_cells(one, urls) for one in found))
    else:
        print("Nobody is told anything; AFTERCART_WEBHOOKS names endpoints (docs/outgoing-webhooks.md).")
    if any(one.standing.failures for one in found):
        raise typer.Exit(1)


def test(name: Name) -> None:
    """Tell an endpoint something that means nothing, now; exit code 1 if it does not take it."""
    from aftercart.cli.open import working
    from aftercart.outward.answer import NotToldError
    from aftercart.outward.webhook import Webhook
    from aftercart.pipeline.upkeep.tell import tell_test

    with working() as app:
        webhook = _named(app, name)
        if not isinstance(webhook, Webhook):
            raise typer.BadParameter(f"{name} would count a test; it knows no message that means nothing")
        try:
            answer = tell_test(app, webhook)
        except NotToldError as err:
            fault = str(err)
        else:
            fault = answer.fault
    print(f"{name} has taken a test message." if not fault else f"{name} has not taken it: {fault}")
    if fault:
        raise typer.Exit(1)


def resend(
    name: Name,
    days: Annotated[int, typer.Option(min=1, max=30, help="What ended in the last so many days.")] = 3,
    told_too: Annotated[
        bool, typer.Option("--all", help="Also what was told: the receiver has lost it. Kept for three days.")
    ] = False,
) -> None:
    """Tell once more, under the same ids, what was given up (--all: or told) in the last days."""
    from aftercart.cli.open import working
    from aftercart.outward import store

    with working() as app, app.db.write() as connection:
        _named(app, name)
        now = app.clock()
        count = store.resend(connection, name, now - timedelta(days=days), now, told_too=told_too)
    print(f"{counted(count, 'message')} will be told to {name} once more.")


def enable(name: Name) -> None:
    """Tell it again what happens, and at once what waits: it was disabled, or left alone for a while."""
    from aftercart.cli.open import working
    from aftercart.outward import store

    with working() as app, app.db.write() as connection:
        _named(app, name)
        store.enable(connection, name, app.clock())
    print(f"{name} is told what happens again.")


def secret() -> None:
    """Make a secret for AFTERCART_WEBHOOK_SECRETS; the receiver gets the same."""
    from base64 import b64encode
    from secrets import token_bytes

    print(f"whsec_{b64encode(token_bytes(32)).decode()}")


def _named(app: "App", name: str) -> "Outlet":
    outlet = app.outlets.get(name)
    if outlet is None:
        known = ", ".join(sorted(app.outlets)) or "none"
        raise typer.BadParameter(f"nobody called {name} is told anything (there are {known})", param_hint="NAME")
    return outlet


def _state(one: "OutletRow") -> str:
    if one.standing.disabled_at:
        return "disabled"
    return "failing" if one.standing.failures else "works"


def _cells(one: "OutletRow", urls: dict[str, str]) -> tuple[str, ...]:
    from aftercart.outward.webhook import shown

    return (
        one.name,
        shown(urls.get(one.name, "")),
        _state(one),
        f"{one.waiting:,}",
        _instant(one.oldest),
        f"{one.gave_up:,}",
        _instant(one.told_at),
        one.fault,
    )


def _instant(at: datetime | None) -> str:
    return instant(at.isoformat()) if at else ""


def _as_json(one: "OutletRow", urls: dict[str, str]) -> dict[str, object]:
    from aftercart.outward.webhook import shown

    standing = one.standing
    instants = {
        "oldest_at": one.oldest,
        "told_at": one.told_at,
        "failing_since": standing.failing_since,
        "rests_until": standing.rests_until,
        "disabled_at": standing.disabled_at,
    }
    return {
        "name": one.name,
        "at": shown(urls.get(one.name, "")),
        "state": _state(one),
        "events": list(one.happenings),
        "waiting": one.waiting,
        "given_up": one.gave_up,
        "fault": one.fault,
        **{name: at.isoformat() if at else None for name, at in instants.items()},
    }
