"""What cannot be compiled faithfully is refused, at its line, with what to write instead."""

from collections.abc import Callable
from pathlib import Path

import pytest

from aftercart.errors import TemplateError
from aftercart.rendering.renderer import Renderer
from aftercart.rendering.running.runtime import Template
from tests.rendering.mjml import in_column, in_text

HEAD = "<mjml><mj-head>{}</mj-head><mj-body></mj-body></mjml>"
SECTION = "<mjml><mj-body><mj-section>{}</mj-section></mj-body></mjml>"
BODY = "<mjml><mj-body>{}</mj-body></mjml>"

REFUSED = {
    "width": (in_column('<mj-image src="https://e.com/x" width="{{ w }}" />'), "layout once"),
    "padding": (in_column('<mj-text padding="{{ p }}px">x</mj-text>'), "layout once"),
    "css-class": (in_column('<mj-text css-class="{{ c }}">x</mj-text>'), "layout once"),
    "mj-font": (HEAD.format('<mj-font name="X" href="{{ u }}" />'), "layout once"),
    "block in attribute": (in_column('<mj-text color="{% if a %}red{% endif %}">x</mj-text>'), "if condition else"),
    "between attributes": (in_column('<mj-text {% if a %}color="red"{% endif %}>x</mj-text>'), "whole element"),
    "unquoted": (in_column("<mj-text color={{ c }}>x</mj-text>"), "in quotes"),
    "tag name": (in_text("<h{{ n }}>x</h2>"), "name of a tag"),
    "closing tag": (in_text("<h2>x</h{{ n }}>"), "closing tag"),
    "comment": (in_text("<!-- {{ note }} -->"), "use {# #}"),
    "block in conditional comment": (in_text("<!--[if mso]>{% if a %}x{% endif %}<![endif]-->"), "around the comment"),
    "downlevel comment": (in_text("<![if !mso]>x<![endif]>"), "would be lost"),
    "style in if": (HEAD.format("{% if a %}<mj-style>p{}</mj-style>{% endif %}"), "always apply"),
    "title in if": (HEAD.format("<mj-title>{% if a %}x{% endif %}</mj-title>"), "if condition else"),
    "column without width": (SECTION.format("{% for p in x %}<mj-column></mj-column>{% endfor %}"), "needs a width"),
    "column beside a guest": (
        SECTION.format('<mj-column></mj-column>{% if a %}<mj-column width="40%"></mj-column>{% endif %}'),
        "needs a width",
    ),
    "group beside a guest": (
        SECTION.format('{% if a %}<mj-column width="40%"></mj-column>{% endif %}<mj-group></mj-group>'),
        "needs a width",
    ),
    "twice, once with Jinja": (in_column('<mj-text color="{{ c }}" color="red">x</mj-text>'), "keep one"),
    "expression in a column": (in_column("{{ hello }}"), "put it in <mj-text>"),
    "html in a column": (in_column("<p>hello</p>"), "put it in <mj-text>"),
    "hero": (BODY.format("<mj-hero>{% if a %}<mj-text>x</mj-text>{% endif %}</mj-hero>"), "around the whole"),
    "crossing": (SECTION.format("{% if a %}</mj-section><mj-section>{% endif %}"), "does not end inside"),
    "script": (in_text("<script>1</script>"), "no mail program"),
    "on-handler": (in_text('<b onclick="{{ x }}">x</b>'), "takes no Jinja"),
    "host": (in_text('<a href="https://{{ x }}/sale">x</a>'), "would decide to which host this leads"),
    "host behind an entity": (in_text('<a href="https://example.com&#46;{{ x }}">x</a>'), "to which host this leads"),
    "host of a style behind an entity": (
        in_text('<b style="background: url(https://example.com&#46;{{ x }})">x</b>'),
        "to which host this leads",
    ),
    "host without a scheme": (in_text('<b style="background: url(//{{ x }}/y)">x</b>'), "to which host this leads"),
    "host in a style's own letters": (
        in_text("<b style='background: url(https:\\2f\\2f{{ x }}/y)'>x</b>"),
        "to which host this leads",
    ),
    "host going on": (in_text('<a href="https://example.com{{ x }}">x</a>'), "would decide to which host this leads"),
    "host of a picture": (
        in_text("<b style=\"background: url('https://example.com{{ x }}')\">x</b>"),
        "would decide to which host this leads",
    ),
    "include of CSS": (
        "<mjml><mj-head><mj-include path='./x.css' type='css' /></mj-head><mj-body></mj-body></mjml>",
        "<mj-style>{% include",
    ),
    "ping": (in_text('<a href="https://example.com/" ping="{{ x }}">x</a>'), "takes no Jinja"),
    "refresh": (in_text('<meta http-equiv="refresh" content="0;url={{ x }}">'), "takes no Jinja"),
    "property": (in_text('<b style="margin: 0; {{ x }}: red">x</b>'), "would choose the property of a style"),
    "half a property": (in_text('<b style="border-{{ x }}: red">x</b>'), "would choose the property of a style"),
    "whole style": (in_text('<b style="{{ x }}">x</b>'), "would be a whole declaration of a style"),
    "half a style": (in_text('<b style="margin: 0; {{ x }}; top: 0">x</b>'), "would be a whole declaration of a style"),
    "style in a sheet": (in_text("<style>b { /* x */ {{ x }} }</style>"), "would be a whole declaration of a style"),
    "relative link": (in_text('<a href="/sale">x</a>'), "whole address"),
    "relative link in a navbar": (
        in_column('<mj-navbar base-url="https://e.com"><mj-navbar-link href="/a">x</mj-navbar-link></mj-navbar>'),
        "whole address",
    ),
    "javascript link": (in_text('<a href="javascript:alert(1)">x</a>'), "whole address"),
    "unknown element": (in_column("<mj-buton>x</mj-buton>"), "did you mean <mj-button>"),
    "element in text": (in_text('<mj-button href="https://e.com">x</mj-button>'), "printed as it is"),
    "wrong end": (in_column("<mj-text>x</mj-column>"), "was expected"),
    "never closed": ("<mjml><mj-body>", "never closed"),
    "gap": (BODY.format('<mj-wrapper gap="5px"></mj-wrapper>'), "MJML ignores"),
    "twice": (in_text('<b class="a" class="b">x</b>'), "twice"),
    "open bracket": (in_text("1 < 2"), "&lt;"),
    "unused": (
        in_column('<mj-carousel><mj-carousel-image src="{{ u }}" rel="{{ v }}" /></mj-carousel>'),
        "not appear",
    ),
    "caller": (in_text("{% call m() %}{% endcall %}"), "call is not available"),
    "no layout": ('{% extends "x" %}', "there is no file x"),
    "computed include": (in_text("{% include name %}"), "in quotes"),
    "outside": (in_text('{% include "../../etc/passwd" %}'), "outside"),
    "mj-include outside": (in_column('<mj-include path="../../x.mjml" />'), "outside"),
    "mj-include with jinja": (in_column('<mj-include path="{{ x }}" />'), "plain path"),
    "jinja syntax": (in_text("{% if %}"), "expected an expression"),
    "unclosed jinja": (in_text("{{ x "), "never closed"),
    "unclosed block": (in_text("{% if a %}"), "end"),
}


@pytest.mark.parametrize(("body", "advice"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_compiled_names_its_line_and_the_way_out(
    body: str, advice: str, compiled: Callable[..., Template]
) -> None:
    with pytest.raises(TemplateError, match=advice.replace("{", r"\{")) as caught:
        compiled(f"\n\n\n{body}\n\n")
    place = caught.value.place
    assert place is not None
    assert place.file.name == "body.mjml"
    assert place.line == 4
    assert place.column
    assert caught.value.fix


def test_a_mail_needs_a_body(compiled: Callable[..., Template]) -> None:
    with pytest.raises(TemplateError, match="there is no <mj-body>"):
        compiled("<mjml></mjml>")


def test_a_fault_in_an_included_file_names_that_file(write: Callable[..., Path], tmp_path: Path) -> None:
    layout = {"_layout/x.mjml": '<mj-column>\n\n<mj-text padding="{{ p }}">x</mj-text></mj-column>'}
    root = write(SECTION.format('{% include "_layout/x.mjml" %}'), files=layout)
    with pytest.raises(TemplateError) as caught:
        Renderer(root, tmp_path / "cache").template("mail", "en")
    assert caught.value.place is not None
    assert (caught.value.place.file, caught.value.place.line) == (root / "_layout" / "x.mjml", 3)


def test_a_file_that_includes_itself_is_refused(write: Callable[..., Path], tmp_path: Path) -> None:
    root = write(in_text('{% include "_layout/x.mjml" %}'), files={"_layout/x.mjml": '{% include "_layout/x.mjml" %}'})
    with pytest.raises(TemplateError, match="includes itself"):
        Renderer(root, tmp_path / "cache").template("mail", "en")


def test_a_link_out_of_the_folder_is_not_followed(write: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    root = write(in_text('{% include "_layout/x.mjml" %}'), files={"_layout/y": ""})
    (root / "_layout" / "x.mjml").symlink_to(tmp_path / "secret")
    with pytest.raises(TemplateError, match="outside"):
        Renderer(root, tmp_path / "cache").template("mail", "en")


def test_mj_include_is_relative_to_its_file(write: Callable[..., Path], tmp_path: Path) -> None:
    root = write(
        SECTION.format('<mj-include path="../_layout/x.mjml" />'), files={"_layout/x.mjml": in_column("").join("")}
    )
    (root / "_layout" / "x.mjml").write_text("<mj-column><mj-text>from there</mj-text></mj-column>", encoding="utf-8")
    assert "from there" in Renderer(root, tmp_path / "cache").template("mail", "en").render({}, str).html


@pytest.mark.parametrize(
    ("parent", "child", "content"),
    [
        ("mj-navbar", 'mj-navbar-link href="https://example.com/{{ n }}"', "{{ n }}!"),
        ("mj-social", 'mj-social-element href="https://example.com/{{ n }}"', "{{ n }}!"),
        ("mj-accordion", "mj-accordion-element", "<mj-accordion-title>{{ n }}!</mj-accordion-title>"),
    ],
)
def test_a_block_may_stand_between_children(
    parent: str, child: str, content: str, compiled: Callable[..., Template]
) -> None:
    loop = f"{{% for n in ns %}}<{child}>{content}</{child.split()[0]}>{{% endfor %}}"
    html = compiled(in_column(f"<{parent}>{loop}</{parent}>")).render({"ns": [1, 2]}, str).html
    assert html.index("1!") < html.index("2!")
