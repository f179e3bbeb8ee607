"""What is not on the list is refused when a template is compiled, at its line."""

from collections.abc import Callable

import pytest

from aftercart.errors import TemplateError
from aftercart.rendering.running.runtime import Rendered, Template
from tests.rendering.mjml import in_text


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ x['__class__'] }}",
        "{{ x|attr('__class__') }}",
        "{{ '{0.__class__}'.format(x) }}",
        "{{ lipsum.__globals__ }}",
        "{{ cycler.__init__ }}",
        "{{ self._TemplateReference__context }}",
        "{{ xs|map(attribute='__class__')|join }}",
        "{{ _links }}",
        "{{ x.delete() }}",
        "{{ xs.append(1) }}",
        "{{ range(10**9) }}",
        "{% for i in range(99999) %}{% endfor %}",
        "{{ range(n) }}",
        "{{ 'a' * 10000 }}",
        "{{ 2 ** 99 }}",
        "{{ x|center(10000) }}",
        "{{ '%1000000d' % 1 }}",
        "{{ x|indent(10000) }}",
        "{{ xs|batch(100000, 0) }}",
        "{{ xs|batch(n) }}",
        "{{ x|truncate(n) }}",
        "{{ x|replace('a', 'aaaa') }}",
        "{{ x|safe }}",
        "{{ x|e }}",
        "{{ x|link }}",
        "{{ x|nosuch }}",
        "{{ x is nosuch }}",
        "{{ x|_text }}",
        "{% set ns = namespace(a=1) %}{{ ns.a }}",
        "{% filter upper %}x{% endfilter %}",
        "{% autoescape false %}x{% endautoescape %}",
        "{% import 'x' as y %}",
        "{% autoescape false %}{% endautoescape %}",
        "{% call x() %}{% endcall %}",
        "{% for x in xs recursive %}{% endfor %}",
        "{% do x %}",
    ],
)
def test_hostile_jinja_is_refused_with_its_line(source: str, compiled: Callable[..., Template]) -> None:
    with pytest.raises(TemplateError) as caught:
        compiled(in_text(f"\n{source}"))
    assert caught.value.place is not None
    assert caught.value.place.line == 2


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("{{ name|upper|truncate(4, true, '') }}", "ADA "),
        ("{% for i in range(3) %}{{ loop.cycle('a', 'b') }}{% endfor %}", "aba"),
        ("{{ names|map('upper')|join(', ') }}", "A, B"),
        ("{{ people|selectattr('old')|map(attribute='name')|first }}", "Ben"),
        ("{% set x = name ~ '!' %}{{ x }}", "Ada Lovelace!"),
        ("{% with x = 1 %}{{ x + 1 }}{% endwith %}", "2"),
        ("{{ names[-1] }} {{ people[0]['name'] }}", "b Eve"),
        ("{{ missing|default('none') }}", "none"),
        ("{{ 'yes' if name is defined and names|length == 2 else 'no' }}", "yes"),
    ],
)
def test_what_templates_need_is_allowed(source: str, printed: str, rendered: Callable[..., Rendered]) -> None:
    people = [{"name": "Eve", "old": False}, {"name": "Ben", "old": True}]
    mail = rendered(source, {"name": "Ada Lovelace", "names": ["a", "b"], "people": people})
    assert printed.strip() in mail.text
    assert printed in mail.html


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(50) %}" * 5 + "x" + "{% endfor %}" * 5,
        "{% for a in picks %}" * 5 + "{{ a }}" + "{% endfor %}" * 5,
        "{% for a in picks|map('upper') %}" * 5 + "{% endfor %}" * 5,
        "{% for a in range(50) if a %}" * 4 + "{{ loop.index }}" + "{% endfor %}" * 4,
        "{% for a in name %}" * 5 + "{% endfor %}" * 5,
    ],
    ids=["range", "values", "filtered", "chosen", "letters"],
)
def test_loops_that_would_hold_up_all_mails_are_refused_with_their_line(
    source: str, compiled: Callable[..., Template]
) -> None:
    template = compiled(in_text(f"\n{source}"))
    with pytest.raises(TemplateError, match="the loops of this mail go round more than 20,000 times") as caught:
        template.render({"picks": ["x"] * 12, "name": "Northwheel"}, str)
    assert caught.value.place is not None
    assert caught.value.place.line == 2
    assert "inside another" in caught.value.fix


def test_a_long_order_is_no_loop_too_many(rendered: Callable[..., Rendered]) -> None:
    mail = rendered("{% for line in lines %}{{ line }} {% endfor %}", {"lines": ["bell"] * 5000})
    assert mail.html.count("bell") == mail.text.count("bell") == 5000


def test_a_mail_that_no_server_would_take_is_refused(compiled: Callable[..., Template]) -> None:
    template = compiled(in_text("{% for a in range(50) %}{% for b in range(50) %}{{ name }}{% endfor %}{% endfor %}"))
    with pytest.raises(TemplateError, match=r"has 5,0.*characters, and no mail may have more than 5,000,000"):
        template.render({"name": "x" * 2000}, str)


@pytest.mark.parametrize("grown", ["a ~ a", "a + a", "[a, a]|join", "b + b"])
def test_what_doubles_at_each_step_is_refused_before_it_fills_the_machine(
    grown: str, compiled: Callable[..., Template]
) -> None:
    step = f"{{% set {grown[0].replace('[', 'a')} = {grown} %}}"
    template = compiled(
        in_text("{% set a = name %}{% set b = [name] %}\n" + step * 26 + "{{ a|length }}{{ b|length }}")
    )
    with pytest.raises(TemplateError, match="what is put together here is longer than 5,000,000") as caught:
        template.render({"name": "Ada"}, str)
    assert caught.value.place is not None
    assert caught.value.place.line == 2


@pytest.mark.parametrize(
    "source",
    [
        "{% if picks %}" * 300 + "x" + "{% endif %}" * 300,
        "{% for a in range(1) %}" * 30 + "x" + "{% endfor %}" * 30,
        "{{ " + "(" * 300 + "1" + ")" * 300 + " }}",
        "{{ 1" + " + 1" * 400 + " }}",
        "{{ name" + "|upper" * 400 + " }}",
        "{% if " + "not " * 400 + "picks %}x{% endif %}",
    ],
    ids=["blocks", "loops", "brackets", "sums", "filters", "nots"],
)
def test_what_goes_too_deep_is_refused_with_its_line(source: str, compiled: Callable[..., Template]) -> None:
    with pytest.raises(TemplateError, match="too deep") as caught:
        compiled(in_text(f"\n{source}"))
    assert caught.value.place is not None
    assert caught.value.place.line == 2


def test_a_choice_among_thousands_is_refused_with_its_line(compiled: Callable[..., Template]) -> None:
    """Jinja translates it to Python, which ends in a traceback, or takes minutes."""
    chain = "{% if name == 0 %}\n" + "".join(f"{{% elif name == {number} %}}x\n" for number in range(300))
    with pytest.raises(TemplateError, match="has more than 200") as caught:
        compiled(in_text(chain + "{% endif %}"))
    assert caught.value.place is not None
    assert caught.value.place.line == 202


def test_twelve_loops_and_forty_blocks_are_not_too_deep(rendered: Callable[..., Rendered]) -> None:
    source = "{% for a in range(1) %}" * 12 + "{% if name %}" * 40 + "x" + "{% endif %}" * 40 + "{% endfor %}" * 12
    assert rendered(source, {"name": "Ada"}).text == "x\n"
