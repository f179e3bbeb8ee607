"""Everything that can be said about a template before launch."""

import html
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from aftercart.errors import Place, TemplateError
from aftercart.rendering.authoring.includes import BODY, LAYOUT, SAMPLE, SUBJECT, TEXT
from aftercart.rendering.authoring.locales import DEFAULT, known_locale
from aftercart.rendering.authoring.source import (
    NAME,
    SUBJECT_LINE,
    Source,
    Sources,
    language_for,
    read_part,
    read_template,
    spoken_locale,
    with_subject,
)
from aftercart.rendering.authoring.words import OWN, SHARED, languages
from aftercart.rendering.authoring.written import plainly
from aftercart.rendering.checking.lacking import NO_COUPON, as_given_to, lacks, with_picks, without
from aftercart.rendering.checking.lint import lint, lint_words
from aftercart.rendering.checking.mail_rules import TRACKED_LINK, mail_faults, size_faults, subject_faults, where
from aftercart.rendering.checking.mjml_rules import mjml_faults
from aftercart.rendering.checking.nesting import nesting_faults
from aftercart.rendering.checking.samples import misshapen, variant
from aftercart.rendering.checking.variables import Fields, Items, context_shape, printed_whole, unknown_variables
from aftercart.rendering.compiling.compiler import compile_body, compile_template, refusals
from aftercart.rendering.compiling.holes import with_holes
from aftercart.rendering.compiling.syntax import jinja_faults
from aftercart.rendering.compiling.text_part import text_template
from aftercart.rendering.fault import TemplateFault, as_fault
from aftercart.rendering.renderer import assembled
from aftercart.rendering.running.context import CONFIRMATION, PriceContext
from aftercart.rendering.running.escape import UNSAFE_URL
from aftercart.rendering.running.runtime import Rendered, Template
from aftercart.web_address import web_address


def check_template(templates_dir: Path, name: str, *, is_owed: bool = False) -> list[TemplateFault]:
    """The faults of a template: it compiles, uses known values, renders its sample, carries the link it owes.

    `is_owed`: only transactional mail uses it, which nobody can unsubscribe from.

    A fault in one of its files hides none in the others; only what can be seen no sooner than in the whole mail waits
    until the files are in order.
    """
    folder = templates_dir / name
    if not NAME.fullmatch(name):
        return [TemplateFault(Place(folder), f"{name!r} is no plain name", "use lower-case letters, digits, - and _")]
    parts, faults = _read_parts(folder, templates_dir)
    for part in parts:
        faults += _part_faults(part)
    faults += _words_in_vain(folder, templates_dir)
    try:
        sample = read_sample(templates_dir, name)
    except TemplateError as err:
        faults.append(as_fault(err, sample_file(templates_dir, name)))
    if all(fault.warning for fault in faults):
        given = as_given_to(name, sample)
        found = [*faults, *_whole_faults(templates_dir, name, given, is_owed)]
        return list(dict.fromkeys([*found, *_faults_in_other_languages(folder, templates_dir, given)]))
    compiled = (fault for part in parts if part.file.name == BODY for fault in _compile_faults(part))
    return list(dict.fromkeys([*faults, *compiled]))


def _words_in_vain(folder: Path, root: Path) -> Iterator[TemplateFault]:
    """The words of a language that the shared ones lack: nobody gets the template in half a language."""
    for language in sorted({file.stem for file in (folder / OWN).glob("*.txt")} - languages(folder, root)):
        message = f"nobody reads these words, as there is no {SHARED}/{language}.txt"
        yield TemplateFault(
            Place(folder / OWN / f"{language}.txt"), message, "write it, with every phrase", warning=True
        )


def _read_parts(folder: Path, root: Path, locale: str = DEFAULT) -> tuple[list[Source], list[TemplateFault]]:
    """The files that can be read, and why the others cannot."""
    parts: list[Source] = []
    faults: list[TemplateFault] = []
    for name in (SUBJECT, BODY, TEXT):
        if name == TEXT and not (folder / TEXT).exists():
            continue
        try:
            parts.append(read_part(folder / name, root, locale))
        except TemplateError as err:
            faults.append(as_fault(err, folder / name))
    return parts, faults


def _part_faults(part: Source) -> list[TemplateFault]:
    """What can be said about one file and what it includes."""
    if faults := [as_fault(err, part.file) for err in jinja_faults(part)]:
        return faults
    unknown = [_unknown(*found) for found in unknown_variables(part)]
    unknown += [_printed(*found) for found in printed_whole(part)]
    if part.file.name != BODY:
        return [*lint_words(part), *unknown]
    body = with_holes(part.segments)
    refused = [as_fault(err, part.file) for err in refusals(part)]
    return [*mjml_faults(body), *lint(body), *nesting_faults(body), *unknown, *refused]


def _faults_in_other_languages(folder: Path, root: Path, sample: dict[str, Any]) -> Iterator[TemplateFault]:
    """What is wrong with the words of the languages that the sample is not in. MJML is left out: the markup is one."""
    read = language_for(folder, root, known_locale(_text(sample, "recipient", "locale")))
    for language in sorted(languages(folder, root) - {read}):
        parts, faults = _read_parts(folder, root, language)
        for part in parts:
            faults += _part_faults(part)
        yield from faults or _faults_of_text(folder.name, parts, language, sample)


def _faults_of_text(name: str, parts: list[Source], language: str, sample: dict[str, Any]) -> Iterator[TemplateFault]:
    """Why the subject or the text part cannot be rendered, from the sample or where something lacks."""
    subject, body = parts[0], parts[-1]
    own = body.file.name == TEXT
    text = plainly(body.segments) if own else text_template(with_holes(body.segments), known_locale(language))
    nothing = plainly(())
    written = {"subject": plainly(subject.segments), "preheader": nothing, "html": nothing, "text": text}
    files = {part: subject.file if part == "subject" else body.file for part in written}
    template = Template(name, known_locale(language), "", written, files)
    if err := _failure(template, sample):
        yield as_fault(err, body.file)
    else:
        yield from _faults_of_subject(template, sample, Place(subject.files[-1]))
        yield from _faults_where_something_lacks(template, sample, body.file)


def _faults_of_subject(template: Template, sample: dict[str, Any], place: Place) -> Iterator[TemplateFault]:
    """What is wrong with a subject that can be filled in."""
    lines = template.subject_lines(sample)
    if len(lines) > 1:
        message = f"the subject has {len(lines)} lines and a mail has one, so it would read {' '.join(lines)!r}"
        found = where(place.file, lines[1]) if place.file.is_file() else place
        yield TemplateFault(found, message, "write one line; notes go into {# #}")
    yield from subject_faults(" ".join(lines), place)


def _compile_faults(body: Source) -> list[TemplateFault]:
    """Why a body cannot be compiled, where that can be told by itself."""
    if not any(jinja_faults(body)):
        try:
            compile_body(body, "0" * 12, DEFAULT)
        except TemplateError as err:
            return [as_fault(err, body.file)]
    return []


def _whole_faults(templates_dir: Path, name: str, sample: dict[str, Any], is_owed: bool) -> Iterator[TemplateFault]:
    """What shows when the mail is compiled and rendered."""
    try:
        sources, template = _read_for(templates_dir, name, sample)
        rendered = template.render(sample, link=lambda url: url if web_address(url) else UNSAFE_URL)
    except TemplateError as err:
        yield as_fault(err, sample_file(templates_dir, name))
        return
    yield from _faults_of_subject(template, sample, Place(sources.subject.file))
    yield from mail_faults(rendered, sources, sample_file(templates_dir, name))
    yield from _size_faults(template, sample, sources.body.file)
    if not is_owed and name != CONFIRMATION:
        yield from _address_faults(rendered, sources, _text(sample, "brand", "postal_address"))
    if not is_owed or name == CONFIRMATION:
        yield from _link_faults(rendered, sources, *_owed_link(name, sample))
    yield from _faults_where_something_lacks(template, sample, sample_file(templates_dir, name))


def _faults_where_something_lacks(template: Template, sample: dict[str, Any], file: Path) -> Iterator[TemplateFault]:
    """What would hold up the mails of people or products of which less is known than of those of the sample."""
    for lack in lacks():
        if lack == NO_COUPON:  # which is the step's choice (`fault_without_coupon`)
            continue
        if err := next(filter(None, (_failure(template, less) for less in without(sample, lack))), None):
            fault = as_fault(err, file)
            yield replace(fault, message=f"{fault.message} where there is no {lack}", warning=True)


def fault_with_picks(templates_dir: Path, name: str, count: int) -> TemplateFault | None:
    """Why a template that can be filled with the picks of its sample cannot with only so many; else None."""
    try:
        sample = read_sample(templates_dir, name)
        _, template = _read_for(templates_dir, name, sample)
    except TemplateError:  # told by check_template
        return None
    err = None if _failure(template, sample) else _failure(template, with_picks(sample, count))
    return as_fault(err, sample_file(templates_dir, name)) if err else None


def _read_for(templates_dir: Path, name: str, sample: dict[str, Any]) -> tuple[Sources, Template]:
    """The template as the reader of the sample gets it. Raises TemplateError."""
    locale = known_locale(_text(sample, "recipient", "locale"))
    sources = read_template(templates_dir, name, locale)
    return sources, _compiled(sources, spoken_locale(sources, locale))


def fault_without_coupon(templates_dir: Path, name: str) -> TemplateFault | None:
    """Why a template that can be filled with its sample cannot without a code; else None."""
    try:
        sample = read_sample(templates_dir, name)
        _, template = _read_for(templates_dir, name, sample)
    except TemplateError:  # told by check_template
        return None
    err = None if _failure(template, sample) else _failure(template, {**sample, "coupon": None})
    return as_fault(err, sample_file(templates_dir, name)) if err else None


def subject_line_faults(templates_dir: Path, name: str, written: str) -> list[TemplateFault]:
    """What is wrong with a subject line that a campaign gives a template in place of its own."""
    try:
        sample = read_sample(templates_dir, name)
        locale = known_locale(_text(sample, "recipient", "locale"))
        plain = read_template(templates_dir, name, locale)
    except TemplateError:  # told by check_template
        return []
    try:
        sources = with_subject(plain, written, templates_dir, locale)
    except TemplateError as err:
        return [as_fault(err, templates_dir / name / SUBJECT_LINE)]
    said = _part_faults(sources.subject)
    return said if any(not fault.warning for fault in said) else [*said, *_filled_in(sources, locale, sample)]


def _filled_in(sources: Sources, locale: str, sample: dict[str, Any]) -> Iterator[TemplateFault]:
    """Why the subject of a template that can be filled with its sample cannot, and what is wrong with it then."""
    nothing, place = plainly(()), Place(sources.subject.file)
    parts = {"subject": plainly(sources.subject.segments), "preheader": nothing, "html": nothing, "text": nothing}
    template = Template(sources.name, locale, "", parts, dict.fromkeys(parts, sources.subject.file))
    if err := _failure(template, sample):
        yield as_fault(err, sources.subject.file)
    elif not template.subject_lines(sample):
        yield TemplateFault(place, "is empty once it is filled in", "write some words")
    else:
        yield from _faults_of_subject(template, sample, place)


def _size_faults(template: Template, sample: dict[str, Any], body: Path) -> Iterator[TemplateFault]:
    """Whether Gmail would cut the mail with the longest values, and links as long as tracked ones."""
    try:
        largest = template.render(variant(sample, "largest"), lambda _: TRACKED_LINK).html
    except TemplateError as err:
        fault = as_fault(err, body)
        message = f"{fault.message} with the largest sample, so nobody can tell whether Gmail would cut it"
        yield replace(fault, message=message)
    else:
        yield from size_faults(largest, body)


def _failure(template: Template, sample: dict[str, Any]) -> TemplateError | None:
    try:
        template.render(sample, link=lambda url: url)
    except TemplateError as err:
        return err
    return None


@lru_cache(maxsize=64)
def _compiled(sources: Sources, locale: str) -> Template:
    """Once for all that is asked of it: MJML takes its time."""
    return assembled(sources, compile_template(sources, locale), locale)


def sample_file(templates_dir: Path, name: str) -> Path:
    """Where a template's sample lies: in its folder, or else in _layout/, which serves all that have none."""
    own, shared = templates_dir / name / SAMPLE, templates_dir / LAYOUT / SAMPLE
    return own if own.exists() or not shared.exists() else shared


def read_sample(templates_dir: Path, name: str) -> dict[str, Any]:
    """The context of a template's sample.json. Raises TemplateError if there is none, or one of another shape."""
    file = sample_file(templates_dir, name)
    try:
        found = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as err:
        fix = f"previews and checks render it: copy the {SAMPLE} of another template"
        raise TemplateError("the file is missing", Place(file), fix) from err
    except json.JSONDecodeError as err:
        message = f"is no valid JSON: {err.msg[:1].lower()}{err.msg[1:]}"
        place = Place(file, err.lineno, err.colno)
        raise TemplateError(message, place, "look at this line and the one before it") from err
    except UnicodeDecodeError as err:
        raise TemplateError("is not UTF-8 text", Place(file), "save the file as UTF-8") from err
    if not isinstance(found, dict):
        raise TemplateError("holds no object", Place(file), "write { brand, recipient, order, picks, links, campaign }")
    for path, kind in misshapen(found, context_shape()):
        raise TemplateError(f"{path} is of another kind than in the context", Place(file), f"write it as {kind}")
    return found


def _text(sample: dict[str, Any], group: str, name: str) -> str:
    """A value of a sample, whatever shape the sample has; rendering complains about the shape."""
    found = sample.get(group)
    return str(found.get(name)) if isinstance(found, dict) else ""


def _unknown(place: Place, path: str, suggestion: str | None) -> TemplateFault:
    fix = f"did you mean {suggestion}?" if suggestion else "docs/templates.md lists what there is"
    return TemplateFault(place, f"the context has no {path}", fix)


def _printed(place: Place, shape: Fields | Items) -> TemplateFault:
    """What rendering would say, and only of the first."""
    if isinstance(shape, Items):
        message = f"cannot print {shape.path or 'this'}: it is a whole list"
        return TemplateFault(place, message, "go through it with {% for %}")
    if shape.keys.keys() == PriceContext.__annotations__.keys():
        fix = "a price is printed by |money: {{ pick.price|money }}"
    else:
        fix = f"print one of its fields, such as {shape.path}.{next(iter(shape.keys))}"
    return TemplateFault(place, f"cannot print {shape.path}: it is a whole group of values", fix)


def _owed_link(name: str, sample: dict[str, Any]) -> tuple[str, str, str]:
    """The link that the mail must carry: its name, its address in the sample, and how to add it."""
    if name == CONFIRMATION:
        return "confirm", _text(sample, "links", "confirm"), '<a href="{{ links.confirm }}">Confirm</a>'
    html = '<a href="{{ links.unsubscribe }}">Unsubscribe</a>, or include "_layout/footer.mjml"'
    return "unsubscribe", _text(sample, "links", "unsubscribe"), html


def _address_faults(rendered: Rendered, sources: Sources, address: str) -> Iterator[TemplateFault]:
    for part, content, source in (
        ("HTML", html.unescape(rendered.html), sources.body),
        ("text part", rendered.text, sources.text or sources.body),
    ):
        if address not in content:
            message = f"the {part} has no postal address, which the law wants in every marketing mail"
            yield TemplateFault(Place(source.file), message, "add {{ brand.postal_address }}")


def _link_faults(rendered: Rendered, sources: Sources, link: str, url: str, html: str) -> Iterator[TemplateFault]:
    text = f"{link.capitalize()}: {{{{ links.{link} }}}}" if sources.text else html
    for part, content, source, line in (
        ("HTML", rendered.html, sources.body, html),
        ("text part", rendered.text, sources.text or sources.body, text),
    ):
        if url not in content.replace("&amp;", "&"):
            message = f"the {part} has no link to {{{{ links.{link} }}}}"
            yield TemplateFault(Place(source.file), message, f"add {line}")
