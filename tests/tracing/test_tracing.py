"""One trace from the webhook to the hand-over, seen by OpenTelemetry's own exporter."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from time import monotonic

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.delivery.base import Outcome, Receipt
from aftercart.errors import MissingExtraError
from aftercart.ids import new_id
from aftercart.intake.signing import sign_generic
from aftercart.pipeline.incoming.ingest import take_in
from aftercart.pipeline.sending.dispatch import dispatch
from aftercart.testing import GENERIC_SECRET, ListQueue, RecordingSender, engine
from aftercart.tracing import NoTracer, open_tracer
from aftercart.tracing.otel import PATIENCE_S, OtelTracer
from aftercart.web.app import create_web
from aftercart.web.server import serving
from tests.cast import ADA, DEV, MONDAY, Shop, campaign
from tests.intake.payloads import body, generic_order
from workers import tasks
from workers.app import celery


@dataclass
class Traced:
    """An engine whose spans are kept, and its doors."""

    app: App
    client: httpx.Client
    exporter: InMemorySpanExporter

    def order(self, order_id: str, who: object) -> None:
        """A webhook comes in by the door, and a worker takes it in."""
        now = self.app.clock()
        content = body(generic_order(order_id=order_id, placed_at=now.isoformat(), customer=who))
        headers = sign_generic(GENERIC_SECRET, f"m{order_id}", content, now)
        assert self.client.post("/webhooks/generic", content=content, headers=headers).status_code == 200
        take_in(self.app)

    def deliver(self) -> None:
        """Days later, in a task."""
        assert isinstance(self.app.clock, SteppedClock)
        assert isinstance(self.app.queue, ListQueue)
        self.app.clock.step(timedelta(days=3))
        self.app.queue.published.clear()
        dispatch(self.app)
        for task, arguments in self.app.queue.published:
            assert task == "deliver"
            tasks.deliver(*arguments)

    def spans(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]


@contextmanager
def traced(tmp_path: Path, sender: RecordingSender) -> Iterator[Traced]:
    files = Shop(tmp_path / "shop").write(campaign()).files
    exporter = InMemorySpanExporter()
    with engine(tmp_path / "data", SteppedClock(MONDAY), sender, **files) as built:
        app = replace(built, tracer=OtelTracer(SimpleSpanProcessor(exporter)))
        celery.hold(app)
        with serving(create_web(app)) as url, httpx.Client(base_url=url, timeout=30) as client:
            yield Traced(app, client, exporter)


def trace_of(span: ReadableSpan) -> int:
    assert span.context
    return int(span.context.trace_id)


def test_a_hand_over_stands_in_the_trace_of_the_webhook_that_was_its_cause(tmp_path: Path) -> None:
    refused = Receipt(new_id(), Outcome.DEFERRED, "451 4.3.0 later", code=451)
    with traced(tmp_path, RecordingSender(answers={"dev@example.com": [refused]})) as seen:
        for order_id, who in (("1", ADA), ("2", DEV)):
            seen.order(order_id, who)
        seen.deliver()
        webhooks, taken_in, handed = (seen.spans(name) for name in ("webhook", "ingest", "hand_over"))
    assert len({trace_of(span) for span in webhooks}) == 2
    for parts in (taken_in, handed):
        assert {trace_of(span) for span in parts} == {trace_of(span) for span in webhooks}
        assert {span.parent.span_id for span in parts if span.parent} == {
            span.context.span_id for span in webhooks if span.context
        }
    assert {(span.attributes or {})["aftercart.outcome"] for span in handed} == {"accepted", "deferred"}


def test_a_hand_over_is_linked_to_its_batch(tmp_path: Path) -> None:
    with traced(tmp_path, RecordingSender()) as seen:
        seen.order("1", ADA)
        seen.deliver()
        [batch], [handed] = seen.spans("deliver"), seen.spans("hand_over")
    assert [link.context.span_id for link in handed.links] == [batch.context.span_id if batch.context else 0]
    assert trace_of(batch) != trace_of(handed)


def test_no_span_tells_who_it_is_about(tmp_path: Path) -> None:
    with traced(tmp_path, RecordingSender()) as seen:
        seen.order("1", ADA)
        seen.deliver()
        told = "".join(span.to_json() for span in seen.exporter.get_finished_spans())
    assert "hand_over" in told
    assert "@" not in told
    assert "Ada" not in told


def test_a_fault_is_told_by_its_kind_and_not_in_words_that_may_name_somebody() -> None:
    """OpenTelemetry would send its text, and the trace of calls, to the collector."""
    exporter = InMemorySpanExporter()
    tracer = OtelTracer(SimpleSpanProcessor(exporter))
    with pytest.raises(ValueError, match="ada"), tracer.span("deliver"):
        raise ValueError("Key (email)=(ada@example.com) already exists")
    [span] = exporter.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
    assert "example.com" not in span.to_json()  # ids are hexadecimal, and may spell a name


def test_a_trace_that_a_stranger_names_is_not_continued(tmp_path: Path) -> None:
    """Who may post anything could else put spans into any trace, or switch them off."""
    with traced(tmp_path, RecordingSender()) as seen:
        theirs = f"00-{'a' * 32}-{'b' * 16}-00"
        seen.client.headers["traceparent"] = theirs
        seen.order("1", ADA)
        [webhook] = seen.spans("webhook")
        [taken_in] = seen.spans("ingest")
    assert trace_of(taken_in) == trace_of(webhook) != int("a" * 32, 16)


def test_nobody_listens_unless_it_is_asked_for() -> None:
    """And all the rest works without the packages of the extra (FastAPI brings the bare API of OpenTelemetry)."""
    assert isinstance(open_tracer(""), NoTracer)
    code = (
        "import sys; sys.modules['opentelemetry.sdk'] = None\n"
        "import aftercart.web.app, workers.tasks\n"
        "print('aftercart.tracing' in sys.modules, 'aftercart.tracing.otel' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "True False\n"


def test_a_collector_without_the_packages_for_it_is_refused_with_their_name() -> None:
    code = (
        "import sys; sys.modules['opentelemetry.sdk'] = None\n"
        "from aftercart.errors import MissingExtraError\n"
        "from aftercart.tracing import open_tracer\n"
        "try: open_tracer('http://127.0.0.1:4318')\n"
        "except MissingExtraError as err: print(err)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "AFTERCART_TRACES_URL needs an optional package: pip install 'aftercart[otel]'\n"
    assert issubclass(MissingExtraError, Exception)


def test_a_collector_that_is_away_holds_up_nothing() -> None:
    tracer = open_tracer("http://127.0.0.1:1")
    with tracer.span("webhook", shop="generic") as traceparent:
        assert traceparent.startswith("00-")
    started = monotonic()
    tracer.close()
    assert PATIENCE_S < 5, "but for a busy machine"
    assert monotonic() - started < 25, "without that patience it is ten seconds, and as long again for each try"


@pytest.mark.parametrize("parent", ["", "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
def test_what_names_no_trace_begins_one(parent: str) -> None:
    exporter = InMemorySpanExporter()
    tracer = OtelTracer(SimpleSpanProcessor(exporter))
    tracer.record("hand_over", parent, MONDAY, MONDAY + timedelta(seconds=1), outcome="accepted")
    [span] = exporter.get_finished_spans()
    assert span.parent is None
    assert (span.end_time or 0) - (span.start_time or 0) == 1_000_000_000
