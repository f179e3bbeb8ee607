"""The request to a mail service, with a gate in it: asked when the connection stands, before the first byte leaves.

So a failure before the gate is a failure before anything left, and one after it leaves the mail in doubt.
"""

from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class HeldBackError(Exception):
    """The gate stayed shut: nothing has left."""


class Gate:
    """Between a connection and its request. For one thread; set anew for each message."""

    def __init__(self) -> None:
        self._ask: Callable[[], bool] = lambda: False
        self._fault: BaseException | None = None
        self.has_opened = False

    def guard(self, ask: Callable[[], bool]) -> None:
        """For the next message: ask this."""
        self._ask, self._fault, self.has_opened = ask, None, False

    def open(self) -> None:
        """Ask. Raises HeldBackError if the request must not leave, also because the question failed."""
        try:
            self.has_opened = self._ask()
        except BaseException as err:
            self._fault = err  # kept apart: a library that takes it for a network fault would wrap it
            raise HeldBackError from err
        if not self.has_opened:
            raise HeldBackError

    def raise_fault(self) -> None:
        """What the question itself has failed with, if it has."""
        if self._fault is not None:
            raise self._fault


def gated_session(gate: Gate) -> requests.Session:
    """A session whose every request asks the gate."""
    session = _Session()
    session.headers["User-Agent"] = "aftercart (django-anymail)"
    session.auth = _as_it_is
    for scheme in ("https://", "http://"):
        session.mount(scheme, _GatedAdapter(gate))
    return session


class _Session(requests.Session):
    """Follows no redirect: that would be a second POST."""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        kwargs["allow_redirects"] = False
        return super().send(request, **kwargs)


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No login but the vendor's key: without this, one in ~/.netrc would replace it."""
    return request


class _GatedAdapter(HTTPAdapter):
    def __init__(self, gate: Gate) -> None:
        self._pools = _gated_pools(gate)
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _gated_pools(gate: Gate) -> dict[str, type]:
    class _Plain(HTTPConnection):
        def request(self, *args: Any, **kwargs: Any) -> None:
            _connect_and_ask(self, gate)
            super().request(*args, **kwargs)

    class _Secure(HTTPSConnection):
        def request(self, *args: Any, **kwargs: Any) -> None:
            _connect_and_ask(self, gate)
            super().request(*args, **kwargs)

    class _PlainPool(HTTPConnectionPool):
        ConnectionCls = _Plain

    class _SecurePool(HTTPSConnectionPool):
        ConnectionCls = _Secure

    return {"http": _PlainPool, "https": _SecurePool}


def _connect_and_ask(connection: HTTPConnection, gate: Gate) -> None:
    if connection.sock is None:
        connection.connect()
    gate.open()
