"""`aftercart erase`: what the law owes a person.

Exit codes: 0 done, 1 it cannot be done now or there is nothing, 2 wrong usage.
"""

import sys

import typer

from aftercart.cli.address import EmailArgument, normalized
from aftercart.quantity import counted


def erase(email: EmailArgument) -> None:
    """Forget a person: address, name, ids, raw webhooks and evidence, in every table and the archive.

    There is no way back. Numbers stay (how many mails went, what they earned), and a hash by which the address is never
    mailed again. What the shop keeps is the shop's to erase.
    """
    from aftercart.cli.open import working
    from aftercart.pipeline import rights

    address = normalized(email)
    with working() as engine:
        erased = rights.erase(engine, address)
    if erased.in_flight:
        print(
            f"A mail to {address} is being handed over this very moment. Nothing more is sent to them; to erase the "
            "rest type the same again in a minute (after a crash of the engine: in a quarter of an hour).",
            file=sys.stderr,
        )
        raise typer.Exit(1)
    if not erased.known:
        print(f"Nothing was known of {address}. It is on the list of those who are never mailed, by a hash alone.")
        return
    print(
        f"Erased: {address}, of {counted(erased.orders, 'order')} and {counted(erased.mails, 'mail')}. "
        "Kept: a hash by which they are never mailed again."
    )
