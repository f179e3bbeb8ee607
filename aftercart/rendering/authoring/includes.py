"""Files of a template, each with its includes put in place.

`{% include "_layout/header.mjml" %}` names a file below the templates folder, `<mj-include path="..." />` one beside
the including file. Both are resolved here and nowhere else: MJML's own include reads any file of the machine.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from aftercart.errors import Place, TemplateError
from aftercart.rendering.authoring.growth import Growth, bounded
from aftercart.rendering.authoring.lexer import Kind, Segment, behind, segments

SUBJECT, BODY, TEXT, SAMPLE = "subject.txt", "body.mjml", "body.txt", "sample.json"
"""The files of a template."""
LAYOUT = "_layout"
"""The folder of what templates share."""
MISSING = {
    SUBJECT: "add it, with one line such as: Goes with your {{ order.lines[0].title }}",
    BODY: "add it; body.mjml of another template is a good beginning",
}

_AN_INCLUDE = 'write {% include "_layout/x.mjml" %}'
_INCLUDE = re.compile(r"""include\s+(["'])(?P<path>[^"']+)\1""")
_MJ_INCLUDE = re.compile(r"""<mj-include\s+path\s*=\s*(["'])(?P<path>[^"']+)\1\s*(?:/>|>\s*</mj-include>)""")


def with_includes(file: Path, root: Path, files: list[Path], growth: Growth) -> Iterator[Segment]:
    """The segments of a file below `root`. What is read is added to `files`.

    Raises TemplateError for what cannot be read, for a file that includes itself, and for too much of all.
    """
    return bounded(_with_includes(file, root, files, growth, ()))


def _with_includes(
    file: Path, root: Path, files: list[Path], growth: Growth, above: tuple[Path, ...]
) -> Iterator[Segment]:
    files.append(file)
    written = contents(file)
    if above:  # as Jinja does, so that ({% include "_layout/name.mjml" %}) has no space in it
        written = written.removesuffix("\n")
    for segment in _mj_includes_apart(segments(written, file)):
        target = _included(segment, root)
        if target is None:
            yield segment
            continue
        if target in (file, *above):
            raise TemplateError(f"{target.name} includes itself", segment.place, "take the include out")
        growth.step(segment, len(above))
        yield from _with_includes(target, root, files, growth, (file, *above))


def _mj_includes_apart(found: Sequence[Segment]) -> Iterator[Segment]:
    """Cut each `<mj-include>` out of the markup as a block of its own."""
    for segment in found:
        if segment.kind is not Kind.DATA:
            yield segment
            continue
        done = 0
        for match in _MJ_INCLUDE.finditer(segment.text):
            yield _cut(segment, done, match.start())
            yield _cut(segment, *match.span(), kind=Kind.BLOCK)
            done = match.end()
        yield _cut(segment, done, len(segment.text))


def _cut(segment: Segment, start: int, end: int, kind: Kind = Kind.DATA) -> Segment:
    return Segment(kind, segment.text[start:end], behind(segment.place, segment.text[:start]))


def _included(segment: Segment, root: Path) -> Path | None:
    if segment.kind is not Kind.BLOCK:
        return None
    if match := _MJ_INCLUDE.fullmatch(segment.text):
        return below(root, segment.place.file.parent / match["path"], segment.place)
    if segment.keyword != "include":
        return None
    if not (match := _INCLUDE.fullmatch(segment.text)):
        raise TemplateError("an include names one file in quotes", segment.place, _AN_INCLUDE)
    return below(root, root / match["path"], segment.place)


def below(root: Path, file: Path, place: Place) -> Path:
    """`file` without its `..`, if it stands below `root`; symbolic links are followed before the check."""
    inside = root.resolve()
    real = file.resolve()
    if not real.is_relative_to(inside):
        raise TemplateError(f"{file} is outside of the templates folder", place, "copy it to _layout/ and include that")
    if not real.is_file():
        raise TemplateError(f"there is no file {real.relative_to(inside)} below {root}", place, _nearest(real, inside))
    return root / real.relative_to(inside)


def _nearest(missing: Path, root: Path) -> str:
    """What to include instead of a file that there is not."""
    known = {str(file.relative_to(root)): file for file in root.glob("_*/*") if file.is_file()}
    close = get_close_matches(str(missing.relative_to(root)), known, 1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(sorted(known)) or 'none'}"


def contents(file: Path) -> str:
    """The text of a file, without the mark that editors on Windows put before it. Raises TemplateError where there is
    none."""
    try:
        return file.read_text(encoding="utf-8").removeprefix("\ufeff")
    except FileNotFoundError as err:
        raise TemplateError("the file is missing", Place(file), MISSING.get(file.name, "")) from err
    except UnicodeDecodeError as err:
        before = err.object[: err.start].decode("utf-8")
        place = behind(Place(file, 1, 1), before)
        raise TemplateError("is not UTF-8 text from here on", place, "save the file as UTF-8") from err
    except OSError as err:
        raise TemplateError(f"cannot be read: {err.strerror}", Place(file), "put a readable text file there") from err
