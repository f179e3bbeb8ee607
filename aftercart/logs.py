"""Logs: one line an event, with ids and reasons; no addresses, no payloads.

Nobody logs an address on purpose. But the words of a mail server, of a library, or of an exception may hold one, so
what looks like one is taken out last of all, from our own lines and from those of the libraries.
"""

import logging
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_NO_LETTER = r"\s@<>\"'(),:;=\[\]\\"
_DOMAIN = r"[\w-]+(?:\.[\w-]+)+"
_ADDRESS = re.compile(
    rf"[^{_NO_LETTER}]+(?:'[^{_NO_LETTER}]+)*@(?:{_DOMAIN}|\[[\w:.]+\])"
    rf"|[\w.+-]+%40{_DOMAIN}"  # as it stands in the address of a page
)
"""A name of Celery's for a worker (`deliver@host`) is none: it has no dot behind the @."""


def configure(level: int | str = logging.WARNING, own: int = logging.INFO) -> None:
    """Human-readable lines on a terminal, JSON lines elsewhere; both on stderr.

    Our own events appear from `own` on, those of the libraries (Celery, uvicorn ...) from `level` on.
    """
    tty = sys.stderr.isatty()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last = _for_people() if tty else _for_machines()
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(own),
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, _Harmless(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    _take_in_the_libraries(level, shared, last)


class _Harmless:
    """A stream that cannot be written to now and then, and tells nobody.

    A line that is lost to a full disk, to a reader who went away or to a stream that was closed (ValueError) must not
    end a thread, or undo the transaction that records what has left.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def _for_people() -> list[Processor]:
    # Not the default of rich tracebacks: they print local variables, so payloads and addresses.
    render = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return [structlog.dev.set_exc_info, _then(render, _without_addresses)]


def _for_machines() -> list[Processor]:
    return [structlog.processors.format_exc_info, _scrub, structlog.processors.JSONRenderer()]


def _then(render: Processor, change: Callable[[Any], Any]) -> Processor:
    return lambda logger, method, event: change(render(logger, method, event))


def _scrub(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Before it is rendered: within JSON an address may be written in escapes."""
    return {name: _without_addresses(value) for name, value in event.items()}


def _without_addresses(value: Any) -> Any:
    if isinstance(value, str):
        return _ADDRESS.sub("(address)", value) if "@" in value or "%40" in value else value
    if isinstance(value, list | tuple):
        return [_without_addresses(one) for one in value]
    if isinstance(value, dict):
        return {name: _without_addresses(one) for name, one in value.items()}
    return value


def _take_in_the_libraries(level: int | str, shared: list[Processor], last: list[Processor]) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_is_no_stop)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def _is_no_stop(record: logging.LogRecord) -> bool:
    """Whoever is told to stop in the midst of what a library does has no fault to tell of."""
    return not (record.exc_info and isinstance(record.exc_info[1], KeyboardInterrupt))
