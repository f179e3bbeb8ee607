"""Mails in a real browser, as a program shows them that loads no pictures."""

import json
from pathlib import Path

import pytest

from aftercart.rendering.renderer import Renderer
from tests.browser.chromium import Page

TEMPLATES = Path(__file__).parents[2] / "templates"
HEIGHTS = "JSON.stringify([...document.querySelectorAll('.card > table')].map(card => card.offsetHeight))"


@pytest.mark.parametrize("lacking", [(), (0,), (1,), (0, 1)])
def test_the_cards_of_a_row_are_even_where_no_pictures_are_shown(
    lacking: tuple[int, ...], page: Page, tmp_path: Path
) -> None:
    sample = json.loads((TEMPLATES / "_layout" / "sample.json").read_text("utf-8"))
    sample["picks"] = sample["picks"][:2]
    for number, pick in enumerate(sample["picks"]):
        pick["image_url"] = None if number in lacking else "https://nowhere.invalid/picture.png"
    mail = Renderer(TEMPLATES, tmp_path / "cache").template("accessories", "en_IE").render(sample, str)
    (tmp_path / "mail.html").write_text(mail.html, encoding="utf-8")
    page.open((tmp_path / "mail.html").as_uri(), (600, 800))
    one, other = json.loads(str(page.run(HEIGHTS)))
    assert one == other
