"""Chromium as the tests of pages use it: without a window, and asking nobody for anything but the page."""

import subprocess
from pathlib import Path

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--virtual-time-budget=5000",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def seen(chromium: str, folder: Path, url: str, width: int) -> str:
    """The page as the browser has it after its scripts had five seconds."""
    profile = f"--user-data-dir={folder / f'profile-{width}'}"
    command = [chromium, *FLAGS, profile, f"--window-size={width},900", "--dump-dom", url]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
