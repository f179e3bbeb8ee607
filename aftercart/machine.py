"""What the engine asks the machine that it runs on."""

import gc
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


def settle_heap() -> None:
    """Tell Python that what is loaded by now stays. Once in each process that works off batches.

    By default the cycle collector walks templates, models and the code of every library again for each batch: a
    quarter of all time that a send costs. Newer objects are still collected, less often.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
