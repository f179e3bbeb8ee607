"""`aftercart attribute`: credit past orders in another way, beside the way in which they were credited."""

import json
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from aftercart.attribution.credit import LAST_CLICK, Model, Touch
from aftercart.cli.table import print_table


def attribute(
    touch: Annotated[Touch, typer.Option("--touch", help="Which of several clicks earns the credit.")] = Touch.LAST,
    window: Annotated[
        str | None, typer.Option(help="How long a click earns (7d, 36h); without it as long as its campaign says.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Credit all orders so far under another model, and show what each campaign has under it and as it was.

    Credit that was given stays as it is: the new one stands beside it, under a name of its own. Run it again later, and
    the orders since are credited, too.
    """
    from aftercart.attribution import store
    from aftercart.cli.open import working
    from aftercart.pipeline.attribute import attribute_again

    model = Model(touch, _window(window))
    with working() as engine:
        attribute_again(engine, model)
        with engine.db.read() as connection:
            found = store.earned(connection, {LAST_CLICK, model})
    if as_json:
        for earned in found:
            print(json.dumps(asdict(earned)))
        return
    rows = [(e.model, e.campaign, f"{e.orders:,}", f"{e.net_minor:,}", e.currency) for e in found]
    print_table(("model", "campaign", "orders", "net (minor units)", "currency"), rows)
    if not found:
        print("No order is credited to a mail under any of them.")


def _window(given: str | None) -> timedelta | None:
    from aftercart.campaigns.delay import Delay

    if given is None:
        return None
    try:
        return Delay.parse(given).about
    except ValueError as err:
        raise typer.BadParameter(str(err), param_hint="--window") from err
