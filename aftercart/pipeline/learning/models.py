"""The versions of the recommendation model: which there are, and which one serves."""

from pathlib import Path

from aftercart.db.session import Database
from aftercart.errors import ModelError
from aftercart.recommendation import store
from aftercart.recommendation.models import files
from aftercart.recommendation.store import Registered

_SERVING, _RETIRED, _CANDIDATE = "serving", "retired", "candidate"


def versions(db: Database) -> list[Registered]:
    """All that were registered, the newest first."""
    with db.read() as connection:
        return store.versions(connection)


def promote(db: Database, models_dir: Path, version: str, *, although_worse: bool = False) -> None:
    """Let a version serve; the one before retires. Workers take it up with their next mail.

    Raises ModelError if there is no such version, its files are gone or damaged, or its own test showed that mails
    or checkouts are better off without it and `although_worse` does not say that a person wants it all the same.
    """
    with db.write() as connection:
        chosen = _named(store.versions(connection), version)
        if is_worse(chosen) and not although_worse:
            raise ModelError(
                f"{version} did worse on its last weeks than what serves without a model; "
                "--although-worse lets it serve"
            )
        files.load(models_dir, chosen.version, chosen.checksum)
        if chosen.state != _SERVING:
            store.let_serve(connection, version, instead=_RETIRED)


def rollback(db: Database, models_dir: Path) -> str:
    """Take the serving version back: the newest one that served before it serves again. Returns its name.

    Taken back, a version is a candidate, so that a second rollback goes on to the one before. Raises ModelError if
    none served before, or if its files are gone or damaged.
    """
    with db.write() as connection:
        earlier = [version for version in store.versions(connection) if version.state == _RETIRED]
        if not earlier:
            raise ModelError("no version served before this one")
        files.load(models_dir, earlier[0].version, earlier[0].checksum)
        store.let_serve(connection, earlier[0].version, instead=_CANDIDATE)
        return earlier[0].version


def is_worse(version: Registered) -> bool:
    """Whether its own test showed that what would serve without it does better, beyond noise: in mails, or in
    checkouts (of which older versions were not asked apart)."""
    tests = (version.facts.get(name) for name in ("comparison", "checkouts"))
    return any(found["gain"] + found["noise"] < 0 for found in tests if found)


def _named(found: list[Registered], version: str) -> Registered:
    for each in found:
        if each.version == version:
            return each
    raise ModelError(f"there is no version {version}: see `aftercart models list`")
