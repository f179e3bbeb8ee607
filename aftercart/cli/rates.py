"""The options `--in` and `--rates` of commands that tell amounts."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from aftercart.exchange.rates import Rates


def asked_rates(connection: "Connection", into: str | None, version: str | None) -> "Rates | None":
    """The table that was asked for; None: each currency stands apart."""
    from aftercart.cli.import_options import read_currency
    from aftercart.exchange.store import rates_into

    if into is None:
        if version is not None:
            raise typer.BadParameter("say with --in into which currency", param_hint="--rates")
        return None
    found = rates_into(connection, read_currency(into, "--in"), version)
    if found is None:
        which = f"the version {version} of rates" if version else "rates"
        do = f"`aftercart import rates FILE --in {into.upper()}` brings some"
        raise typer.BadParameter(f"there are no {which} into {into.upper()}: {do}", param_hint="--in")
    return found
