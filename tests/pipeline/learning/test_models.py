"""The life of a model after its training."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aftercart.db.session import Database
from aftercart.errors import ModelError
from aftercart.pipeline.learning.models import promote, rollback, versions
from aftercart.recommendation import store
from aftercart.recommendation.learning.lesson import learn, started
from aftercart.recommendation.models import files
from aftercart.recommendation.models.lightfm_model import Recipe
from aftercart.recommendation.models.model import Model
from aftercart.recommendation.serving import ServingModel
from tests.recommendation.bike_shop import opened, past_of

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
BAD = {"gain": -0.2, "noise": 0.05}
GOOD = {"gain": 0.2, "noise": 0.05}


@pytest.fixture(scope="module")
def model() -> Model:
    quick = Recipe(components=4, epochs=1)
    return learn(past_of(60), "v", seed=1, budget=started(None), progress=lambda *_: None, recipe=quick).model


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = opened(tmp_path)
    yield database
    database.close()


def trained(db: Database, model: Model, folder: Path, number: int, *, serve: bool = True, **facts: Any) -> str:
    """Version `v<number>`, registered so many hours after noon."""
    version = f"v{number}"
    checksum = files.save(replace(model, version=version), folder)
    with db.write() as connection:
        row = store.Version(version, checksum)
        at = NOON + timedelta(hours=number)
        store.add_version(connection, row, trained_at=at, data_until=NOON, facts=facts, serve=serve)
    return version


def states(db: Database) -> dict[str, str]:
    return {version.version: version.state for version in versions(db)}


def test_versions_are_listed_with_the_newest_first(db: Database, model: Model, tmp_path: Path) -> None:
    trained(db, model, tmp_path, 1)
    trained(db, model, tmp_path, 2, serve=False)
    assert list(states(db).items()) == [("v2", "candidate"), ("v1", "serving")]


def test_a_promoted_version_serves_at_once_in_a_process_that_runs(db: Database, model: Model, tmp_path: Path) -> None:
    trained(db, model, tmp_path, 1)
    trained(db, model, tmp_path, 2, serve=False)
    worker = ServingModel(tmp_path)
    with db.read() as connection:
        assert worker.current(connection).version == "v1"
    promote(db, tmp_path, "v2")
    with db.read() as connection:
        assert worker.current(connection).version == "v2"
    assert states(db) == {"v2": "serving", "v1": "retired"}


def test_rolling_back_twice_goes_back_two_versions_and_no_further(db: Database, model: Model, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        trained(db, model, tmp_path, number)
    assert [rollback(db, tmp_path), rollback(db, tmp_path)] == ["v2", "v1"]
    assert states(db) == {"v3": "candidate", "v2": "candidate", "v1": "serving"}
    with pytest.raises(ModelError, match="no version served before"):
        rollback(db, tmp_path)


@pytest.mark.parametrize(
    "facts", [{"comparison": BAD}, {"comparison": BAD, "checkouts": GOOD}, {"comparison": GOOD, "checkouts": BAD}]
)
def test_a_version_that_lost_its_own_test_serves_only_if_a_person_insists(
    db: Database, model: Model, tmp_path: Path, facts: dict[str, Any]
) -> None:
    trained(db, model, tmp_path, 1)
    trained(db, model, tmp_path, 2, serve=False, **facts)
    with pytest.raises(ModelError, match="--although-worse"):
        promote(db, tmp_path, "v2")
    assert states(db)["v1"] == "serving"
    promote(db, tmp_path, "v2", although_worse=True)
    assert states(db)["v2"] == "serving"


@pytest.mark.parametrize("name", ["linear.npy", "meta.json", "votes.weights.npy"])
def test_a_version_with_damaged_files_is_neither_promoted_nor_rolled_back_to(
    db: Database, model: Model, tmp_path: Path, name: str
) -> None:
    trained(db, model, tmp_path, 1)
    trained(db, model, tmp_path, 2)
    (tmp_path / "v1" / name).write_bytes(b"\x80pickle")
    with pytest.raises(ModelError, match=name):
        rollback(db, tmp_path)
    with pytest.raises(ModelError, match=name):
        promote(db, tmp_path, "v1")
    assert states(db) == {"v2": "serving", "v1": "retired"}


def test_a_version_that_nobody_trained_is_refused(db: Database, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="models list"):
        promote(db, tmp_path, "v9")
