"""What is done to an installation, a moment each."""

import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic, sleep

from tests.chaos.faults import Does, Fault
from tests.chaos.rig import Rig
from tests.chaos.servers import until
from tests.chaos.shop import is_poison, is_poisonous_mailbox

HOUR = timedelta(hours=1)
LONGEST_S = 0.1
"""For which the mail server thinks about a mail."""


def wait_for_a_bad_moment(rig: Rig) -> None:
    """At random; every other time while mails are being handed over, if there are any soon."""
    if rig.rng.random() < 0.5:
        sleep(rig.rng.uniform(0, 0.8))
        return
    deadline = monotonic() + 5
    while not rig.server.bodies and monotonic() < deadline:
        sleep(0.001)
    sleep(rig.rng.uniform(0, LONGEST_S))


def a_kill(rig: Rig) -> None:
    wait_for_a_bad_moment(rig)
    rig.kill("up")
    rig.processes.keep_up()


def a_full_disk(rig: Rig) -> None:
    until(rig.door.is_ready, "the web process answers")  # one that starts on a full disk ends at once, and says so
    with rig.trouble():
        _files_may_grow_to(rig, 0)
        sleep(rig.rng.uniform(0.2, 1))
        _files_may_grow_to(rig, resource.RLIM_INFINITY)


def _files_may_grow_to(rig: Rig, size: int) -> None:
    """Beyond this, writing fails (EFBIG)."""
    pid = rig.processes.pid("up")
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


def a_step_of_the_clock(rig: Rig) -> None:
    with rig.trouble():  # what waits for its answer while an hour passes has run out of its lease
        rig.clock.step(rig.rng.choice([HOUR, -HOUR]))
        sleep(0.1)


# ---------------------------------------------------------------- the mail server misbehaves


REPLIES = [
    Fault("rcpt", "421 4.3.2 closing", 2),
    Fault("body", "421 4.3.2 closing", 2),
    Fault("rcpt", "450 4.2.1 mailbox busy", 3),
    Fault("rcpt", "451 4.7.1 greylisted", 3),
    Fault("body", "451 4.3.0 try again", 3),
    Fault("rcpt", "452 4.3.1 no room", 2),
    Fault("rcpt", "452 4.2.2 mailbox full", 2),
    Fault("data", "451 4.3.0 not now", 2),
    Fault("rcpt", "550 5.1.1 no such user", 2),
    Fault("rcpt", "550 5.7.1 not you", 2),
    Fault("body", "552 5.3.4 too large", 2),
    Fault("body", "554 5.6.0 no", 2),
    Fault("rcpt", Does.HANG_UP, 2),
    Fault("rcpt", Does.RESET, 2),
    Fault("rcpt", Does.GARBAGE, 2),
    Fault("data", Does.GARBAGE, 2),
    Fault("rcpt", Does.TRICKLE, 2),
    Fault("body", Does.TRICKLE, 2),
    Fault("body", Does.HANG_UP, 2, leaves_in_doubt=True),
    Fault("body", Does.RESET, 2, leaves_in_doubt=True),
    Fault("body", Does.GARBAGE, 2, leaves_in_doubt=True),
]
"""Every class of answer that is none of the usual ones. Each order is two mails, so twice is once for each."""


def spread(rig: Rig, faults: list[Fault], every: int, upto: int) -> None:
    """Every so many orders the next fault, but not to those that are poison."""
    healthy = (number for number in range(upto) if not is_poison(number) and not is_poisonous_mailbox(number))
    for turn, number in enumerate(number for number in healthy if number % every == 0):
        rig.misbehave(number, faults[turn % len(faults)])


@contextmanager
def silence_ends(rig: Rig) -> Iterator[None]:
    """Whoever falls silent from now on is let go soon."""
    ended = threading.Event()

    def let_go() -> None:
        while not ended.wait(0.3):
            rig.server.let_go()

    letting_go = threading.Thread(target=let_go)
    letting_go.start()
    try:
        yield
    finally:
        ended.set()
        letting_go.join()
