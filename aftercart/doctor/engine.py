"""Does the one process run that does everything?"""

import fcntl
from collections.abc import Iterator
from pathlib import Path

from aftercart.doctor.finding import Finding, fine, warn

ENGINE = "engine"


def check_engine(lock_file: Path) -> Iterator[Finding]:
    """`aftercart up` holds a lock as long as it lives."""
    holder = _holder(lock_file)
    if holder is None:
        yield warn(ENGINE, "does not run", "aftercart up")
    else:
        yield fine(ENGINE, f"runs (process {holder})")


def _holder(lock_file: Path) -> str | None:
    try:
        with lock_file.open(encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip() or "unknown"
    except OSError:  # it never ran here
        return None
    return None
