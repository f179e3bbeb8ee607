"""The pages of a reader's own in a real browser: every language, width and scheme, by keyboard, without scripts."""

from collections.abc import Iterator
from time import sleep

import pytest

from aftercart.db.tables import preferences, recipients
from aftercart.ids import new_id
from aftercart.web.languages import NAMES
from tests.browser.axe import violations
from tests.browser.chromium import DESKTOP, PHONE, Page, Scheme, Screen
from tests.cast import ADA
from tests.web.reader import TOPICS, Reader, asked_to_confirm, reading

pytestmark = pytest.mark.browser

PAGES = {"y": "confirm", "u": "unsubscribe", "p": "preferences", "w": "why", "l": "less", "h": "have"}
ANSWERED = {
    "yes": "confirmed",
    "gone": "no longer asked",
    "left": "unsubscribed",
    "less": "refused",
    "odd": "no such link",
}
"""Pages behind links that were answered before, or cut off."""
LOOKS: list[tuple[Screen, Scheme]] = [(PHONE, "light"), (PHONE, "dark"), (DESKTOP, "light"), (DESKTOP, "dark")]
LONG = {**ADA, "email": f"ada.{'x' * 50}@{'long' * 12}.example"}


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with reading(
        tmp_path_factory.mktemp("ada"), LONG, TOPICS + f"logo_url: https://www.example.com/{'x' * 9}.png\n"
    ) as reader:
        reader.more["y"] = asked_to_confirm(reader.app)
        answer_links(reader)
        yield reader


def answer_links(reader: Reader) -> None:
    """Others answer theirs, and Ada one of hers."""
    app = reader.app
    reader.more["yes"] = asked_to_confirm(app, "yuri@example.com")
    reader.more["gone"] = asked_to_confirm(app, str(LONG["email"]).replace("ada", "gil"))
    gil = app.tokens.read_confirm(reader.more["gone"].removeprefix("/y/"))[0]
    reader.more["left"] = f"/u/{app.tokens.unsubscribe(gil, new_id())}"
    reader.more["less"] = reader.path("l", 1)
    reader.more["odd"] = "/p/cut-of"
    for kind in ("yes", "left", "less"):
        assert reader.client.post(reader.path(kind)).status_code == 200


def speak(reader: Reader, page: Page, language: str) -> None:
    """The people of a shop, and the browser. None has another language by choice: a form that was sent to a busy engine
    is saved when it can be, and says the language that it was in."""
    page.speak(language)
    with reader.app.db.write() as connection:
        connection.execute(recipients.update().values(locale=language))
        connection.execute(preferences.update().values(locale=""))


def url(reader: Reader, kind: str) -> str:
    return f"{str(reader.client.base_url).rstrip('/')}{reader.path(kind)}"


def faults(page: Page, status: str = "") -> list[str]:
    """What is wrong, apart from the logo of a shop that is not there, and a status that is meant."""
    meant = ["www.example.com", *([f"status of {status}"] if status else [])]
    return [fault for fault in page.faults() if not any(one in fault for one in meant)]


@pytest.mark.parametrize(("screen", "scheme"), LOOKS)
@pytest.mark.parametrize("language", sorted(NAMES))
def test_every_page_fits_can_be_read_and_passes_axe(
    page: Page, ada: Reader, language: str, screen: Screen, scheme: Scheme
) -> None:
    speak(ada, page, language)
    for kind in PAGES:
        page.open(url(ada, kind), screen, scheme)
        assert faults(page) == [], kind
        assert violations(page) == [], kind
        assert page.run("document.documentElement.dir") == ("rtl" if language == "ar" else "ltr")
    for kind in ANSWERED:
        page.open(url(ada, kind), screen, scheme)
        assert faults(page, "404" if kind == "odd" else "") == [], kind
        assert violations(page) == [], kind


def test_the_links_that_were_answered_say_so(page: Page, ada: Reader) -> None:
    speak(ada, page, "en")
    said = {
        "yes": "Example Bikes may write to you",
        "gone": "This link no longer counts",
        "left": "You are unsubscribed",
        "less": "Noted, thank you",
        "odd": "This link does not work",
    }
    for kind in ANSWERED:
        page.open(url(ada, kind))
        assert said[kind] in page.words(), kind


@pytest.mark.parametrize("language", sorted(NAMES))
def test_what_a_press_leads_to_fits_too_and_so_does_a_busy_engine(page: Page, ada: Reader, language: str) -> None:
    speak(ada, page, language)
    for screen, scheme in LOOKS:
        page.open(url(ada, "p"), screen, scheme)
        page.press("button")
        assert faults(page) == []
        assert violations(page) == []
    page.open(url(ada, "p"), *LOOKS[sorted(NAMES).index(language) % len(LOOKS)])
    with ada.app.db.write():  # somebody else writes for longer than a reader waits
        page.press("button")
    assert faults(page, "503") == []
    assert violations(page) == []
    assert page.run("document.documentElement.lang") == language, "that of the browser: nothing was read of a person"


def test_a_browser_that_opens_scrolls_and_waits_changes_nothing(page: Page, ada: Reader) -> None:
    """T25."""
    before = ada.said()
    for kind in [*PAGES, "v"]:
        page.open(url(ada, kind), PHONE)
        page.run("scrollTo(0, document.body.scrollHeight); dispatchEvent(new MouseEvent('mousemove'))")
    sleep(1)
    assert ada.said() == before


def test_without_scripts_and_by_keyboard_alone_a_choice_is_saved_and_taken_back(page: Page, ada: Reader) -> None:
    speak(ada, page, "en")
    page.scripts(allowed=False)
    try:
        page.open(url(ada, "p"), PHONE)
        page.key("Tab")  # the first topic
        page.key("Tab")  # the second one
        page.key(" ")
        page.submit_by_key("Enter")
        assert "You get mail about: What goes with it." in page.words()
        page.key("Tab")
        page.submit_by_key("Enter")
        assert "You get mail about: What goes with it, Tips." in page.words()
    finally:
        page.scripts(allowed=True)


def test_a_word_about_a_pick_takes_one_press(page: Page, ada: Reader) -> None:
    speak(ada, page, "en")
    for kind, words in (("l", "Noted, thank you"), ("h", "Noted, thank you")):
        page.open(url(ada, kind), PHONE, "dark")
        page.press("button")
        assert words in page.words()
        assert faults(page) == []
        assert violations(page) == []
        page.press("button")
    page.open(url(ada, "p"), PHONE)
    page.press("button")
    assert "This holds from now on:" in page.words()
    assert faults(page) == []
    assert violations(page) == []
