"""The pages speak the reader's language, and all of it."""

import re
from datetime import UTC, datetime

import pytest

from aftercart.web.languages import NAMES, accepted, catalog, language_of, locale_of
from aftercart.web.recipient_pages import RecipientPages
from tests.web.messages import messages

OTHERS = sorted(NAMES.keys() - {"en"})
EVERY = sorted(messages())


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_translated_and_names_the_same_values(language: str) -> None:
    kept = catalog(language)._catalog  # type: ignore[attr-defined]
    assert set(kept) - {""} == set(EVERY), "what is too much was said once, what lacks is new"
    for message in EVERY:
        translated = kept[message]
        assert translated.strip(), message
        assert sorted(re.findall(r"%\(\w+\)s", translated)) == sorted(re.findall(r"%\(\w+\)s", message)), message
        assert translated.count("%") == message.count("%"), message


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        (("fr_CA",), "fr"),
        (("fr-FR", "de"), "fr"),
        (("ja", "de-AT"), "de"),
        (("", "es"), "es"),
        (("DE",), "de"),
        (("ja", ""), "en"),
        (("ar-EG",), "ar"),
        ((), "en"),
    ],
)
def test_the_first_language_that_there_is_speaks(wanted: tuple[str, ...], language: str) -> None:
    assert language_of(*wanted) == language


def test_the_country_stays_where_there_is_one_to_write_dates_as() -> None:
    assert [locale_of(tag) for tag in ("en-gb", "fr_CA", "de-XX", "ar", "ja-JP")] == [
        "en_GB",
        "fr_CA",
        "de",
        "ar",
        "en",
    ]


def test_what_a_browser_accepts_is_read_in_its_order() -> None:
    assert accepted("de;q=0.5, fr-CH, *;q=0.1, en;q=0, x y, es;q=oops") == ["fr-CH", "de", "*"]
    assert accepted("") == []


@pytest.mark.parametrize("language", sorted(NAMES))
def test_a_page_says_its_language_and_its_direction(language: str) -> None:
    html = bytes(RecipientPages("Bikes", "#0f766e", locale=language).no_such_link().body).decode()
    assert f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}">' in html


def test_values_are_escaped_in_every_language() -> None:
    for language in NAMES:
        page = RecipientPages("<b>Bikes", "#0f766e", locale=language).ask("<i>@example.com", "<u>Tips")
        html = bytes(page.body).decode()
        assert not re.search(r"<[biu]>", html)
        assert "&lt;i&gt;@example.com" in html


def test_french_breaks_no_line_before_its_punctuation_or_within_its_quotes() -> None:
    kept = catalog("fr")._catalog  # type: ignore[attr-defined]
    assert [text for message, text in kept.items() if message and re.search(r" [?!:;»]|« ", text)] == []


@pytest.mark.parametrize(
    ("language", "names", "listed"),
    [
        ("en", ["Tips", "News"], "Tips, News"),
        ("fr", [], ""),
        ("ar", ["Tips", "أخبار"], "\u200f\u2068Tips\u2069، \u2068أخبار\u2069"),
        ("ar", [], ""),
    ],
)
def test_names_stand_in_a_row_as_the_readers_script_runs(language: str, names: list[str], listed: str) -> None:
    assert RecipientPages("Bikes", "#0f766e", locale=language).listed(names) == listed


@pytest.mark.parametrize(("language", "topic"), [("ar", "\u2068Tips (new)\u2069"), ("fr", "Tips (new)")])
def test_a_name_within_a_sentence_from_right_to_left_keeps_its_own_direction(language: str, topic: str) -> None:
    """Its bracket would stand before it."""
    page = RecipientPages("Bikes", "#0f766e", locale=language).ask("ada@example.com", "Tips (new)")
    html = bytes(page.body).decode()
    assert topic in html
    assert ("\u2068Bikes\u2069" in html) == (language == "ar")


def test_pages_write_the_first_of_a_month_as_mails_do() -> None:
    first = datetime(2026, 2, 28, 23, 30, tzinfo=UTC)
    assert RecipientPages("Northwheel", "#1f5fbf", locale="fr").day(first, "Europe/Paris") == "1er mars 2026"
    assert RecipientPages("Northwheel", "#1f5fbf", locale="de").day(first, "Europe/Berlin") == "1. März 2026"
