"""How far scores have moved since the training, from counts of days."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from aftercart.db.session import Database
from aftercart.db.tables import mailed_days, model_versions
from aftercart.reports.recommending import recommending
from aftercart.web.recommendation_metrics import recommendation_metrics
from tests.rows import MONDAY

AT_TRAINING = {"first_scores": {"cases": 99, "mean": 5.0, "deviation": 2.0}}


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    with closing(Database(database_url)) as opened:
        yield opened


def a_model_serves(db: Database, facts: dict[str, Any]) -> None:
    row = {"version": "v1", "state": "serving", "trained_at": MONDAY, "checksum": "", "facts": facts}
    with db.write() as connection:
        connection.execute(insert(model_versions), row)


def a_day(db: Database, back: int, first_picks: int, first_score: float, model: str = "v1") -> None:
    row = {"day": (MONDAY - back * timedelta(days=1)).date(), "model": model, "mails": 99, "anchors": 99}
    with db.write() as connection:
        connection.execute(
            insert(mailed_days), row | {"unknown_anchors": 0, "first_picks": first_picks, "first_score": first_score}
        )


def drift(db: Database) -> float | None:
    with db.read() as connection:
        return recommending(connection, MONDAY).score_drift


def test_drift_is_counted_in_deviations_of_the_training_and_for_the_model_that_serves_alone(db: Database) -> None:
    a_model_serves(db, AT_TRAINING)
    a_day(db, 0, 20, 60.0)
    a_day(db, 3, 20, 60.0)
    a_day(db, 9, 20, 900.0)
    a_day(db, 0, 20, 900.0, model="v0")
    assert drift(db) == pytest.approx(-1.0)


def test_few_mails_say_nothing_of_drift(db: Database) -> None:
    a_model_serves(db, AT_TRAINING)
    a_day(db, 0, 29, 60.0)
    assert drift(db) is None


@pytest.mark.parametrize("facts", [{}, {"first_scores": None}, {"first_scores": {"mean": 1.0, "deviation": 0.0}}])
def test_a_model_that_noted_no_scores_has_no_drift(db: Database, facts: dict[str, Any]) -> None:
    a_model_serves(db, facts)
    a_day(db, 0, 40, 60.0)
    assert drift(db) is None


def test_what_nobody_can_say_is_no_number(db: Database) -> None:
    with db.read() as connection:
        metrics = list(recommendation_metrics(recommending(connection, MONDAY)))
    assert len(metrics) == 5
    assert not any(metric.samples for metric in metrics)
