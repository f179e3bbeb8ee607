"""Whatever stands in the data, the mail keeps its structure, its schemes and its styles."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aftercart.errors import TemplateError
from aftercart.rendering.renderer import Renderer
from aftercart.rendering.running.runtime import Rendered, Template, rendered_again
from tests.rendering.mjml import in_column
from tests.rendering.structure import structure

HOSTILE = [
    "<script>alert(1)</script>",
    "</mj-text><mj-raw><b>",
    "</title><script>",
    "</style><script>",
    "--><script>alert(1)</script><!--",
    "<![endif]--><script>",
    "]]><script>",
    '<mj-include path="/etc/passwd" />',
    'x" onerror="alert(1)',
    "x' onerror='alert(1)",
    '"><script>',
    'https://example.com/" style="position:fixed',
    "https://example.com/' onclick='x",
    "&quot; onload=alert(1)",
    "&#34; onload=alert(1)",
    "&amp;quot;",
    "&lt;script&gt;",
    "{{ 7*7 }}",
    "{% for x in y %}",
    "{# gone",
    "{{{x}}}",
    "javascript:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "\x01JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "javascript&colon;alert(1)",
    "//evil.example.com",
    "\\\\evil.example.com",
    "https://user:password@example.com/",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "red;background:url(https://evil.example.com)",
    "red}</style><script>",
    "red}@import url(https://evil.example.com);",
    "');background:url('https://evil.example.com",
    "expression(alert(1))",
    "red /* ",
    "*|FNAME|* %recipient.x% ##x##",
    "jx0123456789abx0z",
    "\U000f0000",
    "\0",
    "a\r\nBcc: eve@example.com",
    "\u202egpj.exe",
    "\ud800",
    "`x`",
    "",
    "<!--[if mso]><script>alert(1)</script><![endif]-->",
    "<svg/onload=alert(1)>",
    "<img src=x onerror=alert(1)//",
    "<a href=https://evil.example.com>x</a>",
    "</td></tr></table><form action=https://evil.example.com>",
    'x" style="background:url(https://evil.example.com)',
    "x\u2028onerror=alert(1)",
    "&#106;avascript:alert(1)",
    "%6Aavascript:alert(1)",
    "java\u00adscript:alert(1)",
    "\ufeffjavascript:alert(1)",
    "https:evil.example.com",
    "https:\\\\evil.example.com",
    "https://example.com\\@evil.example.com/",
    "https://example.com:80\r\nX-Header: 1",
    "mailto:ada@example.com\r\nBcc: eve@example.com",
    "blob:https://example.com/1",
    "intent://evil#Intent;end",
    "url(https://evil.example.com)",
    "var(--x)",
    "\\65xpression(alert(1))",
    "red;}*{display:none",
    "red!important",
    "#fff/**/;x:y",
    "a\u0085b\u2029c",
    "\u2066\u202dtxt.exe\u2069",
    "\udfff\ud800",
    "\x1b[31mred",
    "=?utf-8?q?=0ABcc:_eve@example.com?=",
    'x"onmouseover=alert(1) y="',
    "\u2028</script><script>",
    "<!--",
    "--!><script>",
    "\ufffe\uffff",
    "a\x7fb\x9c",
    "</textarea><script>",
    "java\u0130script:alert(1)",
    "HTTPS://example.com@evil.example.com/",
    '\\";}</style><b>',
    "\u200f\u200e" * 40,
    "e\u0301" * 50,
    "https://example.com/x');color:red;y:url('",
    "https://example.com/x);color:red;y:url(z",
    "x" * 20_000,
]

PLACES = {
    "text": "<mj-text>{{ v }}</mj-text>",
    "text in a tag of HTML": "<mj-text><b>{{ v }}</b></mj-text>",
    "conditional comment": "<mj-text><!--[if mso]><b>{{ v }}</b><![endif]--></mj-text>",
    "attribute": '<mj-image src="https://example.com/x" alt="{{ v }}" />',
    "attribute of HTML": "<mj-text><b title='{{ v }}'>x</b></mj-text>",
    "title in the middle": '<mj-image src="https://example.com/x" title="a {{ v }} b" />',
    "button": '<mj-button href="https://example.com/">{{ v }}</mj-button>',
    "color": '<mj-text color="{{ v }}">x</mj-text>',
    "background": '<mj-button background-color="{{ v }}" href="https://example.com/">x</mj-button>',
    "style": '<mj-text><b style="color: {{ v }}; margin: 0">x</b></mj-text>',
    "css url": "<mj-text><b style=\"background: url('{{ v }}')\">x</b></mj-text>",
    "css url in the middle": "<mj-text><b style=\"background: url('https://example.com/{{ v }}')\">x</b></mj-text>",
    "url path": '<mj-button href="https://example.com/p/{{ v }}">x</mj-button>',
    "url query": '<mj-text><a href="https://example.com/?a={{ v }}&amp;b=1">x</a></mj-text>',
    "url fragment": '<mj-text><a href="https://example.com/#{{ v }}">x</a></mj-text>',
    "src path": '<mj-image src="https://example.com/{{ v }}.png" />',
    "style looped": '<mj-text>{% for p in "ab" %}<b style="color: {{ v }}; top: {{ v }}px">x</b>{% endfor %}</mj-text>',
    "style of several": '<mj-text><b style="border: 1px {{ v }} {{ v }}">x</b></mj-text>',
    "style of a font": "<mj-text><b style=\"font-family: '{{ v }}', serif\">x</b></mj-text>",
    "style sheet": "<mj-text><style>{{ v }} { color: #{{ v }} } /* {{ v }} */ @import url({{ v }});</style></mj-text>",
    "cell": '<mj-raw><table><tr><td bgcolor="{{ v }}" width="{{ v }}">{{ v }}</td></tr></table></mj-raw>',
    "text of other kinds": "<mj-raw><textarea>{{ v }}</textarea><title>{{ v }}</title><xmp>{{ v }}</xmp></mj-raw>",
    "Outlook": '<mj-raw><!--[if mso]><v:rect fillcolor="{{ v }}" style="top:{{ v }}px" /><![endif]--></mj-raw>',
    "for all but Outlook": "<mj-raw><!--[if !mso]><!-->{{ v }}<!--<![endif]--></mj-raw>",
    "accordion": "<mj-accordion><mj-accordion-element><mj-accordion-title>{{ v }}</mj-accordion-title>"
    '<mj-accordion-text color="{{ v }}">{{ v }}</mj-accordion-text></mj-accordion-element></mj-accordion>',
    "default": '<mj-text mj-class="loud">x</mj-text>',
    "attribute by a path": '<mj-text css-class="named">x</mj-text>',
    "filtered": "<mj-text>{{ ('<b>' ~ v)|upper }} {{ [v]|join('<br>') }} {{ v|striptags }} {{ v|urlencode }}</mj-text>",
    "share link": '<mj-social><mj-social-element name="facebook" href="{{ v }}">x</mj-social-element></mj-social>',
}
HEAD = (
    '<mj-title>a {{ v }} b</mj-title><mj-attributes><mj-all color="{{ v }}" /><mj-class name="loud" color="{{ v }}" />'
    '<mj-class name="linked" href="{{ v }}" title="{{ v }}" /></mj-attributes>'
    "<mj-style>b { color: {{ v }}; }</mj-style>"
    '<mj-html-attributes><mj-selector path=".named div">'
    '<mj-html-attribute name="data-x">it\'s "x" &lt;</mj-html-attribute></mj-selector></mj-html-attributes>'
)
URLS = {
    "link": '<mj-text><a href="{{ v }}">x</a></mj-text>',
    "button link": '<mj-button href="{{ v }}">x</mj-button>',
    "image link": '<mj-image src="https://example.com/x" href="{{ v }}" />',
    "src": '<mj-image src="{{ v }}" />',
    "background of VML": '<mj-raw><!--[if mso]><v:fill src="{{ v }}" /><![endif]--></mj-raw>',
    "picture of VML elsewhere": '<mj-raw><!--[if mso]><v:imagedata o:href="{{ v }}" /><![endif]--></mj-raw>',
    "background of a cell": '<mj-raw><table><tr><td background="{{ v }}">x</td></tr></table></mj-raw>',
    "area": '<mj-text><map><area href="{{ v }}" alt="x"></map></mj-text>',
    "form": '<mj-text><form action="{{ v }}"></form></mj-text>',
    "filtered": "<mj-text><a href=\"{{ (v ~ '')|trim|lower }}\">x</a></mj-text>",
    "default": '<mj-image src="https://example.com/x" mj-class="linked" />',
    "link with more": '<mj-text><a href="{{ v }}?a={{ v }}">x</a></mj-text>',
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Template]:
    """Each body is compiled once for all strings."""
    root = tmp_path_factory.mktemp("places")
    renderer = Renderer(root / "templates", root / "cache")

    def compiled(body: str) -> Template:
        name = f"m{abs(hash(body)):x}"
        folder = root / "templates" / name
        if not folder.is_dir():
            folder.mkdir(parents=True)
            (folder / "subject.txt").write_text("For {{ v }}", encoding="utf-8")
            head = f"<mj-head><mj-preview>{{{{ v }}}}</mj-preview>{HEAD}</mj-head>"
            text = in_column(body).replace("<mjml>", f"<mjml>{head}")
            (folder / "body.mjml").write_text(text, encoding="utf-8")
        return renderer.template(name, "en")

    return compiled


@pytest.mark.parametrize("body", PLACES.values(), ids=PLACES)
def test_no_string_changes_the_structure_of_a_mail(body: str, place: Callable[[str], Template]) -> None:
    template = place(body)
    wanted = structure(template.render({"v": "Bell"}, str).html)
    for string in HOSTILE:
        mail = template.render({"v": string}, str)
        assert structure(mail.html) == wanted, string
        assert not set(mail.subject) & set("\r\n\0")
        mail.html.encode()


@pytest.mark.parametrize("body", URLS.values(), ids=URLS)
def test_no_string_becomes_an_address_that_runs_or_misleads(body: str, place: Callable[[str], Template]) -> None:
    template = place(body)
    asked: list[str] = []

    def link(url: str) -> str:
        asked.append(url)
        return url

    wanted = structure(template.render({"v": "not an address"}, link).html)
    for string in (string for string in HOSTILE if not string.startswith("https://example.com/")):
        mail = template.render({"v": string}, link)
        assert structure(mail.html) == wanted, string
        assert mail.unsafe_urls
    assert asked == []


@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_quote_in_an_address_does_not_end_its_attribute(quote: str, place: Callable[[str], Template]) -> None:
    template = place(URLS["link"])
    mail = template.render({"v": f"https://example.com/{quote} onclick={quote}x"}, str)
    assert structure(mail.html) == structure(template.render({"v": "https://example.com/"}, str).html)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(value=st.text(max_size=60))
@example(value="é" * 30)
def test_text_arrives_as_it_was_but_for_control_characters(value: str, place: Callable[[str], Template]) -> None:
    template = place(PLACES["text"])
    assert structure(template.render({"v": value}, str).html) == structure(template.render({"v": "x"}, str).html)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example.com/?utm_source=mail&utm_campaign=a%20b&copy=1&amp=2",
        "https://shop.example.com/räder/größe?q=ö#ende",
        "HTTP://shop.example.com:8080/a;b=c?d[]=e|f&g={h}'i",
        "https://shop.example.com",
    ],
)
def test_an_address_reaches_link_and_reader_unchanged(url: str, rendered: Callable[..., Rendered]) -> None:
    """T39: UTM parameters and ampersands, from data and written out."""
    asked: list[str] = []

    def link(found: str) -> str:
        asked.append(found)
        return found

    static = url.replace("&", "&amp;").replace("{h}", "h")
    mail = rendered(f'<a href="{{{{ u }}}}">x</a> <a href="{static}">y</a>', {"u": url}, link=link)
    assert set(asked) == {url, url.replace("{h}", "h")}
    assert url in mail.text
    assert f'href="{url.replace("&", "&amp;").replace(chr(39), "&#39;")}"' in mail.html


def test_an_ampersand_of_an_address_is_one_in_a_style_sheet_too(compiled: Callable[..., Template]) -> None:
    sheet = "<mj-head><mj-style>b { background: url({{ u }}) }</mj-style></mj-head>"
    body = in_column("<mj-text>x</mj-text>").replace("<mjml>", f"<mjml>{sheet}")
    html = compiled(body).render({"u": "https://e.com/1.png?w=2&h=3"}, str).html
    assert "url(https://e.com/1.png?w=2&h=3)" in html


def test_values_are_encoded_inside_an_address(rendered: Callable[..., Rendered]) -> None:
    mail = rendered('<a href="https://e.com/p/{{ v }}?a={{ v }}">x</a>', {"v": "a/b c%20d&e=f?g"})
    assert 'href="https://e.com/p/a/b%20c%20d%26e=f%3Fg?a=a%2Fb%20c%2520d%26e%3Df%3Fg"' in mail.html


@pytest.mark.parametrize(
    ("base", "path", "address"),
    [
        ("https://e.com", ".evil.example", "https://e.com/.evil.example"),
        ("https://e.com", "@evil.example", "https://e.com/@evil.example"),
        ("https://e.com", "/bell", "https://e.com/bell"),
        ("https://e.com/", "bell", "https://e.com/bell"),
        ("https://e.com/p", "bell", "https://e.com/pbell"),
        ("https://e.com", "", "https://e.com"),
    ],
)
def test_a_value_behind_another_does_not_decide_to_which_host_they_lead(
    base: str, path: str, address: str, rendered: Callable[..., Rendered]
) -> None:
    mail = rendered('<a href="{{ a }}{{ b }}{{ c }}">x</a>', {"a": base, "b": path, "c": ""})
    assert f'href="{address}"' in mail.html
    assert f"({address})" in mail.text


def test_what_is_clicked_is_linked_and_the_rest_is_not(compiled: Callable[..., Template]) -> None:
    body = in_column(
        '<mj-image src="https://e.com/1.png" href="https://e.com/image" /><mj-button href="{{ u }}">b</mj-button>'
        '<mj-text><a href="https://e.com/static">s</a><a href="mailto:a@e.com">m</a><a href="tel:+1">t</a>'
        '<a href="#top">top</a><a href="{{ links.unsubscribe }}">leave</a>'
        '<a href="{{ links.preferences }}#topics">choose</a></mj-text>'
    )
    context = {"u": "https://e.com/data", "links": {"unsubscribe": "https://m.e/u", "preferences": "https://m.e/p"}}
    mail = compiled(body).render(context, lambda url: f"https://t.e/{url.rsplit('/', 1)[1]}")
    for part in (mail.html, mail.text):
        assert "https://t.e/image" in part
        assert "https://t.e/data" in part
        assert "https://t.e/static" in part
        assert "https://m.e/u" in part
        assert "https://m.e/p#topics" in part
        assert "https://t.e/u" not in part
    assert 'href="mailto:a@e.com"' in mail.html
    assert 'src="https://e.com/1.png"' in mail.html


@pytest.mark.parametrize(
    ("content", "values", "words"),
    [
        ("{{ nme }}", {"name": "Ada"}, "nme"),
        ("{{ person.nme }}", {"person": {"name": "Ada"}}, "nme"),
        ("{{ person }}", {"person": {"name": "Ada"}}, "cannot print"),
        ("{{ name }}", {"name": None}, "cannot print None"),
        ("{{ name }}", {"name": True}, "cannot print True"),
        ("{{ price|money }}", {"price": 5}, "money prints prices"),
        ("{{ day|date }}", {"day": "soon"}, "ISO 8601"),
        ('<a href="{{ nme }}">x</a>', {"name": "Ada"}, "nme"),
        ("{{ name|title }}", {"name": None}, "cannot print None"),
        ("{{ name|truncate(9) }}", {"name": None}, "cannot print None"),
        ("{{ 'Hi ' ~ name }}", {"name": None}, "cannot print None"),
        ("{{ 'Hi ' ~ none }}", {}, "cannot print None"),
        ("{{ names|join(', ') }}", {"names": ["Ada", None]}, "cannot print None"),
        ("{{ names|map('upper')|join }}", {"names": [None]}, "cannot print None"),
        ("{{ people|join(', ') }}", {"people": [{"name": "Ada"}]}, "cannot print a whole group"),
        ("{{ people|join(', ', 'name') }}", {"people": [{"name": None}]}, "cannot print None"),
        ("{{ people ~ '' }}", {"people": [{"name": "Ada"}]}, "cannot print a whole list"),
        ("{{ person|upper }}", {"person": {"name": "Ada"}}, "cannot print a whole group"),
        ("{{ person|striptags }}", {"person": {"name": "Ada"}}, "cannot print a whole group"),
        ("{{ names|map('upper') }}", {"names": ["Ada"]}, "cannot print a whole list"),
        ("{{ person.name }}", {"person": None}, "none has no name"),
        ("{{ names[3] }}", {"names": []}, "this list has no element 3"),
        ("{{ 1 / number }}", {"number": 0}, "cannot be worked out: division by zero"),
    ],
)
def test_what_nobody_should_read_raises_with_file_and_line(
    content: str, values: dict[str, Any], words: str, rendered: Callable[..., Rendered]
) -> None:
    """T38: an undefined value or an internal structure is never printed."""
    with pytest.raises(TemplateError, match=words) as caught:
        rendered(f"{{{{ 'first' }}}}\n\n{content}\n{{{{ 'last' }}}}", values)
    assert caught.value.place is not None
    assert (caught.value.place.file.name, caught.value.place.line) == ("body.mjml", 3)


def test_what_can_be_read_is_changed_and_put_together_as_by_jinja(rendered: Callable[..., Rendered]) -> None:
    shown = (
        "{{ name|title }} {{ names|join(', ') }} {{ people|join('/', attribute='name')|upper }} {{ 3 ~ name ~ 1.5 }}"
    )
    mail = rendered(shown, {"name": "<a b>", "names": ["x", 2, "&"], "people": [{"name": "y"}, {"name": "z"}]})
    assert mail.text.strip() == "<A B> x, 2, & Y/Z 3<a b>1.5"
    assert "&lt;A B&gt; x, 2, &amp; Y/Z 3&lt;a b&gt;1.5" in mail.html


def test_a_mail_that_was_sent_when_filters_took_everything_says_again_what_it_said() -> None:
    before, source = Rendered("Hello", "", "", ""), "{{ ('Hi ' ~ name|title)|_text }}, {{ names|join('+')|_text }}"
    assert rendered_again(source, "en_US", {"name": None, "names": ["a", None]}, before, str) == "Hi None, a+None"


def test_an_undefined_value_in_the_subject_names_the_subject(compiled: Callable[..., Template]) -> None:
    template = compiled(in_column(""), subject="Hello\n{{ nme }}")
    with pytest.raises(TemplateError, match="nme") as caught:
        template.render({}, str)
    assert caught.value.place is not None
    assert (caught.value.place.file.name, caught.value.place.line) == ("subject.txt", 2)


class Sneaky(str):
    """A text that brings its own markup."""

    def __html__(self) -> str:
        return "<script>"


@pytest.mark.parametrize("value", [Sneaky("x"), Path("x"), {1: "x"}, {"_x": "y"}, ("a",), [[object()]]])
def test_only_plain_data_enters_a_template(value: object, rendered: Callable[..., Rendered]) -> None:
    with pytest.raises(TemplateError, match="the context holds"):
        rendered("x", {"v": value})


def test_an_address_that_whoever_rewrites_links_refuses_is_counted(rendered: Callable[..., Rendered]) -> None:
    mail = rendered('<a href="{{ u }}">x</a>', {"u": "https://shop..com/"}, link=lambda _: "#unsafe-url")
    assert set(mail.unsafe_urls) == {"https://shop..com/"}
    assert 'href="#unsafe-url"' in mail.html
