import socket
import urllib.error
import urllib.request
from pathlib import Path

import httpx
import pytest

from aftercart.clock import SteppedClock
from aftercart.errors import ConfigError
from aftercart.testing import engine
from aftercart.web.app import create_web
from aftercart.web.server import listen, serving
from tests.ports import free_port
from tests.web.conftest import NOW


def test_a_taken_address_says_what_to_do() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(ConfigError, match="choose another with --port"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_an_address_of_another_machine_says_so() -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1:8000 .*: choose another with --host"):
        listen("192.0.2.1", 8000)


def test_a_name_that_no_machine_has_says_so() -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on no-such-host\.invalid:1 .*: choose another with --host"):
        listen("no-such-host.invalid", 1)


def test_a_client_that_sends_far_too_much_still_reads_why(tmp_path: Path) -> None:
    """Simple clients send all they have before they read; if the server closes meanwhile they see a broken pipe."""
    with engine(tmp_path, SteppedClock(NOW)) as app, serving(create_web(app)) as url:
        for _ in range(5):
            request = urllib.request.Request(f"{url}/webhooks/shopify", data=b"x" * 5_000_000)
            with pytest.raises(urllib.error.HTTPError, match="413") as refused:
                urllib.request.urlopen(request)
            refused.value.close()


def test_an_address_may_be_used_again_at_once(tmp_path: Path) -> None:
    with engine(tmp_path, SteppedClock(NOW)) as app:
        port = free_port()
        for _ in range(2):
            with serving(create_web(app), port=port) as url:
                assert httpx.get(f"{url}/healthz", verify=False, timeout=30).status_code == 200


def test_it_listens_on_ipv6_too_or_says_that_there_is_none() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        with pytest.raises(ConfigError, match="cannot listen on ::1:0"):
            listen("::1", 0)
        return
    with listen("::1", 0) as listening:
        assert listening.family == socket.AF_INET6
