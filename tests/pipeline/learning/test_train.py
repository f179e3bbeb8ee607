import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from aftercart.db.session import Database
from aftercart.db.tables import model_versions
from aftercart.errors import ModelError
from aftercart.pipeline.learning.train import TrainReport, train
from aftercart.recommendation.judging.evaluation import Comparison, Quality
from aftercart.recommendation.models import files
from tests.recommendation.bike_shop import bike_shop, drawn_orders, open_busy_shop, opened, sell, stock

NOW = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = opened(tmp_path)
    yield database
    database.close()


def registered(db: Database) -> dict[str, str]:
    with db.read() as connection:
        return {row.version: row.state for row in connection.execute(model_versions.select())}


def test_a_trained_version_is_registered_serves_and_can_be_loaded(db: Database, tmp_path: Path) -> None:
    open_busy_shop(db)
    report = train(db, tmp_path / "models", lambda: NOW, seed=4)
    assert registered(db) == {report.version: "serving"}
    assert report.version.startswith("20260601T093000Z-")
    with db.read() as connection:
        row = connection.execute(model_versions.select()).one()
    assert files.load(tmp_path / "models", report.version, row.checksum).version == report.version
    assert (row.trained_at, row.facts["seed"], row.facts["orders"]) == (NOW, 4, 200)
    assert json.dumps(row.facts)


def test_training_again_retires_the_version_before(db: Database, tmp_path: Path) -> None:
    open_busy_shop(db)
    first = train(db, tmp_path / "models", lambda: NOW)
    second = train(db, tmp_path / "models", lambda: NOW)
    assert registered(db) == {first.version: "retired", second.version: "serving"}


def test_the_same_seed_and_orders_give_the_same_files(db: Database, tmp_path: Path) -> None:
    open_busy_shop(db)
    reports = [train(db, tmp_path / "models", lambda: NOW, seed=7) for _ in range(2)]
    one, other = (np.load(tmp_path / "models" / report.version / "linear.npy") for report in reports)
    assert np.array_equal(one, other)


def test_progress_is_told_to_the_end(db: Database, tmp_path: Path) -> None:
    open_busy_shop(db)
    seen: list[tuple[int, int]] = []
    train(db, tmp_path / "models", lambda: NOW, progress=lambda epoch, epochs: seen.append((epoch, epochs)))
    assert seen == [(epoch, 30) for epoch in range(1, 31)]


def test_too_few_orders_are_refused_and_leave_nothing_behind(db: Database, tmp_path: Path) -> None:
    catalog = bike_shop()
    stock(db, catalog)
    sell(db, [(person, at, [catalog[item].sku for item in items]) for person, at, items in drawn_orders(catalog, 49)])
    with pytest.raises(ModelError, match="49 completed orders"):
        train(db, tmp_path / "models", lambda: NOW)
    assert registered(db) == {}
    assert not (tmp_path / "models").exists()


def test_a_report_says_in_words_why_a_version_does_not_serve() -> None:
    report = told(worse(), None)
    assert "With it mails would show worse than without a model" in report
    assert "stays a candidate" in report
    assert "3 epochs of 30: the time was up" in report
    assert "bought in 20% (NDCG@10 0.100); bought together 40% (0.300), best sellers of the categories" in report
    assert "that go with them 20% (0.100), best sellers 20% (0.100)." in report


def test_a_report_says_whether_mails_or_checkouts_are_worse() -> None:
    fine = replace(worse(), gain=0.2)
    assert "With it checkouts would show worse" in told(fine, worse())
    assert "With it mails and checkouts would show worse" in told(worse(), worse())
    assert "With it checkouts would show worse" in told(None, worse())


def worse() -> Comparison:
    bad, good = Quality(0.1, 0.2), Quality(0.3, 0.4)
    return Comparison(40, bad, good, bad, bad, gain=-0.2, noise=0.05)


def told(mails: Comparison | None, checkouts: Comparison | None) -> str:
    return TrainReport("v1", False, 100, 200, 9, NOW, 3, 30, {}, mails, 1.0, checkouts=checkouts).summary
