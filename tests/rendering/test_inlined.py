"""Styles that are put into elements when a mail is compiled: what Jinja decides later comes out as if it had been
decided before, or is refused.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import pytest

from aftercart.errors import TemplateError
from aftercart.rendering.running.runtime import Template
from tests.rendering.mjml import Bodies

RED = ".a { color: #aa0000; } .a > b { margin: 0 }"
QUESTION = "<mj-accordion-element><mj-accordion-title>{{ n }}</mj-accordion-title></mj-accordion-element>"
NETWORK = '<mj-social-element href="https://e.com/{{ n }}">x</mj-social-element>'
ROW = '<tr class="a"><td class="a">{{ n }}</td></tr>'
VALUES: Mapping[str, Any] = {"numbers": [1, 2, 3], "some": True, "none": False, "color": "#112233", "size": 7}


def mail(content: str, css: str = RED) -> str:
    return (
        f'<mjml><mj-head><mj-style inline="inline">{css}</mj-style></mj-head><mj-body><mj-section><mj-column>{content}'
        "</mj-column></mj-section></mj-body></mjml>"
    )


def text(content: str, css: str = RED) -> str:
    return mail(f"<mj-text>{content}</mj-text>", css)


def loop(content: str) -> str:
    return f"{{% for n in numbers %}}{content}{{% endfor %}}"


KEPT = {
    "rows": mail(f"<mj-table>{loop(ROW)}</mj-table>"),
    "rows below a head": mail(f"<mj-table><tr><th>x</th></tr>{loop(ROW)}</mj-table>"),
    "rows in a body": mail(f"<mj-table><tbody>{loop(ROW)}</tbody></mj-table>"),
    "bodies": mail(f"<mj-table>{loop(f'<tbody>{ROW}</tbody>')}</mj-table>"),
    "one row or another": mail(
        "<mj-table>{% if none %}<tr><td>x</td></tr>{% else %}<tr><td>y</td></tr>{% endif %}</mj-table>"
    ),
    "a table in a table": text(
        f"<table>{loop('<tr><td><table>{% if some %}<tr><td>{{ n }}</td></tr>{% endif %}</table></td></tr>')}</table>"
    ),
    "cells": mail(f"<mj-table><tr>{loop('<td class=a>{{ n }}</td>')}</tr></mj-table>"),
    "an accordion": mail(f"<mj-accordion>{loop(QUESTION)}</mj-accordion>"),
    "networks": mail(f"<mj-social>{loop(NETWORK)}</mj-social>"),
    "values of a style": text('<p class="a" style="margin: {{ size }}px; color: {{ color }}">x</p>'),
    "a value in a sheet": text('<p class="a">x</p>', ".a { color: {{ color }} }"),
    "elements left open": text("<p class='a'>x{% if some %}<br>y{% endif %}<p>z"),
}


@pytest.mark.parametrize("body", KEPT.values(), ids=KEPT)
def test_a_mail_is_as_if_jinja_had_come_first(body: str, tmp_path: Path) -> None:
    bodies = Bodies(tmp_path)
    plain = jinja2.Environment(autoescape=True).from_string(body).render(VALUES)
    assert bodies.tokens(body, VALUES) == bodies.tokens(plain, {})


REFUSED = {
    "a count": (text(loop("<p>{{ n }}</p>"), "p:nth-child(2) { margin: 0 }"), "'p:nth-child\\(2\\)' counts elements"),
    "a neighbor": (text(loop("<p>{{ n }}</p>"), "/* + */ .b { color: red }\n p + p {}"), r":2:2: .*'p \+ p' counts"),
    "an address": (text('<a href="{{ x }}">x</a>', "a[href^='https'] { margin: 0 }"), "filled in later"),
    "a class": (text('<p class="a{{ x }}">x</p>'), "class of <p> takes no Jinja"),
    "a head without a body": (
        text(f"<table><thead><tr><td>x</td></tr></thead>{loop(ROW)}</table>"),
        r"moved what stands in \{% for n in numbers",
    ),
    "a box in a paragraph": (text("<p>x{% if some %}<div>y</div>{% endif %}z</p>"), "moved what stands in {% if some"),
    "a path": (
        "<mjml><mj-head><mj-html-attributes><mj-selector path='p:last-child'><mj-html-attribute name='x'>y"
        "</mj-html-attribute></mj-selector></mj-html-attributes></mj-head>"
        "<mj-body>{% if x %}{% endif %}</mj-body></mjml>",
        "'p:last-child' counts elements",
    ),
}


@pytest.mark.parametrize(("body", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_known_yet_is_refused(body: str, words: str, compiled: Callable[..., Template]) -> None:
    with pytest.raises(TemplateError, match=words):
        compiled(body)


def test_a_mail_without_blocks_may_count(compiled: Callable[..., Template]) -> None:
    html = compiled(text("<p>x</p><p>{{ n }}</p>", "p + p { margin: 0 }")).render({"n": 1}, str).html
    assert html.count("margin: 0") == 1
