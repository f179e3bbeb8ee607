"""Chromium, told by its DevTools protocol what to show: at a real width, in a color scheme, as a picture.

A headless window is never narrower than 500 pixels, whatever it is asked for, so the width is emulated.
"""

import base64
import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Literal
from urllib.error import URLError
from urllib.request import urlopen

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from aftercart.errors import ConfigError, UnreachableError

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
]
PATIENCE_S = 30
PHONE_WIDTH = 375
Scheme = Literal["light", "dark"]
Screen = tuple[int, int]


class Tab:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._screen: Screen = (0, 0)
        self._loaded: set[str] = set()
        for domain in ("Page", "Runtime"):
            self._call(f"{domain}.enable")
        self._call("Page.setLifecycleEventsEnabled", enabled=True)

    def open(self, url: str, screen: Screen, scheme: Scheme = "light") -> None:
        """Show a page on a screen of this size; its scripts have run when this returns."""
        self._size(screen)
        preferred = [{"name": "prefers-color-scheme", "value": scheme}]
        self._call("Emulation.setEmulatedMedia", features=preferred)
        document = self._call("Page.navigate", url=url)["loaderId"]
        self._wait_until(lambda: document in self._loaded)

    def picture(self) -> bytes:
        """The whole page as a PNG: the screen is made as high as the page for it."""
        before = self._screen
        height = max(int(self.run("document.documentElement.scrollHeight")), 1)
        self._size((before[0], height))
        picture = base64.b64decode(self._call("Page.captureScreenshot")["data"])
        self._size(before)
        return picture

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def _size(self, screen: Screen) -> None:
        self._screen = width, height = screen
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width == PHONE_WIDTH}
        self._call("Emulation.setDeviceMetricsOverride", **metrics)

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (message := self._next()).get("id") != number:
            self._note(message)
        assert "error" not in message, f"{method}: {message.get('error')}"
        result: dict[str, Any] = message["result"]
        return result

    def _wait_until(self, done: Callable[[], bool]) -> None:
        while not done():
            self._note(self._next())

    def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv(timeout=PATIENCE_S))
        return message

    def _note(self, message: dict[str, Any]) -> None:
        """Keep which documents are complete."""
        if message.get("method") == "Page.lifecycleEvent" and message["params"]["name"] == "load":
            self._loaded.add(message["params"]["loaderId"])


def installed() -> str:
    """The path of Chromium. Raises ConfigError where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        raise ConfigError("no Chromium is installed, which takes the pictures: apt-get install chromium")
    return found


@contextmanager
def browsing(chromium: str, profile: Path) -> Iterator[ClientConnection]:
    """A running browser; yields the connection to its one empty tab. Raises UnreachableError once it fails."""
    command = [chromium, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        with connect(_address_of_a_tab(process), max_size=None, open_timeout=PATIENCE_S) as socket:
            yield socket
    except (ConnectionClosed, ConnectionError, TimeoutError, URLError) as err:
        message = f"Chromium does not answer ({err}): try again when this machine has less to do"
        raise UnreachableError(message) from err
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def _address_of_a_tab(process: subprocess.Popen[str]) -> str:
    """Chromium prints the address of the whole browser; the one of its tab hangs on a list beside it."""
    door = _door(process)
    deadline = monotonic() + PATIENCE_S
    while monotonic() < deadline:
        with urlopen(f"http://{door}/json/list", timeout=PATIENCE_S) as answer:
            tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
        if tabs:
            return str(tabs[0]["webSocketDebuggerUrl"])
    raise TimeoutError("Chromium opened no tab")


def _door(process: subprocess.Popen[str]) -> str:
    assert process.stderr
    said = []
    for line in process.stderr:
        said.append(line)
        if found := re.search(r"DevTools listening on ws://([^/]+)/", line):
            return found[1]
    raise UnreachableError("Chromium did not start: " + "".join(said).strip())
