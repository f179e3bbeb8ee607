"""The processes of an installation: started by the forge, killed without a word, started again."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Self

import psutil

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Command:
    """A process that shall always run: the arguments behind its name."""

    name: str
    arguments: tuple[str, ...]


class Forge:
    """Makes processes while the `with` block lasts, for as many installations as one likes."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.forge"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def start(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], clock: Path) -> int:
        """A process with these arguments; its id, which is that of its group too."""
        log = folder / f"{arguments[0]}.log"
        command = {
            "arguments": list(arguments),
            "folder": str(folder),
            "environment": dict(environment),
            "clock": str(clock),
            "log": str(log),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(command), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())


class Processes:
    """What an installation runs. Whatever has died is started again by `keep_up`, as systemd would."""

    def __init__(
        self, forge: Forge, commands: Sequence[Command], folder: Path, environment: Mapping[str, str], clock: Path
    ) -> None:
        self._forge, self._folder, self._clock = forge, folder, clock
        self._commands = {command.name: command for command in commands}
        self.environment = dict(environment)
        self._pids: dict[str, int] = {}

    @property
    def names(self) -> list[str]:
        return list(self._commands)

    def keep_up(self, *names: str) -> None:
        """Start those that do not run (all of them where none is named)."""
        for name in names or self._commands:
            if not self.runs(name):
                arguments = self._commands[name].arguments
                self._pids[name] = self._forge.start(arguments, self._folder, self.environment, self._clock)

    def runs(self, name: str) -> bool:
        return name in self._pids and _is_alive(self._pids[name])

    def pid(self, name: str) -> int:
        return self._pids[name]

    def children(self, name: str) -> list[int]:
        """The processes that it has started itself."""
        with suppress(psutil.NoSuchProcess):
            return [child.pid for child in psutil.Process(self._pids[name]).children()]
        return []

    def kill(self, name: str) -> None:
        """SIGKILL for it and all that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self._pids[name], signal.SIGKILL)
        _wait_for_the_end(self._pids[name])

    def kill_one(self, pid: int) -> None:
        """SIGKILL for one process; those that it started must find out."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        _wait_for_the_end(pid)

    def signal(self, name: str, what: signal.Signals) -> None:
        """To the whole group."""
        with suppress(ProcessLookupError):
            os.killpg(self._pids[name], what)

    def stop(self, seconds: float = 10) -> None:
        """Tell all of them to end, and kill what does not."""
        running = [name for name in self._commands if self.runs(name)]
        for name in running:
            with suppress(ProcessLookupError):
                os.kill(self._pids[name], signal.SIGTERM)
        deadline = monotonic() + seconds
        while any(map(self.runs, running)) and monotonic() < deadline:
            sleep(0.02)
        self.kill_all()

    def kill_all(self) -> None:
        for name in self._pids:
            self.kill(name)

    def logs(self) -> str:
        """The last lines of what they wrote."""
        return "\n".join(f"{file.name}: {file.read_text()[-2000:]}" for file in sorted(self._folder.glob("*.log")))


def _is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _wait_for_the_end(pid: int) -> None:
    deadline = monotonic() + 10
    while _is_alive(pid):
        assert monotonic() < deadline, f"{pid} outlived SIGKILL"
        sleep(0.005)
