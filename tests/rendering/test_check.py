"""Everything wrong with a template is said before launch."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aftercart.errors import Place
from aftercart.rendering.authoring.source import read_part, template_names
from aftercart.rendering.checking.check import check_template
from aftercart.rendering.checking.variables import unknown_variables
from aftercart.rendering.fault import TemplateFault
from tests.rendering.mjml import in_column, in_text

LEAVE = '<a href="{{ links.unsubscribe }}">leave</a> {{ brand.postal_address }}'


def faults(root: Path) -> str:
    """What is said about the template `mail`, a line each, by paths below the templates folder.

    That it has no preheader is left out: hardly any test is about that.
    """
    found = (told(fault, root) for fault in check_template(root, "mail"))
    return "\n".join(line for line in found if "there is no <mj-preview>" not in line)


def told(fault: TemplateFault, root: Path) -> str:
    return f"{fault.place}: {fault.message} — {fault.fix}".replace(f"{root}/", "")


def unknown_in(root: Path) -> list[tuple[Place, str, str | None]]:
    return unknown_variables(read_part(root / "mail" / "body.mjml", root))


def test_the_shipped_templates_have_no_faults(shipped: Path) -> None:
    assert template_names(shipped)
    assert [fault for name in template_names(shipped) for fault in check_template(shipped, name)] == []


@pytest.mark.parametrize(
    ("content", "path", "suggestion"),
    [
        ("{{ recipient.frist_name }}", "recipient.frist_name", "recipient.first_name"),
        ("{{ brnad.name }}", "brnad", "brand"),
        (
            "{% for row in picks|batch(2) %}{% for p in row %}{{ p.titel }}{% endfor %}{% endfor %}",
            "picks[].titel",
            "picks[].title",
        ),
        ("{{ picks[0].because.nme }}", "picks[].because.nme", None),
        ("{% set p = picks|first %}{{ p.pric|money }}", "picks[].pric", "picks[].price"),
        ("{% with o = order %}{{ o.lines[0]['skuu'] }}{% endwith %}", "order.lines[].skuu", "order.lines[].sku"),
        ("{{ brand.name.upper }}", "brand.name.upper", "brand.name"),
        ("{% if picks|selectattr('sku')|list %}{{ order.nr }}{% endif %}", "order.nr", None),
        ("{{ order.lines|map(attribute='titel')|join }}", "order.lines[].titel", "order.lines[].title"),
        ("{{ (picks|map(attribute='because')|first).titel }}", "picks[].because.titel", "picks[].because.title"),
        (
            "{% for pick in picks %}{% if not loop.first %}{{ loop.previtem.titel }}{% endif %}{% endfor %}",
            "picks[].titel",
            "picks[].title",
        ),
        ("{% for one, other in picks|batch(2) %}{{ other.titel }}{% endfor %}", "picks[].titel", "picks[].title"),
        ("{% set one, other = picks[0], picks[1] %}{{ one.titel }}", "picks[].titel", "picks[].title"),
        ("{% for pick in [picks[0]] + picks[2:] %}{{ pick.titel }}{% endfor %}", "picks[].titel", "picks[].title"),
        ("{{ (picks[0].because|default({})).titel }}", "picks[].because.titel", "picks[].because.title"),
        ("{{ picks|join(', ', 'titel') }}", "picks[].titel", "picks[].title"),
        ("{{ picks|rejectattr('because.skuu')|list|length }}", "picks[].because.skuu", "picks[].because.sku"),
        ("{{ (picks|sort(attribute='title,prise')|first).title }}", "picks[].prise", "picks[].price"),
        ("{% for pick in picks %}{{ loop.indx }}{% endfor %}", "loop.indx", "loop.index"),
    ],
)
def test_a_typing_error_is_named_with_what_was_meant(
    content: str, path: str, suggestion: str | None, write: Callable[..., Path]
) -> None:
    root = write(in_text(f"\n\n{content}"))
    ((place, found, meant),) = unknown_in(root)
    assert (place.line, found) == (3, path)
    assert suggestion is None or meant == suggestion


@pytest.mark.parametrize(
    "content",
    [
        "{% for p in picks %}{{ loop.index }} {{ p.because.title }}{% else %}{{ brand.name }}{% endfor %}",
        "{% if links.preferences is defined %}{{ links.preferences }}{% endif %}",
        "{% for key in range(3) %}{{ picks[key].title }}{% endfor %}",
        "{% set best = picks[0] if picks else order.lines[0] %}{{ best.title }}",
        "{{ (picks|sort(attribute='title')|last).title }}",
        "{{ picks|sum(attribute='price.minor') }} {{ picks|map('length')|list|length }}",
        "{% for pick in picks|sort(attribute='category,title') %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    ],
)
def test_what_the_context_has_is_no_fault(content: str, write: Callable[..., Path]) -> None:
    assert unknown_in(write(in_text(content))) == []


def test_a_missing_sample_is_a_fault(write: Callable[..., Path]) -> None:
    assert "sample.json: the file is missing" in faults(write(in_text(LEAVE)))


def test_a_broken_sample_names_its_line(write: Callable[..., Path]) -> None:
    assert "sample.json:2:" in faults(write(in_text(LEAVE), files={"mail/sample.json": '{\n"a": }'}))


@pytest.mark.parametrize("sample", ["[]", '{"links": "x", "recipient": []}', '{"_x": 1}', '{"picks": null}', "\xff"])
def test_a_sample_of_another_shape_is_a_fault_and_no_crash(sample: str, write: Callable[..., Path]) -> None:
    assert faults(write(in_text(LEAVE), files={"mail/sample.json": sample}))


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        ({"recipient": 5}, 'recipient is of another kind than in the context — write it as {"first_name": ...}'),
        ({"picks": {"sku": "A"}}, "picks is of another kind than in the context — write it as [...]"),
        (
            {"picks": [{"price": "9 EUR"}]},
            'picks[].price is of another kind than in the context — write it as {"minor"',
        ),
        ({"order": {"id": [1]}}, "order.id is of another kind than in the context — write it as a text in quotes"),
    ],
)
def test_a_value_of_a_sample_that_is_of_another_kind_is_named(
    sample: dict[str, Any], said: str, write: Callable[..., Path]
) -> None:
    assert f"sample.json: {said}" in faults(write(in_text(LEAVE), files={"mail/sample.json": json.dumps(sample)}))


def test_a_sample_of_which_only_some_is_there_is_no_crash(write: Callable[..., Path], sample: dict[str, Any]) -> None:
    given = {**sample, "picks": [{"sku": "A"}], "order": {"id": "1"}, "coupon": None}
    assert faults(write(in_text(LEAVE), files={"mail/sample.json": json.dumps(given)})) == ""


def test_words_that_nobody_reads_are_told(write: Callable[..., Path], sample: dict[str, Any]) -> None:
    words = {f"mail/words/{language}.txt": "hi = Hi" for language in ("en", "it")} | {"_words/en.txt": "by = Bye"}
    root = write(in_text(f"{LEAVE}{{{{ words.hi }}}}"), files={"mail/sample.json": json.dumps(sample), **words})
    assert "it.txt: nobody reads these words, as there is no _words/it.txt — write it" in faults(root)


def test_a_mail_without_a_way_out_is_a_fault(write: Callable[..., Path], sample: dict[str, Any]) -> None:
    found = faults(write(in_text("hello"), files={"mail/sample.json": json.dumps(sample)}))
    assert "the HTML has no link to {{ links.unsubscribe }}" in found
    assert "the text part has no link to {{ links.unsubscribe }}" in found


CONFIRM = '<a href="{{ links.confirm }}">Yes</a>'


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("confirm", CONFIRM, ""),
        ("confirm", LEAVE, "has no link to {{ links.confirm }}"),
        ("confirm", f"{CONFIRM} {{{{ order.id }}}}", "the context has no order"),
        ("confirm", f"{CONFIRM} {{{{ links.why }}}}", "the context has no why"),
        ("other", f"{LEAVE} {CONFIRM}", "the context has no confirm"),
    ],
    ids=["good", "no_button", "order", "why", "another"],
)
def test_a_confirmation_has_a_link_that_no_other_mail_has_and_little_else(
    name: str, content: str, said: str, write: Callable[..., Path], sample: dict[str, Any]
) -> None:
    """Whatever its sample holds: it may be a copy of another template's."""
    sample["links"]["confirm"] = "https://mail.example.com/y/sample"
    parts = {"subject.txt": "Hello", "body.mjml": in_text(content), "sample.json": json.dumps(sample)}
    root = write("", files={f"{name}/{file}": text for file, text in parts.items()})
    found = [fault.message for fault in check_template(root, name) if not fault.warning]
    assert [message for message in found if said not in message] == []
    assert bool(found) is bool(said)


def test_a_fault_that_shows_only_when_rendering_is_found(write: Callable[..., Path], sample: dict[str, Any]) -> None:
    sample["picks"][0]["category"] = None
    root = write(in_text(f"{LEAVE}\n{{{{ picks[0].category }}}}"), files={"mail/sample.json": json.dumps(sample)})
    assert "mail/body.mjml:2:4: cannot print None" in faults(root)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://shop.example.com:99999/", "https://shop..com/bell"])
def test_an_unsafe_address_in_the_sample_is_a_fault(
    url: str, write: Callable[..., Path], sample: dict[str, Any]
) -> None:
    sample["picks"][0]["url"] = url
    body = in_text(f'{LEAVE}<a href="{{{{ picks[0].url }}}}">x</a>')
    assert f"'{url}' becomes #unsafe-url in the mail" in faults(
        write(body, files={"mail/sample.json": json.dumps(sample)})
    )


def test_an_unsafe_address_that_the_author_wrote_is_a_fault_at_its_line(
    write: Callable[..., Path], sample: dict[str, Any]
) -> None:
    files = {
        "mail/sample.json": json.dumps(sample),
        "_layout/foot.mjml": '<mj-text>\n<a href="https://shop..com/sale">Sale of the week</a></mj-text>',
    }
    body = in_column(f'<mj-text>{LEAVE}</mj-text>{{% include "_layout/foot.mjml" %}}')
    assert "_layout/foot.mjml:2:10: 'https://shop..com/sale' becomes #unsafe-url" in faults(write(body, files=files))


def test_a_mail_that_gmail_would_cut_is_a_fault(write: Callable[..., Path], sample: dict[str, Any]) -> None:
    body = in_text(f"{LEAVE}{'x' * 110_000}")
    assert "Gmail hides" in faults(write(body, files={"mail/sample.json": json.dumps(sample)}))


def test_a_name_that_one_template_sets_is_unknown_in_the_next(write: Callable[..., Path]) -> None:
    assert unknown_in(write(in_text("{% set best = picks[0] %}{{ best.title }}"))) == []
    assert [path for _, path, _ in unknown_in(write(in_text("{{ best.title }}")))] == ["best"]


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        (
            "Hello\n\n  Second line\n",
            "mail/subject.txt:3:3: the subject has 2 lines and a mail has one, so it would read 'Hello Second line' — ",
        ),
        ("{% if brand.name %}Hello{% endif %}\n{{ brand.name }}", "mail/subject.txt: the subject has 2 lines"),
        ("\n", "mail/subject.txt: the subject is empty — write a line"),
        ("x" * 121, "mail/subject.txt: the subject of the sample has 121 characters — stay below 120"),
    ],
)
def test_a_subject_is_one_line(subject: str, said: str, write: Callable[..., Path], sample: dict[str, Any]) -> None:
    root = write(in_text(LEAVE), subject=subject, files={"mail/sample.json": json.dumps(sample)})
    assert faults(root).startswith(said)


@pytest.mark.parametrize("subject", ["\n Hello\n\n", "{% if brand.name %}\nHello\n{% else %}\nHi\n{% endif %}"])
def test_empty_lines_of_a_subject_are_no_fault(
    subject: str, write: Callable[..., Path], sample: dict[str, Any]
) -> None:
    assert faults(write(in_text(LEAVE), subject=subject, files={"mail/sample.json": json.dumps(sample)})) == ""


def test_every_file_that_is_missing_is_told_with_what_to_put_there(write: Callable[..., Path]) -> None:
    root = write(in_text(LEAVE))
    (root / "mail" / "subject.txt").unlink()
    assert [line.partition(" — ")[0] for line in faults(root).splitlines()] == [
        "mail/subject.txt: the file is missing",
        "mail/sample.json: the file is missing",
    ]


def test_a_file_that_is_not_utf_8_names_the_place(write: Callable[..., Path], sample: dict[str, Any]) -> None:
    root = write(in_text(LEAVE), files={"mail/sample.json": json.dumps(sample)})
    (root / "mail" / "subject.txt").write_bytes("Hello\nGrüße".encode("latin-1"))
    assert faults(root).startswith("mail/subject.txt:2:3: is not UTF-8 text from here on — save the file as UTF-8")


@pytest.mark.parametrize("body", ["", " \n", "hello", "<p>hello</p>", "<mjml></mjml>"])
def test_a_body_that_is_no_mjml_is_a_fault_and_no_crash(
    body: str, write: Callable[..., Path], sample: dict[str, Any]
) -> None:
    assert "mail/body.mjml" in faults(write(body, files={"mail/sample.json": json.dumps(sample)}))


@pytest.mark.parametrize(
    ("content", "lacking"),
    [
        ("{{ recipient.first_name }}", "recipient.first_name"),
        ("{% for pick in picks %}{{ pick.category }}{% endfor %}", "picks[].category"),
        ('<a href="{{ order.lines[0].url }}">x</a>', "order.lines[].url"),
        ('<img src="{{ picks[0].image_url }}" alt="" width="9">', "picks[].image_url"),
        ("{% for pick in picks %}{{ pick.because.title or pick.title }}{% endfor %}", "picks[].because"),
        ("{% for pick in picks if pick.because %}{{ pick.because.title }}{% endfor %}", "picks[].because.title"),
        (
            "{% if picks[0].category %}{% for pick in picks %}{{ pick.category }}{% endfor %}{% endif %}",
            "picks[].category",
        ),
    ],
)
def test_a_value_that_somebody_lacks_is_a_warning(
    content: str, lacking: str, write: Callable[..., Path], sample: dict[str, Any]
) -> None:
    for pick in sample["picks"]:
        pick["image_url"] = "https://shop.example.com/x.png"
    root = write(in_text(f"{LEAVE}\n{content}"), files={"mail/sample.json": json.dumps(sample)})
    [fault] = [one for one in check_template(root, "mail") if "mj-preview" not in one.message]
    assert fault.message.endswith(f" where there is no {lacking}")
    assert (fault.place.line, fault.warning) == (2, True)


@pytest.mark.parametrize(
    "content",
    [
        '{{ recipient.first_name or "there" }}',
        "{% for pick in picks %}{% if pick.category %}{{ pick.category }}{% endif %}{% endfor %}",
        "{% if links.preferences is defined %}{{ links.preferences }}{% endif %}",
    ],
)
def test_a_template_that_asks_first_lacks_nothing(
    content: str, write: Callable[..., Path], sample: dict[str, Any]
) -> None:
    assert faults(write(in_text(f"{LEAVE}{content}"), files={"mail/sample.json": json.dumps(sample)})) == ""


@pytest.mark.parametrize(
    ("french", "said"),
    [
        ("hello = Bonjour {{ recipient.frist_name }}", "fr.txt:1:30: the context has no recipient.frist_name"),
        ("helo = Bonjour", "_words/fr.txt has no phrase hello — did you mean helo?"),
        ("hello = Bonjour {% if %}", "fr.txt:1:20: {% if %} cannot be read"),
        ("hello = {{ picks[0].because.title }}", "fr.txt:1:12: none has no title"),
    ],
)
def test_a_fault_in_the_words_of_another_language_is_found(
    french: str, said: str, write: Callable[..., Path], sample: dict[str, Any]
) -> None:
    words = {"_words/en.txt": "hello = Hello", "_words/fr.txt": french}
    found = faults(
        write(in_text(f"{LEAVE}{{{{ words.hello }}}}"), files={"mail/sample.json": json.dumps(sample), **words})
    )
    assert said in found


@pytest.mark.parametrize(
    ("french", "said"),
    [
        ("", "the subject is empty"),
        ("très " * 30, "the subject of the sample has 149 characters"),
        ("GRANDES SOLDES POUR TOUS", "the subject is all in capital letters, as those of spam are"),
        ("une\n  deux", ""),
    ],
)
def test_a_subject_is_measured_in_every_language(
    french: str, said: str, write: Callable[..., Path], sample: dict[str, Any]
) -> None:
    files = {"_words/en.txt": "about = A bell", "_words/fr.txt": f"about = {french}"}
    root = write(
        in_text(f"<h1>x</h1>{LEAVE}").replace("<mj-body>", "<mj-head><mj-preview>x</mj-preview></mj-head><mj-body>"),
        subject="{{ words.about }}",
        files={**files, "mail/sample.json": json.dumps(sample)},
    )
    found = check_template(root, "mail")
    assert [fault.message for fault in found] == ([said] if said else [])
    assert {fault.place.file.name for fault in found} <= {"fr.txt"}


def test_all_that_cannot_be_compiled_is_told_at_once(write: Callable[..., Path], sample: dict[str, Any]) -> None:
    body = (
        f"<mjml><mj-body><mj-section><mj-column><mj-text>{LEAVE}"
        '\n<a href="/sale">Our sale of the week</a>'
        '\n<a href="javascript:alert(1)">What is new</a>'
        '\n</mj-text><mj-button href="www.example.com">See all</mj-button>'
        '\n<mj-buton href="ftp://example.com">See the rest</mj-buton>'
        '\n<mj-image width="{{ picks|length }}px" src="https://example.com/a.png" alt="A bell" />'
        "\n{{ brand.name }}</mj-column></mj-section></mj-body></mjml>"
    )
    found = faults(write(body, files={"mail/sample.json": json.dumps(sample)})).splitlines()
    lines = [line.partition(":")[2].partition(":")[0] for line in found]
    assert (lines, len(found)) == (["2", "3", "4", "5", "5", "6", "7"], 7), found


def test_all_that_would_be_printed_as_a_whole_is_told_at_once(
    write: Callable[..., Path], sample: dict[str, Any]
) -> None:
    content = (
        f"{LEAVE}\n{{{{ order.lines }}}}\n{{{{ recipient }}}}\n{{% for pick in picks %}}\n{{{{ pick.price }}}}"
        "\n{{ pick.because }}{% endfor %}\n{{ picks|first }} {{ order.nr }}"
    )
    files = {"mail/sample.json": json.dumps(sample), "mail/body.txt": "{{ picks }}"}
    assert [
        line.partition(" — ")[::2] for line in sorted(faults(write(in_text(content), files=files)).splitlines())
    ] == [
        ("mail/body.mjml:2:10: cannot print order.lines: it is a whole list", "go through it with {% for %}"),
        (
            "mail/body.mjml:3:4: cannot print recipient: it is a whole group of values",
            "print one of its fields, such as recipient.first_name",
        ),
        (
            "mail/body.mjml:5:9: cannot print picks[].price: it is a whole group of values",
            "a price is printed by |money: {{ pick.price|money }}",
        ),
        (
            "mail/body.mjml:6:9: cannot print picks[].because: it is a whole group of values",
            "print one of its fields, such as picks[].because.sku",
        ),
        ("mail/body.mjml:7:28: the context has no order.nr", "did you mean order.id?"),
        (
            "mail/body.mjml:7:4: cannot print picks[]: it is a whole group of values",
            "print one of its fields, such as picks[].slot",
        ),
        ("mail/body.txt:1:4: cannot print picks: it is a whole list", "go through it with {% for %}"),
    ]


def test_what_chooses_between_groups_or_counts_them_prints_none(
    write: Callable[..., Path], sample: dict[str, Any]
) -> None:
    content = (
        f"{LEAVE}{{{{ picks[0].because and picks[0].because.title }}}}"
        "{{ picks|length }} {{ picks[0].price|money }}"
        "{{ picks|map(attribute='title')|join(', ') }}{{ order.lines[0].title if order.lines else 'it' }}"
    )
    assert "whole" not in faults(write(in_text(content), files={"mail/sample.json": json.dumps(sample)}))


def test_a_mail_whose_size_cannot_be_told_is_a_fault(write: Callable[..., Path], sample: dict[str, Any]) -> None:
    body = in_text(LEAVE + "{% if picks|length > 4 %}{{ picks[0].title|money }}{% endif %}")
    said = faults(write(body, files={"mail/sample.json": json.dumps(sample)}))
    assert "mail/body.mjml:1:" in said
    assert "money prints prices only with the largest sample, so nobody can tell whether Gmail would cut it" in said


def test_a_faint_color_is_told_at_the_line_on_which_it_was_written_shorter(
    write: Callable[..., Path], sample: dict[str, Any]
) -> None:
    for written in ("#ccc", "#CCC", "rgb(204, 204, 204)", "#CCCCCC"):
        body = in_text(f'{LEAVE}\n\n<p style="color: {written}">Faint words</p>')
        said = faults(write(body, files={"mail/sample.json": json.dumps(sample)}))
        assert re.search(r"^mail/body.mjml:3:18: .* is hard to read", said), said
