"""Traces by OpenTelemetry, for any collector that takes OTLP over HTTP."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from aftercart import __version__
from aftercart.errors import MissingExtraError
from aftercart.tracing import HEADER, Fact

try:
    from opentelemetry.context import Context
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace import Link, Span, StatusCode, get_current_span, set_span_in_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError as err:
    raise MissingExtraError("otel", "AFTERCART_TRACES_URL") from err

PATIENCE_S = 3
"""With a collector that is away. So long it may hold up the end of a process."""
_w3c = TraceContextTextMapPropagator()


class OtelTracer:
    """Hands every span to one processor. Contexts are passed on by hand, as they travel through the database."""

    on = True

    def __init__(self, processor: SpanProcessor) -> None:
        about = Resource.create({"service.name": "aftercart", "service.version": __version__})
        self._provider = TracerProvider(resource=about, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("aftercart", __version__)

    @contextmanager
    def span(self, name: str, **facts: Fact) -> Iterator[str]:
        # A fault by its kind alone: its words, which OpenTelemetry would add, may hold an address.
        with self._tracer.start_as_current_span(
            name, Context(), attributes=_named(facts), record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield _traceparent(span)
            except Exception as err:
                span.set_status(StatusCode.ERROR, type(err).__name__)
                raise

    def record(
        self, name: str, parent: str, began: datetime, ended: datetime, *, links: Sequence[str] = (), **facts: Fact
    ) -> None:
        """What was done before, as a part of the trace of `parent`."""
        linked = [Link(get_current_span(_context(link)).get_span_context()) for link in links if link]
        span = self._tracer.start_span(
            name, _context(parent), attributes=_named(facts), links=linked, start_time=_ns(began)
        )
        span.end(_ns(ended))

    def close(self) -> None:
        """Hand over what was recorded."""
        self._provider.shutdown()


def to_collector(url: str) -> OtelTracer:
    """Sends spans in batches, from a thread of its own. A collector that is away costs spans, and nothing else."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as err:
        raise MissingExtraError("otel", "AFTERCART_TRACES_URL") from err
    exporter = OTLPSpanExporter(endpoint=f"{url.rstrip('/')}/v1/traces", timeout=PATIENCE_S)
    return OtelTracer(BatchSpanProcessor(exporter))


def _named(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    return {f"aftercart.{name}": value for name, value in facts.items()}


def _traceparent(span: Span) -> str:
    carrier: dict[str, str] = {}
    _w3c.inject(carrier, set_span_in_context(span))
    return carrier.get(HEADER, "")


def _context(traceparent: str) -> Context:
    """One that is not of our making (a header cut off) begins a trace of its own."""
    return _w3c.extract({HEADER: traceparent}, Context())


def _ns(instant: datetime) -> int:
    return int(instant.timestamp() * 1_000_000) * 1_000
