"""An e-mail address, as it is typed."""

from typing import Annotated

import typer

EmailArgument = Annotated[str, typer.Argument(metavar="EMAIL", help="Their address.")]


def normalized(email: str) -> str:
    """The address as it is kept. What is none is wrong usage."""
    from aftercart.intake.clean import clean_email

    address = clean_email(email)
    if address is None:
        raise typer.BadParameter(f"{email} is no address that mail can be sent to")
    return address
