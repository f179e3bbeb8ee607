"""A limit by the second is a pace: a thread waits for its turn."""

from collections.abc import Callable
from datetime import timedelta
from time import sleep

from aftercart.clock import Clock
from aftercart.delivery.limits.traffic import Wait

PATIENCE = timedelta(seconds=2)
"""How long a thread waits for its turn under a limit by the second."""
A_MOMENT = 0.001


def rest(wait: Wait, clock: Clock, let_pass: Callable[[float], None] = sleep) -> bool:
    """Wait for the pace; False where that would take too long. `let_pass`: lets seconds pass."""
    left = wait.until - clock()
    if not wait.is_pace or left > PATIENCE:
        return False
    before = clock()
    let_pass(A_MOMENT)
    if clock() == before:
        return False  # one that stands still is no clock to wait by
    let_pass(max(left.total_seconds() - A_MOMENT, 0))
    return True
