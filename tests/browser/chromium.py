"""Chromium as the tests of pages use it, told by its DevTools protocol: a real width, a color scheme, what it thinks.

A headless window is never narrower than 500 pixels, whatever it is asked for, so the width is emulated.
"""

import base64
import itertools
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Literal
from urllib.request import urlopen

from websockets.sync.client import ClientConnection, connect

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
]
PATIENCE_S = 30
Scheme = Literal["light", "dark"]
Screen = tuple[int, int]
PHONE: Screen = (375, 812)
DESKTOP: Screen = (1280, 800)

LOOK = (Path(__file__).parent / "look.js").read_text(encoding="utf-8")
"""What a page is asked once it is shown; see there."""


class Page:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._said: list[str] = []
        self._width = 0
        self._loaded: set[str] = set()
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")
        self._call("Page.setLifecycleEventsEnabled", enabled=True)

    def open(self, url: str, screen: Screen = DESKTOP, scheme: Scheme = "light") -> None:
        """Show a page on a screen of this size; its scripts have run when this returns."""
        width, height = screen
        self._width = width
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": screen == PHONE}
        self._call("Emulation.setDeviceMetricsOverride", **metrics)
        preferred = [{"name": "prefers-color-scheme", "value": scheme}]
        self._call("Emulation.setEmulatedMedia", features=preferred)
        self._said.clear()
        document = self._call("Page.navigate", url=url)["loaderId"]
        self._wait_until(lambda: document in self._loaded)

    def press(self, button: str) -> None:
        """Press what a CSS selector finds, and wait for the page that it leads to."""
        self._loaded.clear()
        self.run(f"document.querySelector({json.dumps(button)}).click()")
        self._wait_until(lambda: bool(self._loaded))

    def key(self, key: str) -> None:
        """Press a key of the keyboard."""
        text = {"Enter": "\r", "Tab": "", " ": " "}[key]
        code = {"Enter": 13, "Tab": 9, " ": 32}[key]
        for kind in ("keyDown", "keyUp"):
            said = {"text": text} if text and kind == "keyDown" else {}
            self._call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **said)

    def submit_by_key(self, key: str) -> None:
        """Press a key that leads to another page, and wait for that."""
        self._loaded.clear()
        self.key(key)
        self._wait_until(lambda: bool(self._loaded))

    def scripts(self, *, allowed: bool) -> None:
        """Whether pages opened from now on may run scripts of their own; what `run` is told runs all the same."""
        self._call("Emulation.setScriptExecutionDisabled", value=not allowed)

    def picture(self) -> bytes:
        """The whole page as a PNG."""
        height = self.run("document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": self._width, "height": height, "scale": 1}
        return base64.b64decode(self._call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"])

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def words(self) -> str:
        """What a reader sees: text that is hidden is not there."""
        return str(self.run("document.body.innerText"))

    def faults(self) -> list[str]:
        """What is wrong with the page as it is shown, and what the browser complained about."""
        looked: list[str] = self.run(f"({LOOK})({self._width})")
        return [*looked, *self._said]

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
        """Keep which documents are complete, and what a console would show in red."""
        about = message.get("params", {})
        match message.get("method"):
            case "Page.lifecycleEvent" if about["name"] == "load":
                self._loaded.add(about["loaderId"])
            case "Runtime.exceptionThrown":
                self._said.append(f"exception: {about['exceptionDetails']}")
            case "Runtime.consoleAPICalled" if about["type"] in ("error", "warning", "assert"):
                self._said.append(f"console: {about['args']}")
            case "Log.entryAdded" if about["entry"].get("url", "").endswith("/favicon.ico"):
                """No page asked for it: the browser looks by itself, once for each site."""
            case "Log.entryAdded" if about["entry"]["level"] in ("error", "warning"):
                self._said.append(f"log: {about['entry']['text']} {about['entry'].get('url', '')}")


@contextmanager
def browsing(chromium: str, profile: Path) -> Iterator[Page]:
    """A running browser with one empty tab."""
    command = [chromium, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        with connect(_address_of_a_tab(process), max_size=None, open_timeout=PATIENCE_S) as socket:
            yield Page(socket)
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
    raise ChildProcessError("Chromium did not start: " + "".join(said))
