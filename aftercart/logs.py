"""Logs: one line an event, with ids and reasons; no addresses, no payloads.

Nothing of ours puts an address into a log on purpose. But the message of an error may quote what it stumbled over, so
whatever looks like an address is taken out at the last moment.
"""

import logging
import re
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_PART = r"[^\s<>\"'(),:;=\[\]{}|@/]+"
_ADDRESS = re.compile(f"{_PART}@{_PART}")


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
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    _take_in_the_libraries(level, shared, last)


def _for_people() -> list[Processor]:
    # Not the default of rich tracebacks: they print local variables, so payloads and addresses.
    for_terminals = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return [structlog.processors.format_exc_info, without_addresses, for_terminals]


def _for_machines() -> list[Processor]:
    return [structlog.processors.format_exc_info, without_addresses, structlog.processors.JSONRenderer()]


def without_addresses(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The line with `[address]` for everything in it that looks like one."""
    for name, value in event.items():
        if isinstance(value, str) and "@" in value:
            event[name] = _ADDRESS.sub("[address]", value)
    return event


def _take_in_the_libraries(level: int | str, shared: list[Processor], last: list[Processor]) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
