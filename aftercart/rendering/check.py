"""Everything that can be said about a template before launch."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aftercart.errors import Place, TemplateError
from aftercart.rendering.compiler import compile_template
from aftercart.rendering.locales import known_locale
from aftercart.rendering.renderer import assembled
from aftercart.rendering.runtime import Rendered, Template
from aftercart.rendering.source import SAMPLE, Sources, read_template
from aftercart.rendering.variables import unknown_variables

CLIPPED_BYTES = 102_000
"""Gmail shows about this much of the HTML and hides the rest, the unsubscribe link with it."""
LONGEST_SUBJECT = 120


def check_template(templates_dir: Path, name: str) -> list[TemplateError]:
    """The faults of a template: it compiles, uses known values, renders its sample, carries the unsubscribe link."""
    try:
        sources = read_template(templates_dir, name)
        unknown = [_unknown(*found) for found in unknown_variables(templates_dir, name)]
        sample, file = read_sample(templates_dir, name), templates_dir / name / SAMPLE
        locale = known_locale(_text(sample, "recipient", "locale"))
        template = assembled(sources, compile_template(sources, locale), locale)
    except TemplateError as err:
        return [err]
    return unknown or list(_render_faults(sources, template, sample, file))


def read_sample(templates_dir: Path, name: str) -> dict[str, Any]:
    """The context of a template's sample.json. Raises TemplateError if there is none, or no JSON object in it."""
    file = templates_dir / name / SAMPLE
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as err:
        raise TemplateError("the file is missing; previews and checks render it", Place(file)) from err
    except json.JSONDecodeError as err:
        raise TemplateError(err.msg, Place(file, err.lineno, err.colno)) from err
    if not isinstance(found, dict):
        raise TemplateError("must hold an object with brand, recipient, order, picks and links", Place(file))
    return found


def _text(sample: dict[str, Any], group: str, name: str) -> str:
    """A value of a sample, whatever shape the sample has; rendering complains about the shape."""
    found = sample.get(group)
    return str(found.get(name)) if isinstance(found, dict) else ""


def _unknown(place: Place, path: str, suggestion: str | None) -> TemplateError:
    hint = f"did you mean {suggestion}?" if suggestion else "docs/templates.md lists what there is"
    return TemplateError(f"the context has no {path} ({hint})", place)


def _render_faults(sources: Sources, template: Template, sample: dict[str, Any], file: Path) -> Iterator[TemplateError]:
    try:
        rendered = template.render(sample, link=lambda url: url)
    except TemplateError as err:
        yield err
        return
    yield from _content_faults(rendered, sources, sample, file)


def _content_faults(
    rendered: Rendered, sources: Sources, sample: dict[str, Any], file: Path
) -> Iterator[TemplateError]:
    yield from (
        TemplateError(f"not an address that a mail may carry: {url!r}", Place(file)) for url in rendered.unsafe_urls
    )
    if not rendered.subject:
        yield TemplateError("the subject is empty", Place(sources.subject.file))
    if len(rendered.subject) > LONGEST_SUBJECT:
        yield TemplateError(f"the subject has {len(rendered.subject)} characters", Place(sources.subject.file))
    size = len(rendered.html.encode())
    if size > CLIPPED_BYTES:
        yield TemplateError(
            f"the HTML has {size:,} bytes; Gmail hides what is beyond 102,000", Place(sources.body.file)
        )
    yield from _unsubscribe_faults(rendered, sources, _text(sample, "links", "unsubscribe"))


def _unsubscribe_faults(rendered: Rendered, sources: Sources, unsubscribe: str) -> Iterator[TemplateError]:
    for part, content, source in (
        ("HTML", rendered.html, sources.body),
        ("text part", rendered.text, sources.text or sources.body),
    ):
        if unsubscribe not in content.replace("&amp;", "&"):
            yield TemplateError(f"the {part} has no link to {{{{ links.unsubscribe }}}}", Place(source.file))
