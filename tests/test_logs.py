"""Whatever is logged, whoever logs it: one JSON object a line, and nobody's address in it."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def logged(code: str) -> list[dict[str, Any]]:
    """The lines of a process that logs."""
    begin = "import logging, structlog; from aftercart.logs import configure; configure(); log = structlog.get_logger()"
    ran = subprocess.run([sys.executable, "-c", f"{begin}\n{code}"], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in ran.stderr.splitlines()]


@pytest.mark.parametrize(
    "code",
    [
        "log.warning('refused', why='550 <ada.l+x@example.com>: no such user')",
        "log.warning('refused', tried=['ada@example.com', {'to': 'ada@example.com'}])",
        "log.warning('refused', why='élise@exämple.fr')",
        "log.warning('refused', why='cannot open https://mail.example/v1/log?to=ada%40example.com&page=2')",
        "log.warning('refused', why='550 <ada@[192.0.2.1]>: no such user')",
        "log.warning('refused', why=\"550 <ada.o'ada@example.com>: no such user\")",
        "logging.getLogger('kombu').error('cannot connect to %s', 'amqp://user:pw@broker.example.com')",
        "try: raise ValueError('ada@example.com')\nexcept ValueError: log.exception('failed')",
        "try: raise ValueError('ada@example.com')\nexcept ValueError: logging.getLogger('x').exception('failed')",
    ],
)
def test_what_looks_like_an_address_is_taken_out_wherever_it_stands(code: str) -> None:
    [line] = logged(code)
    assert "(address)" in str(line)
    assert not [word for word in ("ada", "lise", "pw@") if word in str(line)]


def test_ids_and_the_names_of_workers_stay() -> None:
    [line] = logged("log.info('handed_over', send_id='0190', worker='deliver@host', many=[1, 2])")
    assert (line["event"], line["send_id"], line["worker"], line["many"]) == (
        "handed_over",
        "0190",
        "deliver@host",
        [1, 2],
    )


def test_on_a_terminal_too() -> None:
    """Where a library would print local variables with a trace, and warn of ours."""
    begin = "import structlog; from aftercart.logs import configure; configure(); log = structlog.get_logger()"
    code = "try: raise ValueError('ada@example.com')\nexcept ValueError: log.exception('failed')"
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, "-W", "error", "-c", f"{begin}\n{code}"], stderr=theirs, check=True, timeout=300)
    os.close(theirs)
    told = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "ValueError: (address)" in told
    assert "ada" not in told
    assert told.count("Traceback") == 1


def test_a_log_on_a_full_disk_stops_nobody() -> None:
    """`/dev/full` answers every write as a full disk does."""
    begin = "import structlog; from aftercart.logs import configure; configure()"
    code = f"{begin}; structlog.get_logger().info('x'); print('went on')"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=full, text=True, check=False)
    assert done.stdout == "went on\n"


def test_a_log_whose_stream_was_closed_stops_nobody() -> None:
    begin = "import sys, structlog; from aftercart.logs import configure; configure(); log = structlog.get_logger()"
    code = f"{begin}; log.info('x'); sys.stderr.close(); log.info('y'); print('went on')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "went on\n"


def test_being_told_to_stop_within_a_library_is_no_fault() -> None:
    """SQLAlchemy tells of a rollback that Ctrl-C cut short."""
    pool = "logging.getLogger('sqlalchemy.pool').error('Exception during reset', exc_info=True)"
    assert [line["event"] for line in logged(f"try: raise OSError\nexcept OSError: {pool}")] == [
        "Exception during reset"
    ]
    assert logged(f"try: raise KeyboardInterrupt\nexcept KeyboardInterrupt: {pool}") == []
