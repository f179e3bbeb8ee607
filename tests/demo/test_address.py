"""The demo knows its port before it does anything else."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aftercart.demo.address import HOST, reserved
from aftercart.demo.run import Wanted, run
from aftercart.errors import ConfigError


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server((HOST, 0)) as busy:
        yield busy.getsockname()[1]


def test_without_a_port_the_next_free_one_is_taken(taken: int) -> None:
    with closing(reserved(HOST, None, first=taken)) as listening:
        assert taken < listening.getsockname()[1] < taken + 50


def test_a_port_that_was_asked_for_is_taken_or_refused_with_one_that_is_free(taken: int) -> None:
    with pytest.raises(ConfigError) as refused:
        reserved(HOST, taken)
    message = str(refused.value)
    assert f"port {taken} on {HOST} is taken" in message
    free = int(message.rpartition("--port ")[2].split('"')[0])
    assert f"`aftercart demo --port {free}`" in message
    assert f'`make demo ARGS="--port {free}"`' in message
    with closing(reserved(HOST, free)) as listening:
        assert listening.getsockname()[1] == free


def test_nobody_else_takes_what_is_reserved() -> None:
    with closing(reserved(HOST, None)) as listening, pytest.raises(ConfigError, match="is taken"):
        reserved(HOST, listening.getsockname()[1])


def test_a_run_that_nobody_looks_at_takes_any_free_port(taken: int) -> None:
    with closing(reserved(HOST, None, watched=False, first=taken)) as listening:
        assert listening.getsockname()[1] > 1023


def test_an_address_of_another_machine_is_not_searched_for_ports() -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1:8000"):
        reserved("192.0.2.1", None)


def test_a_taken_port_ends_the_demo_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="is taken"):
        run(Wanted(port=taken))
    assert {path for _, _, files in os.walk(tmp_path) for path in files} == {"engine.lock"}
