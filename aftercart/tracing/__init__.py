"""One trace from a webhook to the mails that come of it, days later; off unless an installation asks for it.

A trace is named by a `traceparent` (W3C Trace Context), which is kept with the webhook's event. OpenTelemetry is
imported in `otel.py` alone, and that only where traces are wanted.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Protocol

HEADER = "traceparent"
"""Under this name an event keeps where its trace began."""
Fact = str | int | float | bool


class Tracer(Protocol):
    """Safe to use from many threads. Facts are ids and reasons, never addresses."""

    on: bool
    """False: nobody listens, so spare the work of finding out what to tell."""

    def span(self, name: str, **facts: Fact) -> AbstractContextManager[str]:
        """What is done in the block, as a trace of its own; yields its traceparent (empty where nobody listens)."""
        ...

    def record(
        self, name: str, parent: str, began: datetime, ended: datetime, *, links: Sequence[str] = (), **facts: Fact
    ) -> None:
        """What was done before, as a part of the trace of `parent`. `links`: traceparents of what it was done with."""
        ...

    def close(self) -> None:
        """Hand over what was recorded."""
        ...


class NoTracer:
    """Nobody listens."""

    on = False

    @contextmanager
    def span(self, name: str, **facts: Fact) -> Iterator[str]:  # noqa: ARG002  # the port's signature
        yield ""

    def record(
        self, name: str, parent: str, began: datetime, ended: datetime, *, links: Sequence[str] = (), **facts: Fact
    ) -> None:
        """Nobody listens."""

    def close(self) -> None:
        """Nothing to hand over."""


def open_tracer(url: str) -> Tracer:
    """The tracer that sends to a collector (OTLP over HTTP); none without a URL. Raises MissingExtraError."""
    if not url:
        return NoTracer()
    from aftercart.tracing.otel import to_collector

    return to_collector(url)
