"""`aftercart demo`: the main job, start to end, on this machine."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer


def demo(
    data: Annotated[
        Path | None,
        typer.Option(
            help="Replay these orders instead of the generated shop's: a folder with products.csv.gz and "
            "transactions.csv.gz.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="DATE",
            help="Replay the week that ends on this day; what came later is not shown to the engine. Without it the "
            "week that ends with the last order.",
        ),
    ] = None,
    exit_: Annotated[bool, typer.Option("--exit", help="End after the replay; exit code 1 if a sum is wrong.")] = False,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the inbox; else the first free one from 8000 on.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the generated shop, of people's behavior and of training.")] = 1,
    currency: Annotated[str | None, typer.Option(help="Currency of the prices in --data; else guessed.")] = None,
) -> None:
    """Watch a week of orders become mails: a shop, a trained model, real webhooks, a real inbox in your browser."""
    from aftercart.demo.run import Wanted, run

    result = run(
        Wanted(
            data=data,
            until=until.date() if until else None,
            currency=currency,
            seed=seed,
            host=host,
            port=port,
            stay=not exit_,
        )
    )
    if not result.adds_up:
        raise typer.Exit(1)
