from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event

import pytest

from aftercart.pipeline.sending.turn import FAR_S, Hold, Turn

A_WHILE_S = 0.05
PATIENCE_S = 10


class Seconds:
    """A clock that stands still until it is told."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def nothing(_: Hold) -> None:
    """It has not begun to hand mails over: it computes."""


@pytest.mark.parametrize(("does", "lets_go"), [(nothing, False), (Hold.heard, True)])
def test_only_a_batch_that_waits_for_its_mail_server_lets_others_compute(
    does: Callable[[Hold], None], lets_go: bool
) -> None:
    clock, begun = Seconds(), Event()
    turn = Turn(clock)

    def next_batch() -> None:
        with turn.taken():
            begun.set()

    with ThreadPoolExecutor() as threads:
        with turn.taken() as hold:
            does(hold)
            threads.submit(next_batch)
            assert not begun.wait(A_WHILE_S)
            clock.now += 2 * FAR_S
            assert begun.wait(PATIENCE_S if lets_go else A_WHILE_S) is lets_go
        assert begun.wait(PATIENCE_S)


def test_a_batch_that_was_passed_by_ends_nobody_elses_turn() -> None:
    clock, begun = Seconds(), Event()
    turn = Turn(clock)

    def third_batch() -> None:
        with turn.taken():
            begun.set()

    with ThreadPoolExecutor() as threads, ExitStack() as passed_by:
        passed_by.enter_context(turn.taken()).heard()
        clock.now += 2 * FAR_S
        with turn.taken():
            passed_by.close()
            threads.submit(third_batch)
            assert not begun.wait(A_WHILE_S)
        assert begun.wait(PATIENCE_S)
