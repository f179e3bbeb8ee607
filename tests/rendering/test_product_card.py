"""The card of a product: what its buyers give it, and what it cost before, in the reader's way to write."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aftercart.errors import TemplateError
from aftercart.rendering.renderer import Renderer
from aftercart.rendering.running.runtime import Rendered, Template, number
from tests.rendering.mjml import in_text


@pytest.fixture
def cards(shipped: Path, tmp_path: Path, sample: dict[str, Any]) -> Any:
    """The shipped mail with this one product, for a reader of the locale."""

    def render(locale: str, **pick: Any) -> Rendered:
        values = {**sample, "picks": [{**sample["picks"][0], **pick}]}
        return Renderer(shipped, tmp_path / "cache").template("accessories", locale).render(values, str)

    return render


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


@pytest.mark.parametrize(
    ("locale", "price", "rating"),
    [
        ("en_IE", "€8.99 instead of €11.99", "★ 4.6/5 (1,290)"),
        ("de_DE", "8,99 € statt 11,99 €", "★ 4,6/5 (1.290)"),
        ("fr_FR", "8,99 € au lieu de 11,99 €", "★ 4,6/5 (1 290)"),
        ("es_ES", "8,99 € antes 11,99 €", "★ 4,6/5 (1.290)"),
    ],
)
def test_a_card_shows_the_struck_price_and_the_rating_in_both_parts(
    locale: str, price: str, rating: str, cards: Any
) -> None:
    mail = cards(locale, rating={"value": 4.6, "count": 1290})
    for part in (words(mail.html), words(mail.text)):
        assert price in part
        assert rating in part
    assert "<s>" in mail.html


@pytest.mark.parametrize(
    ("locale", "style", "day"),
    [
        ("fr_FR", "long", "1er mars 2026"),
        ("fr_CA", "full", "dimanche 1er mars 2026"),
        ("fr_FR", "medium", "1er mars 2026"),
        ("fr_FR", "short", "01/03/2026"),
        ("de_DE", "long", "1. März 2026"),
    ],
)
def test_the_first_of_a_month_is_written_as_the_french_write_it(
    locale: str, style: str, day: str, compiled: Callable[..., Template]
) -> None:
    template = compiled(in_text(f"{{{{ at|date('{style}') }}}}, {{{{ later|date('{style}') }}}}"), locale=locale)
    text = template.render({"at": "2026-03-01T09:00:00+01:00", "later": "2026-03-21"}, str).text
    assert text.startswith(f"{day}, ")
    assert text.count("er ") == day.count("er ")


def test_a_card_without_them_shows_neither(cards: Any) -> None:
    mail = cards("en_IE", compare_at=None, rating=None)
    assert "<s>" not in mail.html
    assert "instead" not in mail.html + mail.text
    assert "★" not in mail.html + mail.text


def test_a_rating_of_an_unknown_number_of_people_stands_alone(cards: Any) -> None:
    assert "★ 4/5\n" in cards("en_IE", rating={"value": 4.0, "count": None}).text


@pytest.mark.parametrize("value", [None, True, "4.6", {}])
def test_only_numbers_are_printed_as_numbers(value: object, cards: Any) -> None:
    with pytest.raises(TypeError, match="number prints numbers only"):
        number(value, "en_US")
    with pytest.raises(TemplateError, match="number prints numbers only"):
        cards("en_IE", rating={"value": value, "count": None})
