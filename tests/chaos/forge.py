"""Starts processes of the installation in a moment: it has imported everything once and forks for each.

What is killed is a whole process all the same, with connections, threads and children of its own; only the seconds of
importing are saved, in which there is nothing to lose. Reads a line of JSON for each command, answers with its pid.
"""

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.chaos.told_clock import ToldClock


def main() -> None:
    """Fork for every line of stdin, until it ends."""
    _import_everything()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries what was killed
    for line in sys.stdin:
        command = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(command)
        with suppress(OSError):  # it may have done so itself, or be dead
            os.setpgid(pid, pid)
        print(pid, flush=True)


def _import_everything() -> None:

    import workers.embedded
    import workers.tasks  # noqa: F401  # all of them for the forks


def _become(command: dict[str, Any]) -> None:
    """This process is the command from now on: a group, a folder, an environment and a log of its own."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setpgid(0, 0)
        os.chdir(command["folder"])
        os.environ.clear()
        os.environ.update(command["environment"])
        log = os.open(command["log"], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for theirs, ours in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(theirs, ours)
        _live_by(Path(command["clock"]))
        sys.argv = command["arguments"]
        code = _run()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        os._exit(code)


def _live_by(file: Path) -> None:
    """The engine is given its clock where it is put together; here it is given this one.

    It looks at its campaigns all the time, so that what is told to them is seen at once.
    """
    from aftercart.bootstrap import build
    from aftercart.campaigns.live import LiveCampaigns

    LiveCampaigns.__init__.__kwdefaults__ = {"look_again_s": 0.02}
    build.__kwdefaults__ = {**(build.__kwdefaults__ or {}), "clock": ToldClock(file)}


def _run() -> int:
    if sys.argv[0] == "celery":
        from celery.__main__ import main as celery

        celery()
        return 0
    from aftercart.cli import main as aftercart

    aftercart()
    return 0


if __name__ == "__main__":
    main()
