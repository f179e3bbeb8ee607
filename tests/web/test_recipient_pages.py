import re

import pytest

from aftercart.web.recipient_pages import FALLBACK_COLOR, RecipientPages, readable_on


@pytest.mark.parametrize(
    ("color", "text"),
    [
        ("#000000", "#ffffff"),
        ("#ffffff", "#000000"),
        ("#0f766e", "#ffffff"),
        ("#facc15", "#000000"),
        ("#767676", "#000000"),
    ],
)
def test_the_text_of_the_button_stands_out_on_any_color(color: str, text: str) -> None:
    assert readable_on(color) == text


@pytest.mark.parametrize("color", ["red; } body { display: none", "#12345", "#1234567", "", "#12345g"])
def test_an_odd_color_becomes_a_quiet_one(color: str) -> None:
    html = bytes(RecipientPages("Bikes", color).ask("ada@example.com").body).decode()
    assert f"--brand: {FALLBACK_COLOR};" in html
    assert not color or color not in html


def test_the_style_is_allowed_by_a_fresh_nonce_on_each_page() -> None:
    pages = [RecipientPages("Bikes", "#0f766e").no_such_link() for _ in range(2)]
    nonces = [re.findall(r"nonce[-=]\"?([\w-]+)", page.headers["content-security-policy"])[0] for page in pages]
    assert len(set(nonces)) == 2
    for page, nonce in zip(pages, nonces, strict=True):
        assert f'<style nonce="{nonce}">'.encode() in bytes(page.body)
