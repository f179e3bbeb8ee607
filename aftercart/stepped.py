"""An engine that does what is due when it is told to, in this process: for tests, and for a year in minutes.

Its clock stands still but for whoever moves it; what would go to workers waits in a list.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from aftercart.bootstrap import App
from aftercart.consent import store as consent
from aftercart.ledger import store as ledger
from aftercart.pipeline.recipients.confirm import ask
from aftercart.pipeline.sending.dispatch import dispatch
from aftercart.pipeline.sending.send import deliver


@dataclass
class ListQueue:
    """Keeps what was published; `run_due` works it off. `expiries`: of every message ever, in seconds."""

    published: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    expiries: list[float | None] = field(default_factory=list)

    def publish(self, task: str, *args: Any, expires_s: float | None = None) -> bool:
        self.published.append((task, args))
        self.expiries.append(expires_s)
        return True

    def waiting(self, task: str) -> int:
        return sum(name == task for name, _ in self.published)

    def close(self) -> None:
        """Nothing to close."""


def run_due(app: App) -> int:
    """Do what is due now; how many sends were handed out for it."""
    if not isinstance(app.queue, ListQueue):
        raise TypeError("run_due needs an engine with a ListQueue")
    handed_out = dispatch(app)
    published, app.queue.published[:] = list(app.queue.published), []
    for task, args in published:
        if task == "deliver":
            deliver(app, [UUID(send_id) for send_id in args[0]])
        elif task == "confirm":
            ask(app, [UUID(id_) for id_ in args[0]])
    return handed_out


def next_wake(app: App) -> datetime | None:
    """When there is something to do next; None where nothing is planned."""
    with app.db.read() as connection:
        wakes = (ledger.next_wake(connection), consent.next_wake(connection))
    return min(filter(None, wakes), default=None)
