"""Ways to write that mails from elsewhere have, above all the templates that MJML's makers hand out.

Each is the least of a mail that MJML takes, and so it compiles; given to Jinja piece by piece it comes out the same.
"""

from contextlib import suppress

import pytest

from aftercart.errors import TemplateError
from tests.rendering.lifting import lifted, wrapped
from tests.rendering.mjml import Bodies, in_column, in_text


def mail(head: str, content: str) -> str:
    return f"<mjml version='3.3.3'><mj-head>{head}</mj-head><mj-body>{content}</mj-body></mjml>"


def body(content: str) -> str:
    return f"<mjml><mj-body>{content}</mj-body></mjml>"


COLUMN = "<mj-section><mj-column><mj-text>Hi</mj-text></mj-column></mj-section>"
WAYS = {
    "an end tag over two lines": in_column("<mj-text\n>Hi <b\n>there</b\n></mj-text\n>"),
    "one attribute twice": in_column('<mj-text font-size="12px" color="#222222" font-size="14px">Hi</mj-text>'),
    "a letter between columns": body(COLUMN.replace("</mj-column>", "</mj-column>a")),
    "lengths without a unit": in_column('<mj-image src="https://e.com/1.png" alt="" padding-top="10" width="50px" />'),
    "a picture without an address": in_column('<mj-image src="" alt="" width="600px"></mj-image>'),
    "a link without an address": in_text('<a href="" class="x"><b>call us</b></a>'),
    "notes among the defaults": mail('<mj-attributes><!-- All --><mj-all padding="0px" /></mj-attributes>', COLUMN),
    "defaults of the body": mail('<mj-attributes><mj-body background-color="#f4f4f4" /></mj-attributes>', COLUMN * 2),
    "a class with nothing in it": mail('<mj-attributes><mj-class name="x"></mj-class></mj-attributes>', COLUMN),
    "space around an equals sign": mail(
        '<mj-attributes><mj-class name ="big" font-size="20px" /></mj-attributes>',
        COLUMN.replace("<mj-text", '<mj-text mj-class ="big"'),
    ),
    "an address from a class": mail(
        '<mj-attributes><mj-class name="cta" href="https://e.com/" /></mj-attributes>',
        COLUMN.replace("mj-text>", "mj-button>").replace("<mj-button", '<mj-button mj-class="cta"'),
    ),
    "a font that MJML knows": mail(
        '<mj-font name="Roboto" href="https://e.com/css2?family=Roboto&display=swap" />', COLUMN
    ),
    "styles put inline": mail('<mj-style inline="inline">p.a { color: #aa0000; }</mj-style>', COLUMN),
    "a note by itself": body(f"<mj-raw><!-- Top --></mj-raw>{COLUMN}"),
    "a conditional comment written as text": (
        body(f"<mj-wrapper><mj-raw>&lt;!--[if !mso]&gt;&lt;\\!--&gt;</mj-raw>{COLUMN}</mj-wrapper>")
    ),
    "room between sections": body(f'<mj-spacer height="20px" />{COLUMN}'),
    "an empty column": body(COLUMN.replace("<mj-column>", "<mj-column></mj-column><mj-column>")),
    "signs that are no entities": in_text("&copy; & &trade; A&B, &#xA0;5 &#x20AC;"),
    "parameters without &amp;": in_text('<a href="https://e.com/?a=1&view=2&copy=3&email={email}">leave</a>'),
    "a quote in the address of a background": (
        '<mjml><mj-body><mj-section background-url="https://e.com/in+the+1960\'s+(2).jpg" background-size="cover">'
        "<mj-column><mj-text>Hi</mj-text></mj-column></mj-section></mj-body></mjml>"
    ),
    "a radius and edges": body(
        '<mj-section border-radius="8px 8px 0px 0px" border-left="2px solid #eeeeee" background-color="#ffffff">'
        '<mj-column width="4%"></mj-column><mj-column width="96%" inner-border="1px solid #eee">'
        "<mj-text>Hi</mj-text></mj-column></mj-section>"
    ),
    "a carousel": in_column(
        '<mj-carousel tb-width="50px" left-icon="https://e.com/l.png"><mj-carousel-image src="https://e.com/1.png" '
        'thumbnails-src="https://e.com/t.gif" href="https://e.com/"></mj-carousel-image>'
        '<mj-carousel-image src="https://e.com/2.png"></mj-carousel-image></mj-carousel>'
    ),
    "colors in three digits": in_column('<mj-button href="#" color="#fff" background-color="#a1b">Buy</mj-button>'),
    "elements left open": in_text('<span style="x">A</span><br><br>B<p>C<p>D'),
}


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> Bodies:
    return Bodies(tmp_path_factory.mktemp("bodies"))


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_it_compiles_and_jinja_in_it_changes_nothing(way: str, bodies: Bodies) -> None:
    assert bodies.tokens(way, {})
    for lift in (*lifted(way), *wrapped(way)):
        plain = bodies.tokens(lift.plain, {})
        with suppress(TemplateError):  # refused, with the way to write it
            assert bodies.tokens(lift.template, lift.values) == plain, lift.what


def test_of_two_attributes_the_last_counts_and_words_between_elements_are_in_no_part(bodies: Bodies) -> None:
    twice, astray = WAYS["one attribute twice"], WAYS["a letter between columns"]
    assert bodies.tokens(twice, {}) == bodies.tokens(twice.replace('font-size="12px" ', ""), {})
    assert bodies.tokens(astray, {}) == bodies.tokens(astray.replace("</mj-column>a", "</mj-column>"), {})


def test_words_between_elements_are_not_in_the_text_part_either(bodies: Bodies) -> None:
    astray = WAYS["a letter between columns"].replace("</mj-column>a", "</mj-column>astray")
    assert "astray" not in bodies.rendered(astray, {}).text
