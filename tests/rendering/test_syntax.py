"""What Jinja cannot read is told where a person would look for it, with the way to write it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aftercart.rendering.checking.check import check_template
from tests.rendering.mjml import in_column, in_text


@pytest.fixture
def told(write: Callable[..., Path], sample: dict[str, Any]) -> Callable[..., list[str]]:
    """What is said about a template, by paths below the templates folder."""

    def check(body: str = in_text("x"), *, files: dict[str, str] | None = None, **parts: Any) -> list[str]:
        root = write(body, files={"mail/sample.json": json.dumps(sample), **(files or {})}, **parts)
        return [
            f"{f.place}: {f.message} — {f.fix}".replace(f"{root}/", "")
            for f in check_template(root, "mail")
            if "mj-preview" not in f.message
        ]

    return check


COLUMN = len(in_text("|").partition("|")[0]) + 1
"""Where the content of `in_text` begins."""
WORD = COLUMN + 3
"""Where the first word of a tag stands that begins there."""


@pytest.mark.parametrize(
    ("content", "column", "said"),
    [
        ("{{ order. }}", WORD, "{{ order. }} cannot be read: expected name or number — write it as {{ order.id }}"),
        ("{{ }}", WORD, "there is nothing in {{ }} — write a value"),
        ("{% %}", WORD, "there is nothing in {% %} — there are if, for"),
        ("{% foo %}", WORD, "there is no tag {% foo %} — did you mean {% for %}?"),
        ("{% qqq %}", WORD, "there is no tag {% qqq %} — there are if, for"),
        ("{% if a %}{% elseif b %}{% endif %}", WORD + 10, "there is no tag {% elseif %} — did you mean {% elif %}?"),
        ("{% if a %}{% else if b %}{% endif %}", WORD + 10, "{% else if b %} cannot be read: expected '%}', got 'if'"),
        ("{% if a = b %}{% endif %}", WORD, "{% if a = b %} cannot be read: expected '%}', got '=' — compare with =="),
        ("{% for pick picks %}{% endfor %}", WORD, "{% for pick picks %} cannot be read: expected 'in', got 'picks'"),
        ("{% endif %}", WORD, "{% endif %} closes nothing — take it out"),
        ("{% else %}", WORD, "{% else %} stands in no {% if %} — add"),
        (
            "{% for p in picks %}{% endif %}{% endfor %}",
            WORD + 20,
            "{% endif %} closes nothing; what is open is {% for p in picks %} of line 1 — write {% endfor %}",
        ),
        (
            "{% for p in picks %}{% if p %}{% endfor %}",
            WORD + 20,
            "{% if p %} is never closed — add {% endif %} before the {% endfor %} of line 1",
        ),
        ("{% if a %}", WORD, "{% if a %} does not end inside its <mj-text> — add {% endif %} before the </mj-text>"),
        ("{{ order.id", COLUMN, "this {{ is never closed — end it with }}"),
        ("{{ order.id {{ brand.name }}", COLUMN, "this {{ is never closed — end it with }}"),
        ("{{ order.id }", COLUMN, "this {{ is never closed — end it with }}"),
        ("{% if order.id }} x {% endif %}", COLUMN, "this {% is never closed — end it with %}"),
        ("{# note", COLUMN, "this {# is never closed — end it with #}"),
        ("{% raw %} {{", COLUMN, "{% raw %} is never closed — add {% endraw %}"),
        ('{{ a|default("b) }}', WORD + 10, 'this " is never closed — end it with "'),
        ('{{ a|default("b) }} "c" {{ d }}', WORD + 10, 'this " is never closed — end it with "'),
        ("{{ a|default(“b”) }}", WORD + 10, 'the character “ means nothing here — write straight quotes: "'),
        ("{{ (a }}", WORD + 3, "found } where ) was expected — close the bracket"),
        ("{% if {a %}x", COLUMN, "a bracket in this {% is never closed — close each bracket before the %}"),
        ("{% if !a %}{% endif %}", WORD + 3, "the character ! means nothing here — write not"),
    ],
)
def test_a_tag_that_cannot_be_read_is_told_at_its_place(
    content: str, column: int, said: str, told: Callable[..., list[str]]
) -> None:
    [fault] = told(in_text(content))
    assert fault.startswith(f"mail/body.mjml:1:{column}: {said}")


def test_every_tag_that_cannot_be_read_is_told(told: Callable[..., list[str]]) -> None:
    faults = told(in_text("{{ a. }}\n{% foo %}\n  {% set x %}"), subject="{% if a %}", files={"mail/body.txt": "{{ }}"})
    assert [fault.split(": ")[0] for fault in faults] == [
        "mail/subject.txt:1:4",
        f"mail/body.mjml:1:{WORD}",
        "mail/body.mjml:2:4",
        "mail/body.mjml:3:6",
        "mail/body.txt:1:4",
    ]


def test_a_tag_of_several_lines_is_told_at_the_line_that_cannot_be_read(told: Callable[..., list[str]]) -> None:
    [fault] = told(in_text("{{ a\n  ~\n  b c }}"))
    assert fault.startswith("mail/body.mjml:3:1: ")


INCLUDE = '{% include "_layout/x.mjml" %}'
TEXT = "<mj-text>x</mj-text>"


@pytest.mark.parametrize(
    ("body", "included", "place"),
    [
        (in_column(INCLUDE), f"{TEXT}\n{{% if a %}}{TEXT}", "_layout/x.mjml:2:4"),
        (in_column(INCLUDE), f"{TEXT}\n{{% endif %}}", "_layout/x.mjml:2:4"),
        (in_column(INCLUDE), "<mj-text>{{ a. }}</mj-text>", "_layout/x.mjml:1:13"),
        (in_column(f"{{% if a %}}{INCLUDE}{{% endif %}}"), f"{{% if b %}}{TEXT}", "_layout/x.mjml:1:4"),
        (in_column(f"{{% if a %}}{INCLUDE}{{% endif %}}"), f"{TEXT}{{% endif %}}", f"_layout/x.mjml:1:{len(TEXT) + 4}"),
    ],
)
def test_a_block_belongs_to_one_file_and_the_file_at_fault_is_named(
    body: str, included: str, place: str, told: Callable[..., list[str]]
) -> None:
    [fault] = told(body, files={"_layout/x.mjml": included})
    assert fault.startswith(f"{place}: ")


def test_the_end_of_a_block_that_an_open_element_hides_names_the_element(told: Callable[..., list[str]]) -> None:
    body = "<mjml><mj-body>\n{% if a %}\n<mj-section>\n{% endif %}\n</mj-section></mj-body></mjml>"
    [fault] = told(body)
    assert fault.startswith("mail/body.mjml:4:4: {% endif %} ends {% if a %} of line 2 inside <mj-section> of line 3")


def test_a_value_that_the_context_has_not_is_told_with_its_column(told: Callable[..., list[str]]) -> None:
    [fault] = told(subject="{% if brand.name %}\n{{ brand.name ~\n  recipient.frist_name }}{% endif %}")
    assert fault.startswith("mail/subject.txt:3:13: the context has no recipient.frist_name — did you mean recipient.f")


def test_a_field_of_a_list_is_no_value(told: Callable[..., list[str]]) -> None:
    [fault] = told(subject="{{ picks.title }}")
    assert fault == "mail/subject.txt:1:10: the context has no picks.title — did you mean picks[0].title?"
