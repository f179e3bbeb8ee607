"""Asking what may never answer (a broker behind a name server that hangs) without waiting for it for ever."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

T = TypeVar("T")


class Patience(Generic[T]):
    """Asks several questions at once, each in a thread of its own that no end of the process waits for.

    One that has not been answered yet is not asked again: it is waited for, so threads do not pile up.
    """

    def __init__(self, within_s: float) -> None:
        self.within_s = within_s
        self._asked: dict[str, Future[T]] = {}

    def ask(self, questions: Mapping[str, Callable[[], T]]) -> dict[str, "Future[T]"]:
        """The answers so far; a future that is not done has none in time."""
        for name, question in questions.items():
            if name not in self._asked or self._asked[name].done():
                self._asked[name] = _asked(question)
        asked = {name: self._asked[name] for name in questions}
        wait(asked.values(), timeout=self.within_s)
        return asked


def _asked(question: Callable[[], T]) -> "Future[T]":
    answer: Future[T] = Future()

    def ask() -> None:
        try:
            answer.set_result(question())
        except Exception as err:  # noqa: BLE001  # a door: whatever it was, it is the answer
            answer.set_exception(err)

    threading.Thread(target=ask, name="patience", daemon=True).start()
    return answer
