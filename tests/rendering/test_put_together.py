"""Layouts, macros and words are put in place before a mail is compiled, and mean what they mean to Jinja."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pytest

from aftercart.errors import TemplateError
from aftercart.rendering.authoring.includes import BODY
from aftercart.rendering.authoring.macros import OF_THE_CONTEXT
from aftercart.rendering.authoring.source import read_part
from aftercart.rendering.authoring.written import plainly
from aftercart.rendering.checking.check import check_template
from aftercart.rendering.renderer import Renderer
from aftercart.rendering.running.context import TemplateContext
from aftercart.rendering.running.runtime import Template
from tests.rendering.mjml import in_text

LAYOUT = """<mjml><mj-body>{% block top %}<mj-section><mj-column><mj-text>{{ brand }}</mj-text></mj-column></mj-section>
{% endblock %}{% block content %}nothing{% endblock %}
<mj-section><mj-column><mj-text>{% block foot %}Bye{% endblock foot %}</mj-text></mj-column></mj-section>
</mj-body></mjml>"""
MACROS = """{% macro card(pick, wide=false, word="it's") %}<mj-column width="50%"><mj-text>{{ pick.title }}, {{ word }}
{% if wide %}wide{% endif %}{{ price(pick.price) }}</mj-text></mj-column>{% endmacro %}
{% macro price(amount) %} for {{ amount }}{% endmacro %}"""
BODY_WITH_BOTH = """{% extends "_layout/mail.mjml" %}
{% from "_layout/card.mjml" import card, price %}
{% block content %}<mj-section>{% for pick in picks %}{{ card(pick, wide=loop.first) }}{% endfor %}</mj-section>
<mj-section>{{ card({"title": "a, (b)", "price": 1}, word="x, y") }}</mj-section>{% endblock %}
{% block foot %}{{ super() }} and {{ super() }}, {{ brand }}{% endblock %}"""
FILES = {"_layout/mail.mjml": LAYOUT, "_layout/card.mjml": MACROS}
VALUES = {"brand": "Shop", "picks": [{"title": "Bell", "price": 5}, {"title": "Lock <1>", "price": 7}]}


def test_layouts_and_macros_mean_what_jinja_means_by_them(write: Callable[..., Path], tmp_path: Path) -> None:
    root = write(BODY_WITH_BOTH, files=FILES)
    jinja = jinja2.Environment(loader=jinja2.FileSystemLoader(root))
    ours = jinja.from_string(plainly(read_part(root / "mail" / BODY, root).segments).source).render(VALUES)
    theirs = jinja.get_template("mail/body.mjml").render(VALUES)
    assert "".join(ours.split()) == "".join(theirs.split())
    assert "Bye and Bye, Shop" in Renderer(root, tmp_path / "cache").template("mail", "en").render(VALUES, str).text


AS_IN_JINJA = {
    "a default that names an argument before it": (
        "{% macro a(pick, title=pick.title) %}{{ title }}{% endmacro %}"
        "{% for pick in picks %}{{ a(picks[0]) }}{{ a(pick) }}{{ a(pick, 'x') }}{% endfor %}"
    ),
    "a default of a default": (
        "{% macro a(x, y=x + 1, z=y + 1) %}{{ x }}{{ y }}{{ z }}{% endmacro %}{{ a(1) }}{{ a(1, 5) }}"
    ),
    "what a macro sets": "{% set a = 1 %}{% macro b() %}{% set a = 2 %}{{ a }}{% endmacro %}{{ b() }}{{ a }}",
    "two files with a macro of one name": (
        '{% from "_layout/one.mjml" import one %}{% from "_layout/two.mjml" import two %}{{ one(1) }}{{ two(2) }}'
    ),
    "two files by their names": (
        '{% import "_layout/one.mjml" as a %}{% import "_layout/two.mjml" as b %}{{ a.one(1) }}{{ b.two(2) }}'
    ),
    "a macro called as one of an imported file": (
        '{% macro label(x) %}own{{ x }}{% endmacro %}{% from "_layout/one.mjml" import one %}{{ one(1) }}{{ label(2) }}'
    ),
    "what the file of a macro sets": (
        '{% from "_layout/sets.mjml" import sets %}{% set word = "own" %}{{ sets(word) }}{{ sets("x") }}{{ word }}'
    ),
    "a name in quotes, of a field and of a keyword": (
        "{% set word = 1 %}{% macro a(x) %}{{ 'word' }}{{ x.word }}{% endmacro %}"
        "{% with word = 2 %}{{ a({'word': 3}) }}{{ word }}{% endwith %}"
    ),
    "an import of an import": (
        '{% from "_layout/three.mjml" import three %}{% macro one(x) %}own{% endmacro %}{{ three(1) }}{{ one(2) }}'
    ),
}
FILES_OF_MACROS = {
    "_layout/one.mjml": "{% macro label(x) %}A{{ x }}{% endmacro %}{% macro one(x) %}{{ label(x) }}{% endmacro %}",
    "_layout/two.mjml": "{% macro label(x) %}B{{ x }}{% endmacro %}{% macro two(x) %}{{ label(x) }}{% endmacro %}",
    "_layout/sets.mjml": '{% set word = "theirs" %}{% macro sets(x, y=word) %}{{ x }}{{ y }}{{ word }}{% endmacro %}',
    "_layout/three.mjml": '{% from "_layout/one.mjml" import one %}{% macro three(x) %}{{ one(x) }}{% endmacro %}',
}


@pytest.mark.parametrize("content", AS_IN_JINJA.values(), ids=AS_IN_JINJA)
def test_a_macro_has_the_names_that_jinja_gives_it(
    content: str, write: Callable[..., Path], compiled: Callable[..., Template]
) -> None:
    root = write(in_text(content), files=FILES_OF_MACROS)
    theirs = jinja2.Environment(loader=jinja2.FileSystemLoader(root)).from_string(content).render(VALUES)
    ours = compiled(in_text(content), files=FILES_OF_MACROS).render(VALUES, str).text
    assert "".join(ours.split()) == "".join(theirs.split())


def test_the_names_that_a_macro_knows_are_those_of_the_context() -> None:
    assert set(TemplateContext.__annotations__) == OF_THE_CONTEXT


def test_a_macro_may_come_by_two_ways(compiled: Callable[..., Template]) -> None:
    imported = '{% from "_layout/card.mjml" import price %}'
    body = in_text(f"{imported}{imported}{{{{ price(3) }}}}")
    assert "for 3" in compiled(body, files=FILES).render({}, str).text


def test_the_end_of_a_file_is_no_space_behind_its_include(compiled: Callable[..., Template]) -> None:
    files = {"_layout/name.mjml": "Ada\n", "_layout/path.txt": "bells\n"}
    body = in_text(
        '({% include "_layout/name.mjml" %}), <a href="https://e.com/{% include "_layout/path.txt" %}/1">it</a>'
    )
    assert compiled(body, files=files).render({}, str).text == "(Ada), it (https://e.com/bells/1)\n"


def test_a_layout_of_a_layout_is_filled_from_below(compiled: Callable[..., Template]) -> None:
    middle = '{% extends "_layout/mail.mjml" %}{% block foot %}{{ super() }}, friends{% endblock %}'
    blocks = "{% block foot %}{{ super() }}!{% endblock %}{% block content %}{% endblock %}"
    body = f'{{% extends "_layout/middle.mjml" %}}{blocks}'
    assert "Bye, friends!" in compiled(body, files={**FILES, "_layout/middle.mjml": middle}).render(VALUES, str).text


def test_a_whole_file_of_macros_goes_by_a_name(compiled: Callable[..., Template]) -> None:
    body = in_text('{% import "_layout/card.mjml" as ui %}{{ ui.price(3) }}')
    assert "for 3" in compiled(body, files=FILES).render({}, str).text


def test_a_fault_in_a_macro_names_the_line_of_the_macro(compiled: Callable[..., Template]) -> None:
    files = {**FILES, "_layout/card.mjml": MACROS.replace("wide{%", "{{ pick.x }}{%")}
    values = {**VALUES, "picks": [{"title": "Bell", "x": None, "price": 1}]}
    with pytest.raises(TemplateError, match=r"card\.mjml:2:.*cannot print None"):
        compiled(BODY_WITH_BOTH, files=files).render(values, str)


REFUSED = {
    "text beside": ('{% extends "_layout/mail.mjml" %} Hello', "would be lost"),
    "set beside": ('{% extends "_layout/mail.mjml" %}{% set a = 1 %}', "would be lost"),
    "unknown block": ('{% extends "_layout/mail.mjml" %}{% block botom %}{% endblock %}', "has no block botom"),
    "block twice": (in_text("{% block a %}{% endblock %}{% block a %}{% endblock %}"), "two blocks a"),
    "open block": (in_text("{% block a %}"), "never closed"),
    "stray end": (in_text("{% endblock %}"), "closes nothing"),
    "two layouts": ('{% extends "_layout/mail.mjml" %}{% extends "_layout/mail.mjml" %}', "one layout"),
    "computed layout": ("{% extends layout %}", "named in quotes"),
    "own layout": ('{% extends "mail/body.mjml" %}', "its own layout"),
    "super of nothing": (in_text("{% block a %}{{ super() }}{% endblock %}"), "no layout has this block"),
    "open macro": (in_text("{% macro a() %}"), "never closed"),
    "macro in macro": (in_text("{% macro a() %}{% macro b() %}{% endmacro %}"), "inside another macro"),
    "macro twice": (in_text("{% macro a() %}1{% endmacro %}{{ a() }}{% macro a() %}2{% endmacro %}"), "two macros a"),
    "macro in an if": (
        in_text("{% if x %}{% macro a() %}{% endmacro %}{% else %}{% macro a() %}{% endmacro %}{% endif %}{{ a() }}"),
        "two macros a",
    ),
    "macro and import": (
        in_text('{% macro price(x) %}{% endmacro %}{% from "_layout/card.mjml" import price %}'),
        "two macros price",
    ),
    "macro and include": (
        in_text('{% macro price(x) %}own{% endmacro %}{% include "_layout/card.mjml" %}{{ price(1) }}'),
        "two macros price",
    ),
    "two imports": (
        in_text('{% from "_layout/card.mjml" import price, card as price %}'),
        "two macros price",
    ),
    "name in a loop": (
        in_text("{% macro a() %}{{ order.id }}{% endmacro %}{% for order in picks %}{{ a() }}{% endfor %}"),
        "a uses order, which means something else here",
    ),
    "name that is set": (
        in_text("{% set c = 1 %}{% macro a(x=c) %}{{ x }}{% endmacro %}{% with c = 2 %}{{ a() }}{% endwith %}"),
        "a uses c, which",
    ),
    "name of an argument": (
        in_text("{% macro a() %}{{ brand.name }}{% endmacro %}{% macro b(brand) %}{{ a() }}{% endmacro %}{{ b(1) }}"),
        "a uses brand, which",
    ),
    "macro of itself": (in_text("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}"), "calls itself"),
    "too many": (in_text("{% macro a(x) %}{% endmacro %}{{ a(1, 2) }}"), "no use for 2"),
    "too few": (in_text("{% macro a(x) %}{% endmacro %}{{ a() }}"), "a needs x"),
    "odd argument": (in_text("{% macro a(1) %}{% endmacro %}"), "no name for an argument"),
    "no macro": (in_text('{% from "_layout/card.mjml" import crad %}'), "did you mean card?"),
    "odd import": (in_text("{% import x %}"), "cannot be read"),
    "in a filter": (in_text("{% macro a() %}x{% endmacro %}{{ a()|upper }}"), "cannot be called"),
}


@pytest.mark.parametrize(("body", "words"), REFUSED.values(), ids=REFUSED)
def test_what_would_be_lost_or_cannot_be_meant_is_refused_at_its_line(
    body: str, words: str, compiled: Callable[..., Template]
) -> None:
    with pytest.raises(TemplateError, match=words) as caught:
        compiled(body, files=FILES)
    assert caught.value.place is not None
    assert caught.value.fix


# ---------------------------------------------------------------- how much


def twice(name: str) -> str:
    return f'{{% include "_layout/{name}.mjml" %}}' * 2


def called_twice(number: int) -> str:
    return f"{{% macro m{number}() %}}{{{{ m{number + 1}() }}}}{{{{ m{number + 1}() }}}}{{% endmacro %}}"


def on_top_of(number: int, content: str = "{{ super() }}{{ super() }}") -> str:
    return f'{{% extends "_layout/{number}.mjml" %}}{{% block foot %}}{content}{{% endblock %}}'


LEVELS = range(15)
TOP = LEVELS[-1] + 1
DOUBLING: dict[str, tuple[str, dict[str, str]]] = {
    "includes": (in_text(twice("0")), {f"{level}": twice(f"{level + 1}") for level in LEVELS} | {f"{TOP}": "x"}),
    "empty includes": (in_text(twice("0")), {f"{level}": twice(f"{level + 1}") for level in LEVELS} | {f"{TOP}": ""}),
    "macros": (
        "".join(map(called_twice, LEVELS)) + f"{{% macro m{TOP}() %}}{{% endmacro %}}" + in_text("{{ m0() }}"),
        {},
    ),
    "supers": (on_top_of(TOP), {"0": LAYOUT} | {f"{level + 1}": on_top_of(level) for level in LEVELS}),
    "imports": (
        '{% from "_layout/0.mjml" import m %}' + in_text("{{ m() }}"),
        {f"{level}": f'{{% from "_layout/{level + 1}.mjml" import m %}}' * 2 for level in LEVELS}
        | {f"{TOP}": "{% macro m() %}x{% endmacro %}"},
    ),
    "phrases": (in_text("{{ words.long }}" * 200), {}),
    "letters": (in_text("{{ words.letters }}" * 200), {}),
}
PHRASES = f"long = {'{{ name }}' * 100}\nletters = {'x' * 4000}\n"


@pytest.mark.parametrize(("body", "files"), DOUBLING.values(), ids=DOUBLING)
def test_what_doubles_at_each_step_is_refused_before_it_is_put_together(
    body: str, files: dict[str, str], compiled: Callable[..., Template]
) -> None:
    written = {f"_layout/{name}.mjml": content for name, content in files.items()}
    with pytest.raises(TemplateError, match=r"more than [0-9,]+ (files, blocks|tags|characters)") as caught:
        compiled(body, files={**written, "_words/en.txt": PHRASES})
    assert caught.value.place is not None
    assert caught.value.place.line
    assert "stands twice" in (caught.value.fix or "")


MANY = range(1200)
DEEP: dict[str, tuple[str, dict[str, str]]] = {
    "includes": (
        in_text('{% include "_layout/0.mjml" %}'),
        {f"{level}": f'{{% include "_layout/{level + 1}.mjml" %}}' for level in MANY},
    ),
    "layouts": (on_top_of(len(MANY), ""), {"0": LAYOUT} | {f"{level + 1}": on_top_of(level, "") for level in MANY}),
    "blocks": (in_text("".join(f"{{% block b{level} %}}" for level in MANY) + "{% endblock %}" * len(MANY)), {}),
    "imports": (
        '{% from "_layout/0.mjml" import m %}',
        {f"{level}": f'{{% from "_layout/{level + 1}.mjml" import m %}}' for level in MANY},
    ),
    "elements": (in_text("<div>" * 1200 + "</div>" * 1200), {}),
}


@pytest.mark.parametrize(("body", "files"), DEEP.values(), ids=DEEP)
def test_what_stands_too_deep_in_one_another_is_refused_with_its_line(
    body: str, files: dict[str, str], compiled: Callable[..., Template]
) -> None:
    with pytest.raises(TemplateError, match="this goes too deep") as caught:
        compiled(body, files={f"_layout/{name}.mjml": content for name, content in files.items()})
    assert caught.value.place is not None
    assert caught.value.place.line
    assert caught.value.fix


def test_a_file_of_macros_that_imports_itself_is_named(compiled: Callable[..., Template]) -> None:
    around = {f"_layout/{one}.mjml": f'{{% from "_layout/{other}.mjml" import m %}}' for one, other in ("ab", "ba")}
    with pytest.raises(TemplateError, match=r"_layout/a\.mjml imports itself.*take the import out"):
        compiled('{% from "_layout/a.mjml" import m %}' + in_text("{{ m() }}"), files=around)


def test_a_tag_that_nobody_could_read_is_refused(compiled: Callable[..., Template]) -> None:
    with pytest.raises(TemplateError, match="this tag has more than 5,000 characters"):
        compiled(in_text("{{ " + " ~ ".join(["name"] * 1000) + " }}"))


def test_a_hundred_cards_of_a_macro_are_not_too_much(compiled: Callable[..., Template]) -> None:
    macro = "{% macro card(n) %}{{ inner(n) }}{% endmacro %}{% macro inner(n) %}card {{ n }} {% endmacro %}"
    mail = compiled(macro + in_text("".join(f"{{{{ card({number}) }}}}" for number in range(100)))).render({}, str)
    assert mail.text.split() == [word for number in range(100) for word in ("card", str(number))]


# ---------------------------------------------------------------- words

EN = "# what we say\nhello = Hello {{ name }},\n  welcome & come in\nbuy = Buy\n"
FR = 'hello = Bonjour {% if name %}{{ name }}{% else %}"vous"{% endif %}\nbuy = Achat\n'
WORDS = {"_words/en.txt": EN, "_words/fr.txt": FR}


def test_a_phrase_is_in_the_language_of_the_reader(compiled: Callable[..., Template]) -> None:
    body = in_text("{{ words.hello }}")
    english = compiled(body, files=WORDS, subject="{{ words.hello }}").render({"name": "<Ada>"}, str)
    assert english.subject == "Hello <Ada>, welcome & come in"
    assert "Hello &lt;Ada&gt;, welcome &amp; come in" in " ".join(english.html.split())
    assert english.text == "Hello <Ada>, welcome & come in\n"
    french = compiled(body, files=WORDS, locale="fr_CA").render({"name": ""}, str)
    assert french.text == 'Bonjour "vous"\n'
    assert '<html lang="fr-CA"' in french.html


def test_who_reads_no_language_of_the_template_gets_english(write: Callable[..., Path], tmp_path: Path) -> None:
    renderer = Renderer(write(in_text("{{ words.buy }}"), files=WORDS), tmp_path / "cache")
    template = renderer.template("mail", "nl_NL")
    assert (template.locale, template.render({}, str).text) == ("en_US", "Buy\n")
    assert renderer.reads("mail", "fr_CH")
    assert not renderer.reads("mail", "nl_NL")


def test_a_template_without_words_has_the_language_it_is_written_in(write: Callable[..., Path], tmp_path: Path) -> None:
    assert Renderer(write(in_text("x"), files=WORDS), tmp_path / "cache").reads("mail", "fr") is None


def test_a_template_s_own_words_go_first(compiled: Callable[..., Template]) -> None:
    files = {**WORDS, "mail/words/fr.txt": "buy = Acheter", "mail/words/en.txt": "buy = Get"}
    body = in_text("{{ words.buy }} {{ words.hello }}")
    assert compiled(body, files=files, locale="fr").render({"name": "Ada"}, str).text == "Acheter Bonjour Ada\n"


def test_a_quote_in_a_phrase_does_not_end_its_attribute(compiled: Callable[..., Template]) -> None:
    files = {"_words/en.txt": 'alt = A "picture" of {{ name }} <b>'}
    body = in_text('<img src="https://example.com/x.png" alt="{{ words.alt }}">')
    html = compiled(body, files=files).render({"name": '"'}, str).html
    assert 'alt="A &quot;picture&quot; of &#34; &lt;b&gt;"' in html


def test_a_value_that_a_phrase_lacks_is_named_in_the_file_of_words(compiled: Callable[..., Template]) -> None:
    with pytest.raises(TemplateError, match=r"_words/en\.txt:2:18: the context has no name"):
        compiled(in_text("{{ words.hello }}"), files=WORDS).render({}, str)


@pytest.mark.parametrize(
    ("words", "body", "said"),
    [
        (EN, "{{ words.helo }}", r"body\.mjml:\d+:\d+: _words/en\.txt has no phrase helo — did you mean hello\?"),
        (EN, "{{ words.hello|upper }}", "does more than to name a phrase"),
        ("hello\n", "{{ words.hello }}", r"en\.txt:1:1: this line is no phrase"),
        ("a = 1\n\nb = 2\nc\n", "{{ words.a }}", r"en\.txt:4:1: this line is no phrase"),
        ("a = 1\na = 2\n", "{{ words.a }}", r"en\.txt:2:1: the phrase a stands above already"),
        ("a = {{ x\n", "{{ words.a }}", r"en\.txt:1:5: this \{\{ is never closed"),
    ],
)
def test_a_fault_in_words_names_file_and_line(
    words: str, body: str, said: str, compiled: Callable[..., Template]
) -> None:
    with pytest.raises(TemplateError, match=said):
        compiled(in_text(body), files={"_words/en.txt": words})


def test_without_any_words_the_file_to_write_is_named(compiled: Callable[..., Template]) -> None:
    with pytest.raises(TemplateError, match=r"_words/en\.txt"):
        compiled(in_text("{{ words.hello }}"))


def test_a_change_of_words_is_taken_up(write: Callable[..., Path], tmp_path: Path) -> None:
    root = write(in_text("{{ words.buy }}"), files=WORDS)
    before = Renderer(root, tmp_path / "cache").template("mail", "en").version
    write(in_text("{{ words.buy }}"), files={**WORDS, "_words/en.txt": EN.replace("Buy", "Get")})
    assert Renderer(root, tmp_path / "cache").template("mail", "en").version != before


def test_the_mark_that_windows_puts_before_a_file_is_no_part_of_it(
    write: Callable[..., Path], sample: dict[str, Any], tmp_path: Path
) -> None:
    """Notepad and PowerShell begin files with it; a subject began with it, too, and nobody could see it."""
    body = in_text('{{ words.hi }}, {% include "_layout/x.html" %}. {{ links.unsubscribe }} {{ brand.postal_address }}')
    files = {"_words/en.txt": "hi = Hi\n", "_layout/x.html": "you", "mail/sample.json": json.dumps(sample)}
    root = write(f"\ufeff{body}", subject="\ufeffHello", files={name: f"\ufeff{text}" for name, text in files.items()})
    assert [fault.message for fault in check_template(root, "mail") if not fault.warning] == []
    found = Renderer(root, tmp_path / "cache").template("mail", "en").render(sample, str)
    assert found.subject == "Hello"
    assert found.text.startswith("Hi, you.")
