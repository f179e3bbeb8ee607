"""What the engine asks the machine that it runs on."""

import gc
from contextlib import suppress
from functools import cache
from pathlib import Path
from uuid import getnode

from threadpoolctl import threadpool_limits

_LINUX = Path("/proc/sys/kernel/random/boot_id")
_NAMES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


@cache
def boot_id() -> str | None:
    """A name for the time since the machine was started, another one after each start; None where it tells none."""
    try:
        return _LINUX.read_text(encoding="ascii").strip() or None
    except OSError:
        return None


@cache
def machine_id() -> str | None:
    """A name for this machine that stays (machine-id(5)); None where it has none. In a container it is the image's."""
    for file in _NAMES:
        with suppress(OSError):
            if name := file.read_text(encoding="ascii").strip():
                return name
    return f"{getnode():012x}" if not getnode() >> 40 & 1 else None  # that bit: no address of a card, but drawn by lot


def settle_in() -> None:
    """Prepare this process for working off batches, once all that stays is loaded.

    By default Python's cycle collector walks templates, models and the code of every library again for each batch: a
    quarter of all time that a send costs. And the matrices of a batch are small: shared among threads their product
    takes longer, above all on a busy machine, and workers are as many as there are cores anyway.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    threadpool_limits(1, user_api="blas")
