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


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Road-550", "Road\u2011550"),
        ("T-shirt, off-white (X-L)", "T\u2011shirt, off\u2011white (X\u2011L)"),
        ("Waterproof-breathable coat", "Waterproof-breathable coat"),
        ("A - B", "A - B"),
        ("Road-550 Yellow, 38", "Road\u2011550 Yellow,\u00a038"),
        ("Rain Jacket, Yellow, XL", "Rain Jacket, Yellow,\u00a0XL"),
        ("Bike Wash 1 l, Blue", "Bike Wash 1 l, Blue"),
    ],
)
def test_a_short_word_with_a_hyphen_and_a_size_stand_on_one_line_and_text_parts_are_as_they_are(
    title: str, shown: str, rendered: Callable[..., Rendered]
) -> None:
    mail = rendered("{{ title|unbroken }}", {"title": title})
    assert shown in mail.html
    assert title in mail.text


def test_a_word_without_end_holds_up_no_mail(rendered: Callable[..., Rendered]) -> None:
    """To look for its hyphen from each of its letters took the square of their number: here that is an hour."""
    assert "x" * 400_000 in rendered("{{ title|unbroken }}", {"title": "x" * 400_000}).html


def test_what_is_no_text_is_no_name_in_one_piece(rendered: Callable[..., Rendered]) -> None:
    with pytest.raises(TemplateError, match="cannot print None"):
        rendered("{{ title|unbroken }}", {"title": None})


def test_a_headline_ends_at_a_word(cards: Any) -> None:
    mail = cards("en_IE", because={"sku": "1", "title": "Saddle " + "comfortable " * 9})
    assert "Goes with your Saddle comfortable comfortable comfortable comfortable…" in words(mail.html)


@pytest.mark.parametrize(
    ("locale", "quantity", "price"),
    [
        ("en_IE", 1, "€5.00"),
        ("en_IE", 2, "€5.00 each"),
        ("de_DE", 2, "je 5,00 €"),
        ("fr_FR", 2, "5,00 € l’unité"),
        ("es_ES", 2, "5,00 € c/u"),
    ],
)
def test_thanks_say_of_several_what_one_costs(
    locale: str, quantity: int, price: str, shipped: Path, tmp_path: Path, sample: dict[str, Any]
) -> None:
    line = {**sample["order"]["lines"][0], "quantity": quantity, "price": {"minor": 500, "currency": "EUR"}}
    values = {**sample, "order": {**sample["order"], "lines": [line]}}
    mail = Renderer(shipped, tmp_path / "cache").template("thanks", locale).render(values, str)
    for part, between in ((mail.html, " "), (mail.text, " · ")):
        found = words(part).translate({0x2011: " ", 0x2D: " "}) + " "
        assert f"{quantity} × Road 550 Yellow, 38{between}{price} " in found


def test_a_bought_product_is_named_once_in_the_text_part_and_shows_its_picture(
    shipped: Path, tmp_path: Path, sample: dict[str, Any]
) -> None:
    mail = Renderer(shipped, tmp_path / "cache").template("review", "en_IE").render(sample, str)
    line = sample["order"]["lines"][0]
    assert mail.text.count(f"{line['title']}\n") == mail.text.count(line["url"]) == 1
    assert f'src="{line["image_url"]}"' in mail.html


@pytest.mark.parametrize("titles", [["Bell", "Lock"], ["Bell"]])
def test_no_line_is_left_blank_below_short_titles(
    titles: list[str], shipped: Path, tmp_path: Path, sample: dict[str, Any]
) -> None:
    """Room for a second line is for a row in which one needs it."""
    values = {**sample, "picks": [{**sample["picks"][0], "title": title} for title in titles]}
    mail = Renderer(shipped, tmp_path / "cache").template("accessories", "en_IE").render(values, str)
    assert len(re.findall(r'class="level" style="min-height:23px"><a', mail.html)) == len(titles)


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
