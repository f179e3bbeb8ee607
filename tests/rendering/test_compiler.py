"""Compile once, render often, and print what rendering first and compiling then would print."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import jinja2
import pytest

from aftercart.errors import TemplateError
from aftercart.money import formatted
from aftercart.rendering.authoring.includes import BODY
from aftercart.rendering.authoring.source import read_part, template_names
from aftercart.rendering.authoring.written import plainly
from aftercart.rendering.checking.lacking import as_given_to, with_picks
from aftercart.rendering.checking.samples import VARIANTS, variant
from aftercart.rendering.renderer import Renderer
from aftercart.rendering.running.runtime import Template, day, number, unbroken
from tests.rendering.conftest import SHIPPED
from tests.rendering.lifting import tokens
from tests.rendering.mjml import in_column, in_text

LOCALES = ("en_IE", "fr_FR", "de_DE", "es_ES", "ar")
CASES = [
    (name, sample, LOCALES[number % len(LOCALES)], 2 + number % 4 // 2 if sample == "rtl" else 12)
    for number, (name, sample) in enumerate(product(template_names(SHIPPED), VARIANTS))
]
"""Every mail with every sample, and in every language; those from right to left with two or three products."""


@pytest.mark.parametrize(("name", "variety", "locale", "picks"), CASES)
def test_the_shipped_mails_equal_jinja_first_and_mjml_then(
    name: str, variety: str, locale: str, picks: int, sample: dict[str, Any], tmp_path: Path, write: Callable[..., Path]
) -> None:
    """Token for token: the placeholders change nothing but the order of the work."""
    context = as_given_to(name, with_picks(variant(sample, variety), picks))
    once = Renderer(SHIPPED, tmp_path / "cache").template(name, locale).render(context, str)

    environment = jinja2.Environment(autoescape=True)
    environment.filters["money"] = lambda price: formatted(price["minor"], price["currency"], locale)
    environment.filters["date"] = lambda moment: day(moment, locale, "long")
    environment.filters["number"] = lambda value: number(value, locale)
    environment.filters["unbroken"] = unbroken
    put_together = plainly(read_part(SHIPPED / name / BODY, SHIPPED, locale).segments).source
    folder = write(environment.from_string(put_together).render(context), subject=once.subject)
    each_time = Renderer(folder, tmp_path / "cache").template("mail", locale).render(context, str)

    assert tokens(once.html) == tokens(each_time.html)
    assert once.preheader == each_time.preheader


def test_blocks_stay_between_the_elements_where_they_stood(compiled: Callable[..., Template]) -> None:
    body = """<mjml><mj-body>{% for row in picks|batch(2) %}<mj-section>{% for pick in row %}
      <mj-column width="50%"><mj-table>{% for n in pick %}<tr><td>{{ n }}</td></tr>{% endfor %}</mj-table></mj-column>
      {% endfor %}</mj-section>{% else %}<mj-section><mj-column><mj-text>none</mj-text></mj-column></mj-section>
      {% endfor %}</mj-body></mjml>"""
    template = compiled(body)
    html = template.render({"picks": [[1, 2], [3], [4]]}, str).html
    assert re.findall(r"<td>(\d)</td>", html) == ["1", "2", "3", "4"]
    assert html.count('class="mj-column-per-50') == 3
    assert "none" in template.render({"picks": []}, str).html


def test_comparisons_and_quotes_inside_tags_are_left_alone(rendered: Callable[..., Any]) -> None:
    html = rendered('{% if a<b and t["x"] == ">" %}yes{% else %}no{% endif %}', {"a": 1, "b": 2, "t": {"x": ">"}}).html
    assert "yes" in html


def test_braces_that_are_no_jinja_are_printed(compiled: Callable[..., Template]) -> None:
    """A style that ends in `}}` is CSS, not Jinja."""
    head = "<mj-head><mj-style>@media print{ {% if a %}#x{color:red}}{% endif %}</mj-style></mj-head>"
    body = f"<mjml>{head}<mj-body><mj-section><mj-column><mj-text>{{% raw %}}{{{{ x }}}}{{% endraw %}}</mj-text>"
    html = compiled(f"{body}</mj-column></mj-section></mj-body></mjml>").render({"a": 1}, str).html
    assert "@media print{" in html
    assert "#x{color:red}}" in html
    assert "{{ x }}" in html


def test_entities_in_attributes_survive_mjml(compiled: Callable[..., Template]) -> None:
    """The engine un-escapes attributes; values with entities go around it."""
    body = in_column('<mj-image src="https://example.com/x.png?a=1&amp;copy=2" alt="say &quot;hi&quot; &lt;b&gt;" />')
    html = compiled(body).render({}, str).html
    assert 'alt="say &quot;hi&quot; &lt;b&gt;"' in html
    assert 'src="https://example.com/x.png?a=1&amp;copy=2"' in html


def test_a_whole_address_in_a_navbar_stays_whole(compiled: Callable[..., Template]) -> None:
    """MJML itself puts the base before it: https://e.comhttps://e.com/a."""
    links = '<mj-navbar-link href="https://e.com/a">A</mj-navbar-link><mj-navbar-link href="{{ b }}">B</mj-navbar-link>'
    template = compiled(in_column(f'<mj-navbar base-url="https://e.com">{links}</mj-navbar>'))
    mail = template.render({"b": "https://e.com/b"}, str)
    assert re.findall(r'href="([^"]*)"', mail.html) == ["https://e.com/a", "https://e.com/b"]
    assert mail.text == "A: https://e.com/a\nB: https://e.com/b\n"


def test_three_digit_colors_become_six_and_fragments_do_not(compiled: Callable[..., Template]) -> None:
    html = compiled(in_column('<mj-text color="#abc"><a href="#abc">down</a> #abc</mj-text>')).render({}, str).html
    assert "color:#aabbcc" in html
    assert 'href="#abc"' in html
    assert "down</a> #abc" in html


@pytest.mark.parametrize(
    "body",
    [
        '<mjml><mj-head><mj-font name="Roboto" href="https://fonts.example.com/r.css" /></mj-head><mj-body>'
        '<mj-section><mj-column><mj-text font-family="Roboto">x</mj-text></mj-column></mj-section></mj-body></mjml>',
        '<mjml><mj-body><mj-section><mj-column padding="4px" inner-border="4px solid #cccccc"><mj-image '
        'src="https://fonts.example.com/r.css" /></mj-column></mj-section></mj-body></mjml>',
    ],
)
def test_known_faults_of_the_engine_are_worked_around(body: str, compiled: Callable[..., Template]) -> None:
    assert "https://fonts.example.com/r.css" in compiled(body).render({}, str).html


def test_what_mjml_stumbles_over_is_told_with_its_line(compiled: Callable[..., Template]) -> None:
    section = '<mj-section padding="{}">\n<mj-column><mj-text>x</mj-text></mj-column></mj-section>'
    body = f"<mjml><mj-body>\n{section.format('4px 0')}\n{section.format('wide')}</mj-body></mjml>"
    with pytest.raises(TemplateError, match=r"body\.mjml:4:13: MJML cannot compile this"):
        compiled(body)


def test_a_hero_without_a_picture_compiles_and_the_color_in_it_is_no_address(
    compiled: Callable[..., Template],
) -> None:
    text = "<mj-text container-background-color=\"{{ 'red' if t else 'blue' }}\">x</mj-text>"
    body = f'<mjml><mj-body><mj-hero height="90px">{text}</mj-hero></mj-body></mjml>'
    mail = compiled(body).render({"t": True}, str)
    assert re.findall(r'<td align="left"[^>]*>', mail.html) == [
        '<td align="left" style="background:red;font-size:0px;padding:10px 25px;word-break:break-word">'
    ]
    assert mail.unsafe_urls == ()


@pytest.mark.parametrize(
    "element",
    [
        '<mj-spacer height="10px" />',
        '<mj-social><mj-social-element name="facebook" href="https://example.com/">like</mj-social-element></mj-social>',
        '<mj-navbar><mj-navbar-link href="https://example.com/">shop</mj-navbar-link></mj-navbar>',
        '<mj-carousel><mj-carousel-image src="https://example.com/1.png" alt="one" /></mj-carousel>',
        "<mj-accordion><mj-accordion-element><mj-accordion-title>more</mj-accordion-title></mj-accordion-element>"
        "</mj-accordion>",
    ],
)
def test_a_hero_holds_what_a_column_may_hold(element: str, compiled: Callable[..., Template]) -> None:
    """mjml 0.12 asks each of them for attributes that only some may have."""
    body = "<mjml><mj-body>{}</mj-body></mjml>"
    in_hero = compiled(body.format(f'<mj-hero height="90px">{element}</mj-hero>')).render({}, str)
    in_column = compiled(body.format(f"<mj-section><mj-column>{element}</mj-column></mj-section>")).render({}, str)
    assert in_hero.text == in_column.text


@pytest.mark.parametrize("element", ["mj-section", "mj-wrapper"])
def test_round_corners_are_cut_off(element: str, compiled: Callable[..., Template]) -> None:
    """MJML draws square ones where a cell has a background: npm's 4.18 has these three styles."""
    inner = "" if element == "mj-section" else "<mj-section></mj-section>"
    section = f'<{element} background-color="#ff0000" border-radius="8px">{inner}</{element}>'
    html = compiled(f"<mjml><mj-body>{section}</mj-body></mjml>").render({}, str).html
    rounded = re.findall(r'<(\w+)\s[^>]*style="([^"]*border-radius:8px[^"]*)"', html)
    assert [tag for tag, _ in rounded] == ["div", "table", "td"]
    assert "overflow:hidden" in rounded[0][1]
    assert "border-collapse:separate" in rounded[1][1]


def test_a_table_as_wide_as_its_content_has_its_width(compiled: Callable[..., Template]) -> None:
    html = compiled(in_column('<mj-table width="auto" cellspacing="4"><tr><td>x</td></tr></mj-table>')).render({}, str)
    (table,) = re.findall(r"<table [^>]*cellspacing=\"4\"[^>]*>", html.html)
    assert 'width="auto"' in table
    assert "border-collapse:separate" in table


def test_a_mail_asks_no_host_for_fonts(shipped: Path, sample: dict[str, Any], tmp_path: Path) -> None:
    """MJML loads fonts that it knows from Google wherever their names stand: each reader's address would go there."""
    html = Renderer(shipped, tmp_path).template("accessories", "en_IE").render(sample, str).html
    assert "font-family:-apple-system, BlinkMacSystemFont, Segoe UI, Roboto" in html.replace(": ", ":")
    assert not re.search(r"googleapis|<link|@import|@font-face", html)


@pytest.mark.parametrize("name", ["Ubuntu", "Roboto", "Lato", "Open Sans", "Droid Sans"])
def test_the_fonts_that_mjml_knows_are_not_loaded_by_their_names(name: str, compiled: Callable[..., Template]) -> None:
    body = in_column(f'<mj-text font-family="{name}, sans-serif">x</mj-text><mj-text>default</mj-text>')
    assert "googleapis" not in compiled(body).render({}, str).html


def test_only_the_font_that_the_author_asks_for_is_loaded(compiled: Callable[..., Template]) -> None:
    head = '<mj-head><mj-font name="Lato" href="https://fonts.example.com/lato.css" /></mj-head>'
    body = in_column('<mj-text font-family="Lato">x</mj-text><mj-text font-family="Roboto">y</mj-text>')
    html = compiled(body.replace("<mjml>", f"<mjml>{head}")).render({}, str).html
    assert re.findall(r'<link href="([^"]*)"', html) == ["https://fonts.example.com/lato.css"]


def test_language_and_direction_follow_the_locale(compiled: Callable[..., Template]) -> None:
    assert '<html lang="fr-FR" dir="ltr"' in compiled(in_text("x"), locale="fr_FR").render({}, str).html
    arabic = compiled(in_text("x"), locale="ar").render({}, str).html
    assert '<html lang="ar" dir="rtl"' in arabic
    assert "direction:rtl" in arabic
    assert 'align="right"' in arabic


def test_groups_and_what_has_no_alignment_of_its_own_are_turned_too(compiled: Callable[..., Template]) -> None:
    accordion = (
        "<mj-accordion><mj-accordion-element><mj-accordion-title>T</mj-accordion-title>"
        "<mj-accordion-text>X</mj-accordion-text></mj-accordion-element></mj-accordion>"
    )
    body = f"<mjml><mj-body><mj-section><mj-group><mj-column>{accordion}</mj-column></mj-group></mj-section></mj-body>"
    styles = re.compile(r'<div class="mj-column[^"]*" style="([^"]*)"')
    arabic = styles.findall(compiled(f"{body}</mjml>", locale="ar").render({}, str).html)
    assert ["direction:rtl" in style and "text-align:right" in style for style in arabic] == [True, True]
    english = styles.findall(compiled(f"{body}</mjml>").render({}, str).html)
    assert ["direction:ltr" in style and "text-align:left" in style for style in english] == [True, True]


def test_the_author_sets_defaults_for_right_to_left_locales_too(compiled: Callable[..., Template]) -> None:
    body = in_text("x").replace(
        "<mjml>", '<mjml><mj-head><mj-attributes><mj-text color="#112233" /></mj-attributes></mj-head>'
    )
    html = compiled(body, locale="he").render({}, str).html
    assert "color:#112233" in html
    assert "text-align:right" in html


def test_dark_mode_is_announced_only_with_dark_styles(compiled: Callable[..., Template]) -> None:
    dark = "<mjml><mj-head><mj-style>@media (prefers-color-scheme: dark) { p { color: white } }</mj-style></mj-head>"
    assert '<meta content="light" name="color-scheme"/>' in compiled(in_text("x")).render({}, str).html
    html = compiled(in_text("x").replace("<mjml>", dark)).render({}, str).html
    assert '<meta content="light dark" name="color-scheme"/>' in html
    assert '<meta content="light dark" name="supported-color-schemes"/>' in html


def test_no_letters_are_in_the_color_of_the_paper(compiled: Callable[..., Template]) -> None:
    """SpamAssassin's HTML_FONT_LOW_CONTRAST: MJML hides the preheader in white, besides hiding it."""
    body = in_text("x").replace("<mjml>", "<mjml><mj-head><mj-preview>Preheader</mj-preview></mj-head>")
    html = compiled(body).render({}, str).html
    assert "display:none;font-size:1px;line-height" in html
    assert "#ffffff" not in html


def test_the_preheader_is_padded_and_the_title_is_the_subject(compiled: Callable[..., Template]) -> None:
    body = in_text("x").replace("<mjml>", "<mjml><mj-head><mj-preview>Tom &amp; {{ name }}</mj-preview></mj-head>")
    mail = compiled(body, subject="For {{ name }}").render({"name": "A <b>\r\n"}, str)
    assert mail.subject == "For A <b>"
    assert mail.preheader == "Tom & A <b>"
    assert re.search(r"Tom &amp; A &lt;b&gt;(\u034f\u200c\u00a0){100}", mail.html)
    assert re.search(r"<title>\s*For A &lt;b&gt;\s*</title>", mail.html)


def test_a_worker_that_finds_the_compiled_file_never_imports_mjml(shipped: Path, tmp_path: Path) -> None:
    Renderer(shipped, tmp_path).template("accessories", "en_IE")
    script = f"""
import json, sys
from pathlib import Path
from aftercart.rendering.renderer import Renderer
template = Renderer(Path({str(shipped)!r}), Path({str(tmp_path)!r})).template("accessories", "en-IE")
context = json.loads(Path({str(shipped / "_layout/sample.json")!r}).read_text())
template.render(context, str)
print(json.dumps([name for name in ("mjml", "bs4", "css_inline") if name in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
