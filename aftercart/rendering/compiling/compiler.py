"""One template for one locale, compiled: MJML and Jinja in, four Jinja templates out.

1. The author's files are read, includes put in place, and cut by Jinja's lexer.
2. Each tag is read by itself, blocks are matched (syntax.py), the tree is checked against the allow-list (policy.py).
3. Every Jinja tag is replaced by a stand-in that MJML leaves alone, or refused at its place (mjml_places.py).
4. MJML runs, once, with no value anywhere near it (engine.py).
5. The tags come back, each expression with the filter for its place in the HTML (html_places.py).
6. What came out is compared with what went in: no tag lost, blocks in order, the same variables.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from jinja2 import meta

from aftercart.errors import Place, TemplateError
from aftercart.rendering.authoring.lexer import Kind, Segment
from aftercart.rendering.authoring.locales import direction, language_tag
from aftercart.rendering.authoring.scanner import FIRST_HOLE, HOLE, MarkupError, Tag
from aftercart.rendering.authoring.source import Source, Sources
from aftercart.rendering.authoring.written import Written, plainly
from aftercart.rendering.compiling import engine, text_part
from aftercart.rendering.compiling.blocks import shown
from aftercart.rendering.compiling.holes import Holed, Part, Placeholders, pieces, with_holes
from aftercart.rendering.compiling.html_places import to_template
from aftercart.rendering.compiling.inlined import refuse_what_moved, with_rows_in_one_body
from aftercart.rendering.compiling.mjml_places import Weaver
from aftercart.rendering.compiling.syntax import jinja_faults
from aftercart.rendering.running.runtime import environment

_RTL_DEFAULTS = (
    '<mj-attributes><mj-text align="right" /><mj-table align="right" /><mj-button align="right" />'
    '<mj-section direction="rtl" text-align="right" /><mj-column direction="rtl" />'
    '<mj-group direction="rtl" /></mj-attributes>'
)


_MEASURE = re.compile(r"auto|-?[\d.]+(?:px|%|em)?")
_INLINE = re.compile(r'(<mj-style\b[^>]*) inline="inline"')


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a worker needs to render. `preheader` is empty where the author wrote none."""

    subject: Written
    preheader: Written
    html: Written
    text: Written


@lru_cache(maxsize=1)
def compiler_fingerprint() -> str:
    """Changes with MJML's version and with any line of this room, so that no stale result is ever taken."""
    digest = hashlib.sha256(engine.engine_version().encode())
    for file in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def fingerprint(sources: Sources, locale: str) -> str:
    """Names one compiled result: sources, includes, engine, compiler, locale. 64 hexadecimal digits."""
    digest = hashlib.sha256(sources.digest)
    digest.update(f"{compiler_fingerprint()}\0{locale}".encode())
    return digest.hexdigest()


def compile_template(sources: Sources, locale: str) -> Compiled:
    """Compile the sources. Raises TemplateError naming file and line, and how to write it instead."""
    _refuse_unreadable(sources)
    preheader, html = compile_body(sources.body, sources.digest.hex()[:12], locale)
    return Compiled(
        subject=plainly(sources.subject.segments),
        preheader=preheader,
        html=html,
        text=plainly(sources.text.segments) if sources.text else text_part.text_template(_holed(sources.body), locale),
    )


def compile_body(source: Source, nonce: str, locale: str) -> tuple[Written, Written]:
    """Preheader and HTML of a body whose Jinja can be read. `nonce` names the stand-ins; no text may hold it."""
    body, placeholders = _holed(source), Placeholders(nonce)
    if nonce in body.text:
        raise TemplateError(f"the text {nonce} cannot be used", Place(source.file), "take it out")
    weaver = Weaver(body, placeholders, _head(source, locale, placeholders), _root(locale))
    mjml = weaver.mjml()
    holed = placeholders.to_holes(_through_mjml(mjml, body, source.file))
    unused = _check_all_there(holed, placeholders)
    if weaver.selectors.has_sheet:
        holed = with_rows_in_one_body(holed)
        plain = placeholders.to_holes(_through_mjml(_INLINE.sub(r"\1", mjml), body, source.file))
        refuse_what_moved(plain, holed, placeholders.contents)
    html = _to_template(holed, placeholders.contents, source.file)
    _check_variables(html, plainly(source.segments), [*weaver.preheader, *unused], source.file)
    return plainly(weaver.preheader), html


def refusals(source: Source) -> list[TemplateError]:
    """All that a body holds and cannot be compiled faithfully, as far as that can be told without MJML."""
    return Weaver(with_holes(source.segments), Placeholders("0" * 12), "", {}).refusals() if source.segments else []


def _holed(body: Source) -> Holed:
    if not body.segments:
        raise TemplateError("the file is empty", Place(body.file), "a mail needs <mjml><mj-body> ... </mj-body></mjml>")
    return with_holes(body.segments)


def _refuse_unreadable(sources: Sources) -> None:
    """Raises the first thing in a template that Jinja or the policy does not accept."""
    for part in sources.parts:
        for fault in jinja_faults(part):
            raise fault


def _through_mjml(mjml: str, body: Holed, file: Path) -> str:
    try:
        return engine.to_html(mjml)
    except ValueError as err:
        fix = "look for a value of an odd form, such as a width that is none"
        raise TemplateError(str(err), _odd_form(body) or Place(file), fix) from err


def _odd_form(body: Holed) -> Place | None:
    """Where a word stands for a measure: MJML names no line of what it stumbles over."""
    types = engine.attribute_types()
    for tag in (event for event in body.events() if isinstance(event, Tag)):
        for attribute in tag.attributes:
            value = attribute.value or ""
            is_measure = types.get(tag.name, {}).get(attribute.name, "").startswith("unit")
            if is_measure and not HOLE.search(value) and not all(map(_MEASURE.fullmatch, value.split())):
                return body.place(attribute.offset)
    return None


def _to_template(holed: str, contents: list[tuple[Part, ...]], file: Path) -> Written:
    try:
        return to_template(holed, contents)
    except MarkupError as err:
        fix = "look at the HTML in your <mj-text> and <mj-raw>: each tag closed, each quote closed"
        raise TemplateError(f"MJML made HTML of this that cannot be read: {err.message}", Place(file), fix) from err


def _root(locale: str) -> dict[str, str]:
    return {"lang": language_tag(locale), "dir": direction(locale)}


def _head(body: Source, locale: str, placeholders: Placeholders) -> str:
    """What every head needs and MJML leaves out."""
    markup = "".join(segment.text for segment in body.segments if segment.kind is Kind.DATA)
    # Saying "light dark" without dark styles would leave dark letters on the dark canvas of some mail programs.
    scheme = "light dark" if "prefers-color-scheme" in markup else "light"
    names = ("color-scheme", "supported-color-schemes")
    metas = "".join(f'<meta name="{name}" content="{scheme}">' for name in names)
    subject = Segment(Kind.EXPRESSION, "_subject", Place(body.file, 1))
    title = "" if "<mj-title" in markup else f"<mj-title>{placeholders.word(subject)}</mj-title>"
    defaults = _RTL_DEFAULTS if direction(locale) == "rtl" else ""
    return f"{defaults}{title}<mj-raw>{metas}</mj-raw>"


def _check_all_there(holed: str, placeholders: Placeholders) -> list[Segment]:
    """MJML must have kept every expression, and every block once and in its order; returns defaults without use."""
    contents, unused = placeholders.contents, list[Segment]()
    found = [ord(piece) - FIRST_HOLE for piece in pieces(holed) if HOLE.match(piece)]
    for index in sorted(set(range(len(contents))) - set(found)):
        tags = [part for part in contents[index] if isinstance(part, Segment)]
        if tags and index not in placeholders.spare:
            message = f"{shown(tags[0])} does not appear in the compiled mail"
            raise TemplateError(message, tags[0].place, "MJML makes no use of it: take it out")
        unused += tags
    blocks = [index for index in found if _is_block(contents[index])]
    for index, following in pairwise(blocks):
        if following <= index:
            tag = next(part for part in contents[following] if isinstance(part, Segment))
            fix = "put it around whole sections or columns"
            raise TemplateError(f"MJML moved {shown(tag)}", tag.place, fix)
    return unused


def _is_block(content: Iterable[Part]) -> bool:
    return any(isinstance(part, Segment) and part.kind is Kind.BLOCK for part in content)


def _check_variables(html: Written, source: Written, beside: list[Segment], file: Path) -> None:
    kept = _variables(html) | _variables(plainly(beside))
    wanted = _variables(source)
    if lost := wanted ^ {name for name in kept if not name.startswith("_")}:
        fix = "give names of your own to what you {% set %}"
        raise TemplateError(f"compiling changed the meaning of {', '.join(sorted(lost))}", Place(file), fix)


def _variables(written: Written) -> set[str]:
    return meta.find_undeclared_variables(environment("en", html=True).parse(written.source))
