"""What the engine asks the machine that it runs on."""

from functools import cache
from pathlib import Path

_LINUX = Path("/proc/sys/kernel/random/boot_id")


@cache
def boot_id() -> str | None:
    """A name for the time since the machine was started, another one after each start; None where it tells none."""
    try:
        return _LINUX.read_text(encoding="ascii").strip() or None
    except OSError:
        return None
