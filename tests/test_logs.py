"""No address reaches a log, whatever an error says."""

import json
import os
import pty
import subprocess
import sys

import pytest

SAYING = """
import logging
import structlog
from aftercart.logs import configure
configure()
log = structlog.get_logger()
try:
    raise ValueError("cannot read 'person@example.com'")
except ValueError:
    log.exception("parser_failed", shop="generic")
log.warning("odd", error="<jörg+bikes@exämple.de>: no", url="http://127.0.0.1:8000", count=3)
logging.getLogger("library").warning("sent to %s", "person@example.com")
"""


@pytest.fixture(scope="module")
def lines() -> list[str]:
    done = subprocess.run([sys.executable, "-c", SAYING], capture_output=True, text=True, check=True, timeout=60)
    return done.stderr.splitlines()


def test_what_looks_like_an_address_is_taken_out(lines: list[str]) -> None:
    told = [json.loads(line) for line in lines]
    assert told[0]["exception"].endswith("ValueError: cannot read '[address]'")
    assert (told[1]["error"], told[1]["url"], told[1]["count"]) == ("<[address]>: no", "http://127.0.0.1:8000", 3)
    assert told[2]["event"] == "sent to [address]"


def test_the_trace_of_a_fault_stays(lines: list[str]) -> None:
    assert "Traceback (most recent call last)" in json.loads(lines[0])["exception"]


def test_on_a_terminal_too(lines: list[str]) -> None:
    """Where a library would print local variables with a trace, and warn of ours."""
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, "-W", "error", "-c", SAYING], stderr=theirs, check=True, timeout=60)
    os.close(theirs)
    told = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "ValueError: cannot read '[address]'" in told
    assert "example.com" not in told
    assert told.count("Traceback") == "".join(lines).count("Traceback") == 1
