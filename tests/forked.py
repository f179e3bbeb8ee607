"""Processes of their own, without the seconds in which each imports everything: they are forked off one that has."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

FORKED = get_context("forkserver")
FORKED.set_forkserver_preload(
    [
        "aftercart.bootstrap",
        "aftercart.cli.faults",
        "aftercart.pipeline.sending.send",
        "aftercart.cli.serve",
        "aftercart.doctor.examine",
        "aftercart.web.app",
        "aftercart.web.server",
        "alembic.command",
        "celery.apps.worker",
        "celery.bin.worker",
        "workers.embedded",
        "workers.tasks",
        "tests.messages",
        "tests.smtp_server",
    ]
)


class Forked:
    """A command that was forked, with what the tests ask of a `subprocess.Popen`."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return code

    def send_signal(self, which: int) -> None:
        """Nothing happens to one that has ended."""
        if self.poll() is None:
            os.kill(self.pid, which)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def fork(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], files: Sequence[Path], without: str = ""
) -> Forked:
    """Start `aftercart ...` or `celery ...` in a folder, as if a package were not installed (`without`). `files`: its
    input, its output, and where its faults go."""
    arguments = (list(command), folder, dict(environment), list(files), without)
    return Forked(FORKED.Process(target=_become, args=arguments, name=command[0]))


def _become(
    command: list[str], folder: Path, environment: Mapping[str, str], files: Sequence[Path], without: str
) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, file in enumerate(files):
        opened = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND if descriptor else os.O_RDONLY)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.stdin = os.fdopen(0)  # the forked process has closed its own
    sys.argv = command
    if without:
        sys.modules[without] = None  # type: ignore[assignment]  # what Python itself does to an import that failed
    if command[0] == "celery":
        from celery.__main__ import main as celery

        celery()
    else:
        from aftercart.cli import main as aftercart

        aftercart()
