"""Renders compiled templates: Jinja only, in a sandbox, and a fault names the author's file and line."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache, partial
from pathlib import Path
from types import TracebackType
from typing import Any

import jinja2
from babel.dates import format_date
from babel.numbers import format_decimal
from jinja2 import StrictUndefined, UndefinedError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range

from aftercart.errors import AftercartError, Place, TemplateError
from aftercart.money import formatted
from aftercart.rendering.authoring.policy import FILTERS
from aftercart.rendering.authoring.written import Written
from aftercart.rendering.running.bounds import IN_TEMPLATES, Bounded, Turns, of_a_length
from aftercart.rendering.running.context import refuse_foreign_values
from aftercart.rendering.running.escape import FINISHED, IN_HTML, IN_TEXT, Links, one_line, plain, urlencode
from aftercart.rendering.running.lines import tidy
from aftercart.rendering.running.readable import AS_SENT, OF_WORDS, Readable

# Fills the preview of a wide inbox, so that it does not go on with the first words of the body: characters that take
# room and show nothing (combining grapheme joiner, zero-width non-joiner, no-break space).
_PADDING = "\u034f\u200c\u00a0" * 150


@dataclass(frozen=True, slots=True)
class Rendered:
    """One mail's content. `unsafe_urls` are the addresses in the data that were replaced by `#unsafe-url`."""

    subject: str
    preheader: str
    html: str
    text: str
    unsafe_urls: tuple[str, ...] = ()


def money(value: object, locale: str) -> str:
    """A price of the context as readers of the locale write it: 1.234,50 €."""
    if not isinstance(value, dict) or "minor" not in value or "currency" not in value:
        raise TypeError("money prints prices only; write, for example, {{ pick.price|money }}")
    return formatted(int(value["minor"]), str(value["currency"]), locale)


def number(value: object, locale: str) -> str:
    """A number as readers of the locale write it, with at most one decimal: 4,6 and 1.234."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError("number prints numbers only; write, for example, {{ pick.rating.value|number }}")
    return _numeral(float(value), locale)


@lru_cache(maxsize=4096)
def _numeral(value: float, locale: str) -> str:
    return format_decimal(value, format="#,##0.#", locale=locale)


@lru_cache(maxsize=4096)
def day(value: str, locale: str, style: str) -> str:
    """An ISO 8601 date or time as a date, on the day that it itself names."""
    try:
        moment: date = datetime.fromisoformat(value)
    except ValueError as err:
        raise TypeError(
            f"{value!r} is not an ISO 8601 date; write, for example, {{{{ order.placed_at|date }}}}"
        ) from err
    written = format_date(moment, format=style, locale=locale)
    return _FIRST.sub("1er ", written) if locale.startswith("fr") else written


def _date(value: object, style: str = "long", *, locale: str) -> str:
    if not isinstance(value, str) or style not in ("short", "medium", "long", "full"):
        raise TypeError("date prints an ISO 8601 text in a style that it knows; styles: short, medium, long, full")
    return day(value, locale, style)


def unbroken(value: object) -> object:
    """Short words with a hyphen in one piece, so that no line of a headline ends in "Road-"; and a size at the end on
    the line of the word before it, not alone. For HTML.
    """
    return _in_one_piece(value) if isinstance(value, str) else value


@lru_cache(maxsize=4096)
def _in_one_piece(name: str) -> str:
    """Once for each name: the mails of a batch show the same products."""
    bound = _SIZE_AT_THE_END.sub("\u00a0", name)
    return _HYPHENATED.sub(lambda word: word[0].replace("-", "\u2011") if len(word[0]) <= _SHORT else word[0], bound)


def _as_it_is(value: object) -> object:
    return value


_HYPHENATED = re.compile(r"(?<![^\s-])[^\s-]++(?:-[^\s-]++)+")
"""Looked for from the beginning of a word alone: from each of its letters, a long one would take the square of them."""
_SIZE_AT_THE_END = re.compile(r"(?<=[\w,]) (?=\S{1,3}$)")
_SHORT = 12
"""Letters. A longer word would not fit into a narrow column in one piece."""
_FIRST = re.compile(r"\b1 ")
"""Of a month. CLDR has "1 mars", which nobody in France or Quebec writes."""
_GLOBALS = {"range": safe_range}
_IN_A_LOCALE: dict[str, Callable[..., str]] = {"money": money, "date": _date, "number": number}


class _Code(CodeGenerator):
    """Code for a hundred values a mail: two things that Jinja does for each of them are left out.

    What a filter of ours has made ready for its place is written as it is: Jinja would escape it once more, which
    changes nothing and takes longer than the filter. And a field of a dict, as nearly all are, is read without a call.
    What could go on without end is bounded, and what is put together can be read.
    """

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802
        super().visit_Template(Bounded().visit(Readable().visit(node)), frame)

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802
        self.write(f"(_in[{node.attr!r}] if type(_in := ")
        self.visit(node.node, frame)
        self.write(f") is dict and {node.attr!r} in _in else environment.getattr(_in, {node.attr!r}))")

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        if not _is_finished(node):
            super()._output_child_pre(node, frame, finalize)

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        if not _is_finished(node):
            super()._output_child_post(node, frame, finalize)


def _is_finished(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Filter) and node.name in FINISHED


class _Environment(ImmutableSandboxedEnvironment):
    """Reads `a.b` as a field of the context first, which is plain data: `order.items` is no method of a dict.

    Jinja itself asks for an attribute first and fails at every field, of which a mail reads a hundred.
    """

    code_generator_class = _Code

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict:  # which does not have it: `visit_Getattr` has looked
            return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)


@lru_cache(maxsize=128)
def environment(locale: str, *, html: bool, sent: bool = False) -> ImmutableSandboxedEnvironment:
    """Jinja with the filters of this room and nothing that policy.py does not list.

    `sent`: for a mail that was sent, maybe when filters still made words of everything.
    """
    result = _Environment(
        undefined=StrictUndefined, autoescape=html, finalize=None if html else plain, keep_trailing_newline=True
    )
    listed = {name: kept for name, kept in result.filters.items() if name in FILTERS}
    ours = {name: partial(filter_, locale=locale) for name, filter_ in _IN_A_LOCALE.items()}
    result.filters = {
        **listed,
        **ours,
        "urlencode": urlencode,
        "unbroken": unbroken if html else _as_it_is,
        **IN_TEMPLATES,
        **(AS_SENT if sent else OF_WORDS),
        **(IN_HTML if html else IN_TEXT),
    }
    result.globals = dict(_GLOBALS)
    return result


@lru_cache(maxsize=256)
def _compiled(source: str, locale: str, *, html: bool, sent: bool = False) -> jinja2.Template:
    """Once for each text: the page that shows a mail again does not compile it for each of its readers."""
    template = environment(locale, html=html, sent=sent).from_string(source)
    template.globals = dict(template.globals)  # each render copies them, and a ChainMap is copied in Python
    return template


@dataclass(frozen=True, slots=True)
class _Part:
    template: jinja2.Template
    written: Written
    file: Path

    def render(self, values: dict[str, Any]) -> str:
        try:
            return of_a_length(self._filled(values))
        except AftercartError:
            raise
        except Exception as err:  # a door: filters raise whatever the data make them raise
            message, _, fix = _in_words(err).partition("; ")
            raise TemplateError(message, self._place(err.__traceback__), fix) from err

    def _filled(self, values: dict[str, Any]) -> str:
        """As Jinja's own `render`, which copies the values twice for each part of each mail."""
        context = self.template.new_context(values, shared=True)
        try:
            return "".join(self.template.root_render_func(context))
        except Exception:  # noqa: BLE001  # it is raised again, with the lines of the template
            self.template.environment.handle_exception()

    def _place(self, traceback: TracebackType | None) -> Place:
        """Jinja rewrites the traceback so that frames of the template carry its own lines."""
        line = 0
        while traceback is not None:
            if traceback.tb_frame.f_code.co_filename == "<template>":
                line = traceback.tb_lineno
            traceback = traceback.tb_next
        return self.written.place(line) or Place(self.file)


def _in_words(err: Exception) -> str:
    """ "problem; fix": in words of ours, for Jinja and Python speak of objects and types."""
    said = str(err)
    if isinstance(err, UndefinedError):
        if lacking := _NO_FIELD_OF_NONE.fullmatch(said):
            return f"none has no {lacking[1]}; choose with {{% if %}}, as in {{% if pick.because %}}"
        if lacking := _NO_FIELD.fullmatch(said):
            return f"the context has no {lacking[1] or lacking[2]}; {_LISTED}"
        if lacking := _NO_ELEMENT.fullmatch(said):
            return f"this list has no element {lacking[1]}; choose with {{% if %}}, or go through it by {{% for %}}"
    elif "; " in said:
        return said
    return f"this cannot be worked out: {said or type(err).__name__}; look at the values that it is given"


_LISTED = "docs/templates.md lists what there is, and a sample.json needs it, too"
_NO_FIELD_OF_NONE = re.compile("'None' has no attribute '(.+)'")
_NO_FIELD = re.compile("'dict object' has no attribute '(.+)'|'(.+)' is undefined")
_NO_ELEMENT = re.compile("list object has no element (.+)")


class Template:
    """A template for one locale, ready to render. Safe to use from many threads; nothing is kept between renders."""

    def __init__(
        self, name: str, locale: str, version: str, parts: Mapping[str, Written], files: Mapping[str, Path]
    ) -> None:
        self.name = name
        self.locale = locale
        self.version = version
        """The first 12 hexadecimal digits of the content hash: sources, includes, compiler, locale."""
        self._parts = {
            part: _Part(_compiled(written.source, locale, html=part == "html"), written, files[part])
            for part, written in parts.items()
        }

    def render(self, context: Mapping[str, Any], link: Callable[[str], str]) -> Rendered:
        """Subject, preheader, HTML and text for one recipient.

        `link` is called with every web address that the recipient may click, in HTML and text, and answers what stands
        there instead; the addresses under `context["links"]` are left alone. Raises TemplateError naming the
        author's file and line for a missing value, a value that cannot be printed, or a context that is no plain data.
        """
        refuse_foreign_values(dict(context))
        links = Links(link, _untouched(context))
        values = {**_GLOBALS, **context, "_links": links, "_turns": Turns()}
        subject = one_line(self._parts["subject"].render(values))
        preheader = one_line(self._parts["preheader"].render(values))
        values |= {"_subject": subject, "_preheader": preheader + _PADDING if preheader else ""}
        html = self._parts["html"].render(values)
        text = tidy(self._parts["text"].render(values))
        return Rendered(subject, preheader, html, text, tuple(links.unsafe))

    @property
    def html_source(self) -> str:
        """The HTML part as it was compiled: with it `rendered_again` shows a mail whose template has changed since."""
        return self._parts["html"].written.source

    def subject_lines(self, context: Mapping[str, Any]) -> list[str]:
        """The lines that the author wrote, which `render` joins: a header has one."""
        lines = self._parts["subject"].render({**_GLOBALS, **context, "_turns": Turns()}).splitlines()
        return [line for line in map(one_line, lines) if line]


def rendered_again(
    html_source: str, locale: str, context: Mapping[str, Any], before: Rendered, link: Callable[[str], str]
) -> str:
    """The HTML of a mail, from what `html_source` said then. `before`: its subject and preheader."""
    refuse_foreign_values(dict(context))
    preheader = before.preheader + _PADDING if before.preheader else ""
    values = {**context, "_links": Links(link, _untouched(context)), "_subject": before.subject, "_turns": Turns()}
    return _compiled(html_source, locale, html=True, sent=True).render({**values, "_preheader": preheader})


def _untouched(context: Mapping[str, Any]) -> frozenset[str]:
    links = context.get("links")
    values = links.values() if isinstance(links, dict) else ()
    return frozenset(value.strip().partition("#")[0] for value in values if isinstance(value, str))
