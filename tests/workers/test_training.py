"""The nightly training: a process of its own that disturbs nobody and leaves nothing half done."""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aftercart.db.session import Database
from aftercart.pipeline.learning.train import last_trained
from aftercart.settings import Settings, read_settings
from aftercart.testing import lay_down, settings_for
from tests.rows import Rows
from workers.training import AGAIN_AFTER, LOCK_FILE, Trainer


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation whose shop has sold a few things."""
    made = settings_for(tmp_path / "data")
    lay_down(made.database)
    with closing(Database(made.database)) as db:
        _sell(db, orders=60)
    return made


@pytest.fixture
def db(settings: Settings) -> Iterator[Database]:
    with closing(Database(settings.database)) as opened:
        yield opened


def _sell(db: Database, orders: int) -> None:
    rows = Rows(db)
    for number in range(8):
        rows.product(f"SKU-{number}")
    for number in range(orders):
        order = rows.order(
            rows.recipient(f"buyer{number}@example.com"), datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
        )
        rows.line(order, f"SKU-{number % 8}", 1, 1000)
        rows.line(order, f"SKU-{(number + 3) % 8}", 1, 1000, line_no=2)


def test_a_model_is_trained_and_registered_and_a_second_message_for_the_same_night_trains_no_second_one(
    settings: Settings, db: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    Trainer().run(settings)
    first = last_trained(db)
    assert first
    assert datetime.now(UTC) - first < timedelta(minutes=1)
    assert [folder.name for folder in settings.models_dir.iterdir() if folder.is_dir()]
    Trainer().run(settings)
    assert last_trained(db) == first
    assert timedelta(0) < AGAIN_AFTER < timedelta(days=1)
    assert "the newest model is from today" in capfd.readouterr().err


def test_two_at_once_are_one(settings: Settings, db: Database, capfd: pytest.CaptureFixture[str]) -> None:
    settings.models_dir.mkdir(parents=True)
    with (settings.models_dir / LOCK_FILE).open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        Trainer().run(settings)
    assert last_trained(db) is None
    assert "another process trains already" in capfd.readouterr().err


def test_a_shop_with_too_few_orders_is_no_fault(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Trainer().run(settings_for(tmp_path / "new"))
    said = capfd.readouterr().err
    assert "training_skipped" in said
    assert "training_failed" not in said


def test_an_installation_that_cannot_train_says_why(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Trainer().run(settings_for(tmp_path, database_url="postgresql://nobody@127.0.0.1:1/nothing"))
    said = capfd.readouterr().err
    assert "cannot open the database 127.0.0.1:1/nothing" in said
    assert "Traceback" not in said


def test_who_stops_the_worker_stops_the_training(
    settings: Settings, db: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    trainer = Trainer()
    running = threading.Thread(target=trainer.run, args=(settings,))
    with db.write():  # until then the training cannot come to its end
        running.start()
        while trainer.pid is None:
            pass
        trainer.stop()
        running.join(timeout=60)
    assert not running.is_alive()
    trainer.run(settings)
    assert last_trained(db) is None
    assert "training_failed" not in capfd.readouterr().err


def test_a_child_process_has_the_settings_of_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = settings_for(tmp_path, secret_key=("a" * 32, "b" * 32), workers=7, train_at="")
    for name, value in given.as_environment().items():
        monkeypatch.setenv(name, value)
    assert read_settings() == given
