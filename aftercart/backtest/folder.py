"""Where the copy of a backtest lies: beside the data it is a copy of, and never longer than its process lives.

It holds addresses. A process that is killed cannot remove its own, so the next one removes whatever no living process
holds.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

_LOCK = "held"


@contextmanager
def own_folder(above: Path) -> Iterator[Path]:
    """A new folder below `above`, removed at the end; what killed processes have left there is removed first."""
    above.mkdir(parents=True, exist_ok=True)
    _sweep(above)
    folder = Path(mkdtemp(dir=above))
    handle = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _sweep(above: Path) -> None:
    for folder in above.iterdir():
        with suppress(FileNotFoundError, BlockingIOError):  # one that has no lock yet is just being made; or it is held
            handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel lets go of a dead process's locks
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)
