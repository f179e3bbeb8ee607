"""The nightly training, in a process of its own.

It wants a processor for minutes and memory that it would never give back, and sending must feel neither. So the task
starts it and waits; it is nice to all others, and whoever stops the worker stops it too. It writes nothing before its
end, so nothing is lost but its time.
"""

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import structlog

from aftercart import logs
from aftercart.clock import utc_now
from aftercart.db import migrate
from aftercart.db.session import Database
from aftercart.errors import AftercartError, ModelError
from aftercart.pipeline.learning.train import last_trained, train
from aftercart.settings import Settings, read_settings

log = structlog.get_logger()

LONGEST = timedelta(hours=2)
AGAIN_AFTER = timedelta(hours=12)
"""A second message for the same night, or one that follows a training by hand, trains no second model."""
NICENESS = 10
LOCK_FILE = "train.lock"
MAIN = "import sys; from workers.training import main; sys.exit(main())"


class Trainer:
    """Starts the training, one at a time, and ends it when it is told to stop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def run(self, settings: Settings) -> None:
        """Train with these settings; return when it has ended, however it ended."""
        process = self._started(settings)
        if process is None:
            return
        try:
            code = process.wait(LONGEST.total_seconds())
        except BaseException:  # it takes too long, or the worker's own limit has struck
            process.kill()
            process.wait()
            raise
        if code and not self._stopped:
            log.error("training_failed", exit_code=code)

    @property
    def pid(self) -> int | None:
        """Of the process that trains, or the last that did."""
        return self._process.pid if self._process else None

    def stop(self) -> None:
        """End the training that runs, and begin no other until `go_on`."""
        with self._lock:
            self._stopped = True
            if self._process and self._process.poll() is None:
                self._process.terminate()

    def go_on(self) -> None:
        """Take it back."""
        self._stopped = False

    def _started(self, settings: Settings) -> "subprocess.Popen[bytes] | None":
        with self._lock:
            if self._stopped:
                return None
            environment = {**os.environ, **settings.as_environment()}
            self._process = subprocess.Popen([sys.executable, "-c", MAIN], env=environment, stdin=subprocess.DEVNULL)
            return self._process


trainer = Trainer()


def main() -> int:
    """Train one model, unless that was done lately or is being done; the exit code."""
    logs.configure()
    os.nice(NICENESS)
    try:
        _train(read_settings())
    except ModelError as err:  # a new shop: the fallbacks serve until there are orders enough
        log.info("training_skipped", why=str(err))
    except AftercartError as err:
        log.error("training_failed", error=str(err))
        return 1
    return 0


def _train(settings: Settings) -> None:
    with closing(Database(settings.database)) as database, _alone(settings.models_dir) as alone:
        migrate.make_usable(database)
        last = last_trained(database)
        if not alone:
            log.info("training_skipped", why="another process trains already")
        elif last and utc_now() - last < AGAIN_AFTER:
            log.info("training_skipped", why="the newest model is from today", trained_at=last.isoformat())
        else:
            report = train(database, settings.models_dir, utc_now)
            log.info("model_trained", version=report.version, serving=report.serving, seconds=round(report.seconds, 1))


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether nobody else trains into this folder. The kernel forgets the lock when its holder dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
