"""What MJML would leave out without a word is told when a template is checked."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aftercart.rendering.checking.check import check_template
from aftercart.rendering.compiling.engine import attribute_types
from aftercart.rendering.compiling.mjml_places import FREE_ATTRIBUTES, KNOWN
from aftercart.rendering.fault import TemplateFault
from tests.rendering.mjml import in_column, in_text

LEAVE = '<a href="{{ links.unsubscribe }}">leave</a> {{ brand.postal_address }}'


@pytest.fixture
def checked(write: Callable[..., Path], sample: dict[str, Any]) -> Callable[[str], list[TemplateFault]]:
    """What is said about a template whose HTML has the link out in it."""

    def check(body: str) -> list[TemplateFault]:
        found = check_template(write(body, files={"mail/sample.json": json.dumps(sample)}), "mail")
        return [fault for fault in found if "there is no <mj-preview>" not in fault.message]

    return check


def mail(head: str = "", body: str = "") -> str:
    column = f"<mj-section><mj-column><mj-text>{LEAVE}</mj-text></mj-column></mj-section>"
    return f"<mjml><mj-head>{head}</mj-head>\n<mj-body>\n{body}{column}</mj-body></mjml>"


@pytest.mark.parametrize(("before", "behind"), [("Hello ", ""), ("", "Good bye")])
def test_words_before_and_behind_a_mail_are_lost_and_told(
    before: str, behind: str, checked: Callable[[str], list[TemplateFault]]
) -> None:
    [fault] = checked(f"{before}{mail()}{behind}")
    assert fault.message.startswith(f"{(before or behind).strip()!r} outside of <mjml> is lost")
    assert not fault.warning


@pytest.mark.parametrize(
    ("element", "column", "said"),
    [
        ('<mj-text font-sise="32px">x</mj-text>', 10, "<mj-text> has no attribute font-sise — did you mean font-size?"),
        ('<mj-text class="x">x</mj-text>', 10, "<mj-text> has no attribute class — did you mean css-class?"),
        ('<mj-spacer qqq="x" />', 12, "<mj-spacer> has no attribute qqq — known: "),
        ('<mj-text><mj-button href="https://e.com">x</mj-button></mj-text>', 10, "<mj-button> inside <mj-text> would"),
        ("<mj-column></mj-column>", 1, "<mj-column> does not belong directly in <mj-column> — put it in <mj-section>"),
        ("<mj-buton>x</mj-buton>", 1, "there is no element <mj-buton> — did you mean <mj-button>?"),
        (
            "  hello",
            3,
            "'hello' directly in <mj-column> is lost: MJML shows what stands in elements — put it in <mj-te",
        ),
        ("<mj-navbar-link>x</mj-navbar-link>", 1, "<mj-navbar-link> does not belong directly in <mj-column> — put it"),
    ],
)
def test_what_mjml_does_not_know_is_an_error(
    element: str, column: int, said: str, checked: Callable[[str], list[TemplateFault]]
) -> None:
    [fault] = checked(mail(body=f"<mj-section><mj-column>\n{element}\n</mj-column></mj-section>"))
    assert f"{fault.message} — {fault.fix}".startswith(said)
    assert (fault.place.line, fault.place.column, fault.warning) == (4, column, False)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ('<mj-attributes><mj-text font-sise="32px" /></mj-attributes>', "<mj-text> has no attribute font-sise"),
        ('<mj-attributes><mj-all colour="red" /></mj-attributes>', "<mj-all> has no attribute colour"),
        ('<mj-attributes><mj-class name="a" colour="red" /></mj-attributes>', "<mj-class> has no attribute colour"),
        ("<mj-text>x</mj-text>", "<mj-text> does not belong directly in <mj-head>"),
    ],
)
def test_defaults_are_looked_at_as_elements_are(
    head: str, said: str, checked: Callable[[str], list[TemplateFault]]
) -> None:
    [fault] = checked(mail(head))
    assert fault.message == said


@pytest.mark.parametrize(
    ("worn", "fix"),
    [
        ("lead", ""),
        ("lead calm", ""),
        ("leed", "did you mean lead?"),
        ("big", 'write <mj-class name="big"> in <mj-att'),
    ],
)
def test_a_class_of_which_the_head_says_nothing_is_a_warning(
    worn: str, fix: str, checked: Callable[[str], list[TemplateFault]]
) -> None:
    known = '<mj-attributes><mj-class name="lead" color="#111111" /><mj-class name="calm" color="#222222" />'
    wearing = mail(f"{known}</mj-attributes>").replace("<mj-text", f'<mj-text mj-class="{worn}"', 1)
    assert [(one.fix[: len(fix)], one.warning) for one in checked(wearing)] == ([(fix, True)] if fix else [])


@pytest.mark.parametrize(
    ("attributes", "fix"),
    [
        ('font-size="big"', "write it as 20px"),
        ('font-size="20"', "write 20px"),
        ('padding="1px 2px 3px 4px 5px"', "write at most 4 lengths"),
        ('color="#65696"', "write it as #1a73e8"),
        ('align="middle"', "write left or right or center or justify"),
    ],
)
def test_a_value_that_means_nothing_is_a_warning(
    attributes: str, fix: str, checked: Callable[[str], list[TemplateFault]]
) -> None:
    [fault] = checked(in_text(LEAVE).replace("<mj-text", f"<mj-text {attributes}"))
    assert (fault.fix, fault.warning) == (fix, True)


@pytest.mark.parametrize(
    "attributes",
    [
        'padding="0"',
        'padding="10px 0 5%"',
        'line-height="1.5"',
        'font-size="1.2em"',
        'letter-spacing="-0.6px"',
        'color="rgba(0, 0, 0, .9)"',
        'color="Maroon"',
        'css-class="a b"',
        'color="{{ brand.color }}"',
        'container-background-color=""',
    ],
)
def test_what_mjml_takes_is_no_fault(attributes: str, checked: Callable[[str], list[TemplateFault]]) -> None:
    assert checked(in_text(LEAVE).replace("<mj-text", f"<mj-text {attributes}")) == []


@pytest.mark.parametrize(
    ("head", "column", "said"),
    [
        ('<mj-font name="Lato" href="https://fonts.example.com/l.css" />', 1, "this font asks another host"),
        ("<mj-style>@import url(https://fonts.example.com/l.css);</mj-style>", 11, "this @import asks another host"),
        ("<mj-style>@font-face { src: url(https://e.com/l.woff) }</mj-style>", 11, "this @font-face asks another host"),
    ],
)
def test_a_font_of_another_host_is_a_warning(
    head: str, column: int, said: str, checked: Callable[[str], list[TemplateFault]]
) -> None:
    [fault] = checked(mail(f"\n{head}"))
    assert fault.message.startswith(said)
    assert (fault.place.line, fault.place.column, fault.warning) == (2, column, True)


def test_a_warning_hides_no_error(checked: Callable[[str], list[TemplateFault]]) -> None:
    faults = checked(in_column('<mj-text font-size="big">{{ brand.nmae }}</mj-text><mj-buton />'))
    assert [(fault.message.split(" ")[0], fault.warning) for fault in faults] == [
        ("font-size='big'", True),
        ("the", False),
        ("there", False),
    ]


def test_the_engine_and_this_room_know_the_same_elements() -> None:
    ours_alone = {"mjml", "mj-all", "mj-class", "mj-selector", "mj-html-attribute"}
    assert KNOWN - ours_alone == attribute_types().keys()


def test_every_attribute_that_may_hold_jinja_is_one_that_mjml_knows() -> None:
    known = {name for types in attribute_types().values() for name in types}
    assert FREE_ATTRIBUTES - known == set()
