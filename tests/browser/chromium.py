"""Chromium as the tests of pages use it: what is pressed in it, and what it thinks of a page."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection

from aftercart.preview import chromium
from aftercart.preview.chromium import PHONE_WIDTH, Tab
from aftercart.preview.chromium import Scheme as Scheme
from aftercart.preview.chromium import Screen as Screen

PHONE: Screen = (PHONE_WIDTH, 812)
DESKTOP: Screen = (1280, 800)

LOOK = (Path(__file__).parent / "look.js").read_text(encoding="utf-8")
"""What a page is asked once it is shown; see there."""


class Page(Tab):
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._said: list[str] = []
        super().__init__(socket)
        self._call("Log.enable")
        self._call("Network.enable")

    def open(self, url: str, screen: Screen = DESKTOP, scheme: Scheme = "light") -> None:
        """Show a page on a screen of this size; its scripts have run when this returns."""
        self._said.clear()
        super().open(url, screen, scheme)

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

    def speak(self, language: str) -> None:
        """The language that the browser asks for from now on."""
        self._call("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})

    def scripts(self, *, allowed: bool) -> None:
        """Whether pages opened from now on may run scripts of their own; what `run` is told runs all the same."""
        self._call("Emulation.setScriptExecutionDisabled", value=not allowed)

    def words(self) -> str:
        """What a reader sees: text that is hidden is not there."""
        return str(self.run("document.body.innerText"))

    def faults(self) -> list[str]:
        """What is wrong with the page as it is shown, and what the browser complained about."""
        looked: list[str] = self.run(f"({LOOK})({self._screen[0]})")
        return [*looked, *self._said]

    def _note(self, message: dict[str, Any]) -> None:
        """Keep what a console would show in red, too."""
        super()._note(message)
        about = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self._said.append(f"exception: {about['exceptionDetails']}")
            case "Runtime.consoleAPICalled" if about["type"] in ("error", "warning", "assert"):
                self._said.append(f"console: {about['args']}")
            case "Log.entryAdded" if about["entry"].get("url", "").endswith("/favicon.ico"):
                """No page asked for it: the browser looks by itself, once for each site."""
            case "Log.entryAdded" if about["entry"]["level"] in ("error", "warning"):
                self._said.append(f"log: {about['entry']['text']} {about['entry'].get('url', '')}")


@contextmanager
def browsing(installed: str, profile: Path) -> Iterator[Page]:
    """A running browser with one empty tab."""
    with chromium.browsing(installed, profile) as socket:
        yield Page(socket)
