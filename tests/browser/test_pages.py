"""The pages that recipients see in a real browser, Chromium, with JavaScript on."""

import re
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
from tests.browser.axe import violations
from tests.browser.chromium import DESKTOP, PHONE, Page, Scheme, Screen

pytestmark = pytest.mark.browser

LONG_ADDRESS = f"ada.{'x' * 60}@{'long' * 12}.example"
LOOKS = [(PHONE, "light"), (PHONE, "dark"), (DESKTOP, "light"), (DESKTOP, "dark")]
every_look = pytest.mark.parametrize(("screen", "scheme"), LOOKS, ids=lambda value: str(value).replace(" ", ""))


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
        connection.execute(recipients.insert(), {"id": 1, "email": LONG_ADDRESS, "created_at": now})
    return f"/u/{app.tokens.unsubscribe(1, new_id())}"


@every_look
def test_the_front_door_says_whose_mails_come_from_here(
    page: Page, site: tuple[App, str], screen: Screen, scheme: Scheme
) -> None:
    page.open(f"{site[1]}/", screen, scheme)
    assert page.faults() == []
    assert violations(page) == []
    assert "The mails of Example Bikes come from here" in page.words()
    assert page.run("document.documentElement.lang") == "en"


@every_look
def test_a_browser_that_opens_the_unsubscribe_page_changes_nothing_until_its_button_is_pressed(
    page: Page, site: tuple[App, str], screen: Screen, scheme: Scheme
) -> None:
    """T24, T25: mail scanners open every link, and some run what they find there."""
    app, url = site
    page.open(url + unsubscribe_path(app), screen, scheme)
    assert page.faults() == []
    assert LONG_ADDRESS in page.words()
    assert kept(app) == [0, 0]
    page.press("button")
    assert page.faults() == []
    assert violations(page) == []
    assert "You are unsubscribed" in page.words()
    assert kept(app) == [1, 1]


def kept(app: App) -> list[int]:
    """How many suppressions and statements of consent there are."""
    with app.db.read() as connection:
        return [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (suppressions, consents)
        ]


@every_look
@pytest.mark.parametrize("path", ["/c/nonsense", "/u/nonsense"])
def test_an_unknown_link_ends_on_a_page_of_ours(
    page: Page, site: tuple[App, str], screen: Screen, scheme: Scheme, path: str
) -> None:
    page.open(f"{site[1]}{path}", screen, scheme)
    (status,) = page.faults()
    assert re.search(r"Failed to load resource: .* 404 ", status), "that it is one, and no more"
    assert violations(page) == []
    assert "This link does not work" in page.words()
