"""The browser of the tests: one for all of them, with a fresh profile."""

import shutil
from collections.abc import Iterator

import pytest

from tests.browser.chromium import Page, browsing


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Its tab."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        pytest.fail("no Chromium is installed: apt-get install chromium")
    with browsing(chromium, tmp_path_factory.mktemp("chromium")) as page:
        yield page
