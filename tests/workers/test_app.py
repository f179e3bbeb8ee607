import os
import subprocess
import sys
from pathlib import Path

import pytest

from aftercart.queue.port import QUEUE_OF
from tests.commanded import ended
from workers.app import configuration


def test_importing_the_workers_reads_no_settings(tmp_path: Path) -> None:
    """A wrong setting is told when a worker starts, not when a tool imports the module."""
    environment = {**os.environ, "AFTERCART_NONSENSE": "1"}
    imported = subprocess.run(
        [sys.executable, "-c", "import workers.tasks"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (imported.returncode, imported.stderr) == (0, "")


def test_a_worker_and_a_web_process_start_without_the_statistics_that_only_reports_ask_for() -> None:
    """They took a quarter of the time of a start."""
    code = "import sys, workers.tasks, aftercart.web.app; print({'scipy.stats', 'scipy.optimize'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def celery(folder: Path, process: str, *, without: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Start `celery -A workers worker` or `beat`, as if a package were not installed; it is to end by itself."""
    return ended(["celery", "-A", "workers", process], folder, env, without=without)


@pytest.mark.parametrize("process", ["worker", "beat"])
def test_a_process_without_settings_says_in_one_line_which_one_is_missing(tmp_path: Path, process: str) -> None:
    started = celery(tmp_path, process)
    assert started.returncode == 1
    assert (
        started.stderr == "aftercart: AFTERCART_SECRET_KEY: is not set (`aftercart init DIR` writes a working .env)\n"
    )


@pytest.mark.parametrize("process", ["worker", "beat"])
def test_a_process_without_the_packages_for_its_broker_says_so_in_one_line(tmp_path: Path, process: str) -> None:
    env = {"AFTERCART_SECRET_KEY": "k" * 40, "AFTERCART_BROKER_URL": "redis://127.0.0.1:1/0"}
    started = celery(tmp_path, process, without="packaging", **env)
    assert started.returncode == 1
    assert started.stderr == "aftercart: Redis needs an optional package: pip install 'aftercart[fleet]'\n"


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, "brand.yaml"),
        ({"AFTERCART_DATABASE_URL": "postgresql://a@127.0.0.1:1/b"}, "cannot open the database 127.0.0.1:1/b"),
    ],
)
def test_a_worker_that_could_do_no_work_does_not_start(tmp_path: Path, env: dict[str, str], said: str) -> None:
    """Not a fault for each task, once a second."""
    usual = {"AFTERCART_SECRET_KEY": "k" * 40, "AFTERCART_BROKER_URL": "redis://127.0.0.1:1/0"}
    started = celery(tmp_path, "worker", **usual, **env)
    assert started.returncode == 1
    assert started.stderr.startswith("aftercart: ")
    assert said in started.stderr
    assert started.stderr.count("\n") == 1, started.stderr


def test_no_broker_is_trusted_with_time_or_results() -> None:
    """T05: no ETA, no late acknowledgement, no result; the lease in the database recovers a send on every broker."""
    configured = configuration("redis://localhost")
    assert configured["task_acks_late"] is False
    assert configured["task_ignore_result"] is True
    for entry in configured["beat_schedule"].values():
        assert not {"eta", "countdown"} & set(entry["options"])
        assert entry["options"]["expires"] <= 60


def test_every_periodic_task_has_a_queue_that_workers_read() -> None:
    configured = configuration("redis://localhost")
    read = {queue.name for queue in configured["task_queues"]}
    assert {QUEUE_OF[entry["task"]] for entry in configured["beat_schedule"].values()} <= read
    assert set(QUEUE_OF.values()) == read


def test_a_training_is_asked_for_at_the_time_that_was_set() -> None:
    at_night = configuration("redis://localhost", "03:30")["beat_schedule"]["train"]["schedule"]
    assert (at_night.hour, at_night.minute) == ({3}, {30})
    assert "train" not in configuration("redis://localhost", "")["beat_schedule"]


def test_no_outage_is_too_long_for_a_worker() -> None:
    """By default it gives up after a hundred tries."""
    assert configuration("redis://localhost")["broker_connection_max_retries"] is None
