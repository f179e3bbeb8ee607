"""`aftercart models list | promote | rollback`: which version of the recommendation model serves."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aftercart.cli.table import instant, print_table
from aftercart.recommendation.request import Source

if TYPE_CHECKING:
    from aftercart.recommendation.store import Registered

TITLES = ("version", "state", "trained", "orders", "NDCG@10", "without", "gain")


def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """All versions, the newest first, with how each did on the weeks that it had not seen."""
    from aftercart.cli.open import open_database
    from aftercart.pipeline.models import versions

    with open_database() as database:
        found = versions(database)
    if as_json:
        for version in found:
            print(json.dumps(_facts(version)))
    elif found:
        print_table(TITLES, map(_line, found))
    else:
        print("None is trained yet: `aftercart train`.")


def promote(
    version: Annotated[str, typer.Argument(help="As `aftercart models list` names it.")],
    although_worse: Annotated[
        bool, typer.Option("--although-worse", help="Even if its test showed that mails do better without it.")
    ] = False,
) -> None:
    """Let this version serve. Workers take it up with their next mail."""
    from aftercart.cli.open import open_database
    from aftercart.pipeline import models
    from aftercart.settings import read_settings

    with open_database() as database:
        models.promote(database, read_settings().models_dir, version, although_worse=although_worse)
    print(f"{version} serves now.")


def rollback() -> None:
    """Take back the version that serves; the one that served before it serves again."""
    from aftercart.cli.open import open_database
    from aftercart.pipeline import models
    from aftercart.settings import read_settings

    with open_database() as database:
        version = models.rollback(database, read_settings().models_dir)
    print(f"{version} serves again.")


def _line(version: "Registered") -> tuple[str, ...]:
    tested = version.facts.get("comparison")
    head = (version.version, version.state, instant(version.trained_at.isoformat()), f"{version.facts['orders']:,}")
    if not tested:
        return (*head, "not tested", "", "")
    without = max(tested[source]["ndcg10"] for source in tested.keys() & set(Source) - {Source.LIGHTFM})
    return (
        *head,
        f"{tested['lightfm']['ndcg10']:.3f}",
        f"{without:.3f}",
        f"{tested['gain']:+.3f} ± {tested['noise']:.3f}",
    )


def _facts(version: "Registered") -> dict[str, Any]:
    return {
        "version": version.version,
        "state": version.state,
        "trained_at": version.trained_at.isoformat(),
        "data_until": version.data_until.isoformat() if version.data_until else None,
        **version.facts,
    }
