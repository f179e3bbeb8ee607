"""`aftercart models list | promote | rollback`: which version of the recommendation model serves."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aftercart.cli.table import instant, print_table
from aftercart.quantity import counted
from aftercart.recommendation.asking.request import Source

if TYPE_CHECKING:
    from datetime import timedelta

    from aftercart.recommendation.store import Registered
    from aftercart.reports.recommending import Recommending

TITLES = ("version", "state", "trained", "orders", "NDCG@10", "without", "gain", "checkouts")


def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """All versions, the newest first, with how mails and checkouts fare with each on the weeks that it had not seen."""
    from aftercart.cli.open import open_database
    from aftercart.clock import utc_now
    from aftercart.pipeline.learning.models import versions
    from aftercart.reports.recommending import recommending

    now = utc_now()
    with open_database() as database:
        found = versions(database)
        with database.read() as connection:
            fares = recommending(connection, now)
    if as_json:
        for version in found:
            lately = {"lately": asdict(fares)} if version.state == "serving" else {}
            print(json.dumps(_facts(version) | lately))
    elif found:
        print_table(TITLES, map(_line, found))
        serving = next((version.trained_at for version in found if version.state == "serving"), None)
        print(f"\n{_lately(fares, now - serving if serving else None)}")
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
    from aftercart.pipeline.learning import models
    from aftercart.settings import read_settings

    with open_database() as database:
        models.promote(database, read_settings().models_dir, version, although_worse=although_worse)
    print(f"{version} serves now.")


def rollback() -> None:
    """Take back the version that serves; the one that served before it serves again."""
    from aftercart.cli.open import open_database
    from aftercart.pipeline.learning import models
    from aftercart.settings import read_settings

    with open_database() as database:
        version = models.rollback(database, read_settings().models_dir)
    print(f"{version} serves again.")


def _line(version: "Registered") -> tuple[str, ...]:
    tested = version.facts.get("comparison")
    head = (version.version, version.state, instant(version.trained_at.isoformat()), f"{version.facts['orders']:,}")
    if not tested:
        return (*head, "not tested", "", "", "")
    without = max(tested[source]["ndcg10"] for source in tested.keys() & set(Source) - {Source.LIGHTFM})
    return (
        *head,
        f"{tested['lightfm']['ndcg10']:.3f}",
        f"{without:.3f}",
        _gain(tested),
        _gain(version.facts.get("checkouts")),
    )


def _gain(tested: Mapping[str, float] | None) -> str:
    return f"{tested['gain']:+.3f} ± {tested['noise']:.3f}" if tested else ""


def _lately(fares: "Recommending", age: "timedelta | None") -> str:
    """What the metrics say, in a sentence."""
    told = [f"the model is {age.total_seconds() / 3600:,.0f} h old"] if age else []
    if fares.picks:
        told.append(
            f"{counted(sum(fares.picks.values()), 'product')} shown, {fares.fallback_share or 0:.0%} of them by "
            "fallbacks"
        )
        told.append(f"{fares.coverage or 0:.0%} of the products on sale among them")
    if fares.unknown_share is not None:
        told.append(f"{fares.unknown_share:.0%} of what mails were about is unknown to the model")
    if fares.score_drift is not None:
        told.append(f"first picks score {fares.score_drift:+.2f} standard deviations from its training")
    return f"In the mails of the last seven days: {'; '.join(told) or 'nothing yet'}."


def _facts(version: "Registered") -> dict[str, Any]:
    return {
        "version": version.version,
        "state": version.state,
        "trained_at": version.trained_at.isoformat(),
        "data_until": version.data_until.isoformat() if version.data_until else None,
        **version.facts,
    }
