"""The pages in a real browser, Chromium, with JavaScript on. Says what to install where it is missing."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from aftercart.bootstrap import App, build
from aftercart.db.tables import consents, recipients, suppressions
from aftercart.ids import new_id
from aftercart.testing import settings_for
from aftercart.web.app import create_web
from aftercart.web.server import serving
from tests.browser.chromium import seen

pytestmark = pytest.mark.browser


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[App, str]]:
    """A running web app, and its address."""
    app = build(settings_for(tmp_path))
    with serving(create_web(app)) as url:
        yield app, url
    app.close()


def unsubscribe_path(app: App) -> str:
    """The path of Ada's unsubscribe link."""
    now = datetime.now(UTC)
    with app.db.write() as connection:
        connection.execute(recipients.insert(), {"id": 1, "email": "ada@example.com", "created_at": now})
    return f"/u/{app.tokens.unsubscribe(1, new_id())}"


@pytest.mark.parametrize("width", [1280, 375])
def test_the_front_door_says_whose_mails_come_from_here(
    chromium: str, tmp_path: Path, site: tuple[App, str], width: int
) -> None:
    page = seen(chromium, tmp_path, f"{site[1]}/", width)
    assert "The mails of Example Bikes come from here" in page
    assert "<html lang=" in page


@pytest.mark.parametrize("width", [1280, 375])
def test_a_browser_that_opens_the_unsubscribe_page_changes_nothing(
    chromium: str, tmp_path: Path, site: tuple[App, str], width: int
) -> None:
    """T24, T25: mail scanners open every link, and some run what they find there."""
    app, url = site
    page = seen(chromium, tmp_path, url + unsubscribe_path(app), width)
    assert "ada@example.com" in page
    assert '<form method="post">' in page
    with app.db.read() as connection:
        for table in (suppressions, consents):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0


def test_an_unknown_link_ends_on_a_page_of_ours(chromium: str, tmp_path: Path, site: tuple[App, str]) -> None:
    assert "This link does not work" in seen(chromium, tmp_path, f"{site[1]}/c/nonsense", 375)
