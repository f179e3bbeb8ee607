"""The browser of the tests."""

import shutil

import pytest


@pytest.fixture
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        pytest.fail("no Chromium is installed: apt-get install chromium")
    return found
