import os
import subprocess
import sys
from pathlib import Path

from aftercart.queue.port import QUEUE_OF
from workers.app import configuration


def test_importing_the_workers_reads_no_settings(tmp_path: Path) -> None:
    """A wrong setting is told when a worker starts, not when a tool imports the module."""
    environment = {**os.environ, "AFTERCART_NONSENSE": "1"}
    imported = subprocess.run(
        [sys.executable, "-c", "import workers.tasks"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (imported.returncode, imported.stderr) == (0, "")


def test_a_worker_without_settings_says_which_one_is_missing(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AFTERCART_")}
    started = subprocess.run(
        [str(Path(sys.executable).parent / "celery"), "-A", "workers", "worker"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert started.returncode != 0
    assert "AFTERCART_SECRET_KEY: is not set" in started.stderr.splitlines()[-1]


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
