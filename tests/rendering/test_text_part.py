"""The text part says what the HTML says, for people who read it."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from aftercart.errors import TemplateError
from aftercart.rendering.authoring.source import read_template, template_names
from aftercart.rendering.checking.lacking import as_given_to
from aftercart.rendering.checking.samples import VARIANTS, variant
from aftercart.rendering.compiling.compiler import compile_template
from aftercart.rendering.renderer import Renderer
from aftercart.rendering.running.runtime import Rendered, Template
from tests.rendering.conftest import SHIPPED
from tests.rendering.mjml import in_column


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<mj-text>One\n  line</mj-text><mj-text>Two &amp; &lt;3</mj-text>", "One line\n\nTwo & <3\n"),
        ('<mj-button href="https://e.com/a">Buy</mj-button>', "Buy: https://e.com/a\n"),
        ('<mj-text>See <a href="https://e.com/a">this</a>.</mj-text>', "See this (https://e.com/a).\n"),
        ('<mj-image src="https://e.com/i" alt="A bell" href="https://e.com/a" />', "A bell: https://e.com/a\n"),
        ('<mj-image src="https://e.com/i" alt="A bell" /><mj-text>x</mj-text>', "x\n"),
        (
            '<mj-text><a href="https://e.com/a"><img src="https://e.com/i" alt="A bell"></a></mj-text>',
            "A bell (https://e.com/a)\n",
        ),
        ('<mj-text><a href="https://e.com/a"><img src="https://e.com/i" alt=""></a></mj-text>', "https://e.com/a\n"),
        ('<mj-text>a<a href="https://e.com/a"><img src="https://e.com/i"></a>b</mj-text>', "a https://e.com/a b\n"),
        (
            '<mj-text><a href="https://e.com/a"><img alt="A bell"></a> <a href="https://e.com/a">Bell</a></mj-text>',
            "Bell (https://e.com/a)\n",
        ),
        ('<mj-text><a href="https://e.com/{{ ns[0] }}">https://e.com/{{ ns[0] }}</a></mj-text>', "https://e.com/1\n"),
        ('<mj-button href="https://e.com/no" href="https://e.com/a">Buy</mj-button>', "Buy: https://e.com/a\n"),
        (
            '<mj-social><mj-social-element name="x" alt="On X" href="https://x.com/" /></mj-social>'
            '<mj-button href="https://e.com/a">Buy</mj-button>',
            "On X: https://x.com/\n\nBuy: https://e.com/a\n",
        ),
        (
            '<mj-navbar><mj-navbar-link href="https://e.com/a">A</mj-navbar-link></mj-navbar><mj-raw>raw</mj-raw>'
            '<mj-social><mj-social-element name="x" href="https://e.com/b">B</mj-social-element></mj-social>'
            "<mj-raw>more</mj-raw><mj-raw>and more</mj-raw>",
            "A: https://e.com/a\n\nraw\n\nB: https://e.com/b\n\nmore\n\nand more\n",
        ),
        (
            "<mj-accordion><mj-accordion-element><mj-accordion-title>Size?</mj-accordion-title>"
            "<mj-accordion-text>All</mj-accordion-text></mj-accordion-element></mj-accordion>",
            "Size?\n\nAll\n",
        ),
        (
            '<mj-carousel><mj-carousel-image src="https://e.com/i" alt="A bell" href="https://e.com/a" />'
            '<mj-carousel-image src="https://e.com/j" alt="A lock" /></mj-carousel>',
            "A bell: https://e.com/a\n",
        ),
        ('<mj-text><div style="display: none">a<div>b</div>c</div><p>x</p></mj-text>', "x\n"),
        ('<mj-text><div style="display:none">a</mj-text><mj-text>x</mj-text>', "x\n"),
        (
            '{% set a = 1 %}{% if ns %}<mj-text css-class="html-only">{% set a = 2 %}</mj-text>{% endif %}'
            "<mj-text>{{ a }}</mj-text>",
            "2\n",
        ),
        (
            "<mj-table><tr><td>Bell</td><td>€5</td></tr><tr><td>Cage</td><td>€9</td></tr></mj-table>",
            "Bell · €5\nCage · €9\n",
        ),
        (
            "<mj-table><tr><td> </td><td>Bell, 38</td>\n<td><p>blue</p></td><td></td><td>5</td></tr></mj-table>",
            "Bell, 38\n\nblue\n\n5\n",
        ),
        (
            "<mj-table>{% for n in ns %}<tr><th>{{ n }}</th><td> 1 000 €</td></tr>{% endfor %}</mj-table>",
            "1 · 1 000 €\n2 · 1 000 €\n",
        ),
        ("<mj-text><ul><li>one</li><li>two</li></ul></mj-text>", "- one\n- two\n"),
        ("<mj-text><ul><li>\n<p>one</p></li><li>two</li></ul></mj-text>", "- one\n\n- two\n"),
        (
            "<mj-text><ol start='3'>{% for n in ns %}<li>{{ n }}<ul><li>x</li></ul></li>{% endfor %}"
            "{% if ns %}<li>last<ol><li>in</li></ol></li>{% endif %}</ol><ol><li>new</li></ol></mj-text>",
            "3. 1\n\n- x\n\n4. 2\n\n- x\n\n5. last\n\n1. in\n\n1. new\n",
        ),
        ("<mj-text><ol>{% for n in ns if n > 9 %}<li>{{ n }}</li>{% endfor %}</ol>none</mj-text>", "none\n"),
        (
            "<mj-text><pre>for\n  a   b\n{% for n in ns %}{{ n }}\n{% endfor %}</pre>in  line</mj-text>",
            "for\n\u00a0\u00a0a\u00a0\u00a0\u00a0b\n1\n2\n\nin line\n",
        ),
        ("<mj-text><dl><dt>A</dt><dd>B</dd></dl><center>C</center><section>D</section></mj-text>", "A\nB\n\nC\n\nD\n"),
        ('<mj-text><map><area href="https://e.com/a" alt="A"></map> then</mj-text>', "A (https://e.com/a) then\n"),
        ("<mj-text>a<br />b</mj-text>", "a\nb\n"),
        ("<mj-text>a<!--[if mso]>only Outlook<![endif]-->b</mj-text>", "ab\n"),
        ('<mj-text css-class="big html-only">R</mj-text><mj-text>x</mj-text>', "x\n"),
        (
            '<mj-image css-class="html-only" src="https://e.com/i" alt="A bell" href="https://e.com/a" />'
            '<mj-image css-class="html-only" src="https://e.com/i" alt="A bell" href="https://e.com/b"></mj-image>'
            "<mj-text>x</mj-text>",
            "x\n",
        ),
        ('<mj-text><a href="mailto:a@e.com">a@e.com</a></mj-text>', "a@e.com\n"),
        (
            '<mj-image src="https://e.com/i" alt="Bell" href="https://e.com/a" /><mj-text><a href="https://e.com/a">'
            'Bell</a></mj-text><mj-button href="https://e.com/a">Buy</mj-button>',
            "Bell\n\nBuy: https://e.com/a\n",
        ),
        ("<mj-text>{% for n in ns %}<p>{{ n }}</p>{% endfor %}</mj-text>", "1\n\n2\n"),
        ("<mj-text>{{ '<b>' }}</mj-text>", "<b>\n"),
    ],
)
def test_the_text_part_of(content: str, text: str, compiled: Callable[..., Template]) -> None:
    assert compiled(in_column(content)).render({"ns": [1, 2]}, str).text == text


BUTTON = '<mj-button href="https://e.com/a">Buy</mj-button>'
NOT_AGAIN = {
    "in a condition": f"{{% if no %}}{BUTTON}{{% endif %}}",
    "in an empty loop": f"{{% for n in no %}}{BUTTON}{{% endfor %}}",
    "in html alone": BUTTON.replace(" ", ' css-class="html-only" ', 1),
    "in Outlook alone": '<mj-text><!--[if mso]><a href="https://e.com/a">Buy</a><![endif]--></mj-text>',
    "hidden": '<mj-text><p style="display:none"><a href="https://e.com/a">Buy</a></p></mj-text>',
}


@pytest.mark.parametrize("after", NOT_AGAIN.values(), ids=NOT_AGAIN)
def test_a_link_is_left_to_a_later_one_only_if_whoever_sees_the_first_sees_that(
    after: str, compiled: Callable[..., Template]
) -> None:
    content = f'<mj-text><a href="https://e.com/a">Bell</a></mj-text>{after}'
    assert compiled(in_column(content)).render({"no": []}, str).text == "Bell (https://e.com/a)\n"


@pytest.mark.parametrize(
    "content",
    [
        '{% for p in ["1"] %}<a href="https://e.com/{{ p }}">A</a>{% endfor %} '
        '{% for p in ["2"] %}<a href="https://e.com/{{ p }}">B</a>{% endfor %}',
        '{% set p = "1" %}<a href="https://e.com/{{ p }}">A</a>{% set p = "2" %} <a href="https://e.com/{{ p }}">B</a>',
        '{% if t %}<a href="https://e.com/{{ p }}">A</a>{% else %}<a href="https://e.com/{{ p }}">C</a>{% endif %} '
        '{% with p = "2" %}<a href="https://e.com/{{ p }}">B</a>{% endwith %}',
    ],
)
def test_one_spelling_of_a_link_may_lead_to_two_places(content: str, compiled: Callable[..., Template]) -> None:
    text = compiled(in_column(f"<mj-text>{content}</mj-text>")).render({"t": True, "p": "1"}, str).text
    assert text == "A (https://e.com/1) B (https://e.com/2)\n"


@pytest.mark.parametrize("element", ["p", "h1", "b", "center", "ul", "section"])
@pytest.mark.parametrize("way", ['style="display:none"', 'style="visibility: hidden"', "hidden"])
def test_what_html_hides_is_not_told(element: str, way: str, compiled: Callable[..., Template]) -> None:
    content = f"<mj-text><{element} {way}>no <i>no</i></{element}>yes<p {way}>left open</mj-text>"
    assert compiled(in_column(content)).render({}, str).text == "yes\n\nleft open\n"


def test_what_a_class_says_of_an_element_counts_in_the_text_too(compiled: Callable[..., Template]) -> None:
    head = (
        '<mj-head><mj-attributes><mj-button href="https://e.com/all" /><mj-class name="cta" href="https://e.com/cta" />'
        '<mj-class name="not" css-class="html-only" /></mj-attributes></mj-head>'
    )
    buttons = (
        '<mj-button>A</mj-button><mj-button mj-class="cta">B</mj-button><mj-text mj-class="not">C</mj-text>'
        '<mj-button mj-class="cta" href="https://e.com/own">D</mj-button>'
    )
    body = in_column(buttons).replace("<mjml>", f"<mjml>{head}")
    text = compiled(body).render({}, str).text
    assert text == "A: https://e.com/all\n\nB: https://e.com/cta\n\nD: https://e.com/own\n"


@pytest.mark.parametrize(("locale", "text"), [("ar", "1 × \u2068Bell\u2069 · 5\n"), ("de", "1 × Bell · 5\n")])
def test_a_name_does_not_turn_a_line_of_a_text_that_is_read_from_the_right(
    locale: str, text: str, compiled: Callable[..., Template]
) -> None:
    content = "<mj-table><tr><td>1 × <bdi>{{ name }}</bdi></td><td>5</td></tr></mj-table>"
    assert compiled(in_column(content), locale=locale).render({"name": "Bell"}, str).text == text


@pytest.mark.parametrize(("locale", "text"), [("fr_CA", "Voir\u00a0: "), ("de_DE", "Voir: ")])
def test_a_colon_stands_away_from_its_word_where_the_french_read_it(
    locale: str, text: str, compiled: Callable[..., Template]
) -> None:
    content = (
        '<mj-button href="https://e.com/a">Voir</mj-button>'
        '<mj-image src="https://e.com/i" alt="Voir" href="https://e.com/b" />'
    )
    assert compiled(in_column(content), locale=locale).render({}, str).text.count(text) == 2


def test_the_cards_of_the_shipped_mail_read_line_by_line(shipped: Path, sample: dict[str, Any], tmp_path: Path) -> None:
    mail = Renderer(shipped, tmp_path).template("accessories", "de_DE").render(sample, lambda url: f"{url}#tracked")
    assert (
        "Helmets\nSport-100 helmet, blue\nweil Sie Road-550 Yellow, 38 gekauft haben\n★ 4,8/5 (1.290)\n34,99\u00a0€\n"
        "Ansehen: https://shop.example.com/products/HL-U509-B#tracked\nWeniger davon ("
    ) in mail.text
    assert sample["links"]["unsubscribe"] in mail.text
    assert sample["brand"]["postal_address"] in mail.text
    assert "\n\n\n" not in mail.text
    assert len(mail.html.encode()) < 30_000


_EMPTY = ("br", "hr", "img", "link", "meta")


class Shown(HTMLParser):
    """What a mail shows, and where its links lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words, self.links = "", set[str]()
        self._open: list[bool] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and given.get("href"):
            self.links.add(str(given["href"]).removeprefix("mailto:"))
        if tag not in _EMPTY:
            hidden = "display:none" in str(given.get("style")) or "html-only" in str(given.get("class"))
            self._open.append(hidden or tag in ("head", "style"))

    def handle_endtag(self, tag: str) -> None:
        if tag not in _EMPTY:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if not any(self._open):
            self.words += f" {data}"


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.replace("\u2011", "-")))


@pytest.mark.parametrize("name", template_names(SHIPPED))
def test_every_word_and_link_of_a_shipped_mail_is_in_both_parts(
    name: str, sample: dict[str, Any], tmp_path: Path
) -> None:
    """In every language, of every sample."""
    renderer = Renderer(SHIPPED, tmp_path)
    for locale, variety in product(("en_IE", "fr_FR", "de_DE", "es_ES", "ar"), VARIANTS):
        mail = renderer.template(name, locale).render(as_given_to(name, variant(sample, variety)), str)
        shown, told = Shown(mail.html), re.sub(r"https?://[^\s)]+", "", mail.text)
        assert words(shown.words) == words(told), (locale, variety)
        assert [link for link in shown.links if link not in mail.text] == []
        assert {link.rstrip(").,") for link in re.findall(r"https?://[^\s)]+", mail.text)} <= shown.links


def test_a_text_of_the_author_s_own_is_preferred_and_links_by_a_filter(compiled: Callable[..., Template]) -> None:
    own = {"mail/body.txt": "Hello {{ name }}\n{{ url|link }}\n"}
    mail: Rendered = compiled(in_column("<mj-text>HTML</mj-text>"), files=own).render(
        {"name": "<Ada>", "url": "https://e.com/a"}, lambda url: f"{url}#tracked"
    )
    assert mail.text == "Hello <Ada>\nhttps://e.com/a#tracked\n"


def test_an_address_that_lacks_is_an_error_in_a_text_as_it_is_in_html(compiled: Callable[..., Template]) -> None:
    template = compiled(in_column("<mj-text>HTML</mj-text>"), files={"mail/body.txt": "Hello\n{{ line.url|link }}\n"})
    with pytest.raises(TemplateError, match=r"body\.txt:2.*cannot print None"):
        template.render({"line": {"url": None}}, str)


def test_what_is_set_for_the_html_alone_is_not_computed_for_the_text(write: Callable[..., Path]) -> None:
    body = (
        "{% set wide = ns|length > 1 %}{% set color = 'red' if wide else 'blue' %}{% set name = 'Ada' %}"
        '<p style="color:{{ color }}">{{ name }}</p>'
    )
    root = write(in_column(f"<mj-text>{body}</mj-text>"))
    made = compile_template(read_template(root, "mail", "en"), "en")
    assert "wide" in made.html.source
    assert "wide" not in made.text.source
    assert "'Ada'" in made.text.source
