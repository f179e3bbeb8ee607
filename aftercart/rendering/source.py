"""The files of one template, with their includes put in place.

`{% include "_layout/header.mjml" %}` names a file below the templates folder, `<mj-include path="..." />` one beside
the including file. Both are resolved here and nowhere else: MJML's own include reads any file of the machine.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from aftercart.errors import Place, TemplateError
from aftercart.rendering.lexer import Kind, Segment, behind, segments

SUBJECT, BODY, TEXT, SAMPLE = "subject.txt", "body.mjml", "body.txt", "sample.json"

_FILES = (SUBJECT, BODY, TEXT, SAMPLE)
_AN_INCLUDE = 'write {% include "_layout/x.mjml" %}'
_MISSING = {
    SUBJECT: "add it, with one line such as: Goes with your {{ order.lines[0].title }}",
    BODY: "add it; body.mjml of another template is a good beginning",
}

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_INCLUDE = re.compile(r"""include\s+(["'])(?P<path>[^"']+)\1""")
_MJ_INCLUDE = re.compile(r"""<mj-include\s+path\s*=\s*(["'])(?P<path>[^"']+)\1\s*(?:/>|>\s*</mj-include>)""")


@dataclass(frozen=True, slots=True)
class Source:
    """One part of a template: its segments, and the files they come from in the order of reading."""

    file: Path
    segments: tuple[Segment, ...]
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything that the author of one template wrote. `digest` is a SHA-256 over names and contents."""

    name: str
    subject: Source
    body: Source
    text: Source | None
    files: tuple[Path, ...]
    digest: bytes

    @property
    def parts(self) -> tuple[Source, ...]:
        """What Jinja reads."""
        return tuple(part for part in (self.subject, self.body, self.text) if part)


def template_names(templates_dir: Path) -> list[str]:
    """The templates of a folder, sorted: every subfolder with a body.mjml."""
    return sorted(file.parent.name for file in templates_dir.glob(f"*/{BODY}") if NAME.fullmatch(file.parent.name))


def template_folders(templates_dir: Path) -> list[str]:
    """The folders that look as if they were to be templates, whatever is missing in them."""
    folders = (folder for folder in templates_dir.glob("[!_.]*") if folder.is_dir())
    return sorted(folder.name for folder in folders if any((folder / name).exists() for name in _FILES))


def read_template(templates_dir: Path, name: str) -> Sources:
    """The files of a template. Raises TemplateError if there is no such template or a file cannot be read."""
    folder = _folder(templates_dir, name)
    subject = read_part(folder / SUBJECT, templates_dir)
    body = read_part(folder / BODY, templates_dir)
    text = read_part(folder / TEXT, templates_dir) if (folder / TEXT).is_file() else None
    files = tuple(dict.fromkeys(file for part in (subject, body, text) if part for file in part.files))
    return Sources(name, subject, body, text, files, _digest(files, templates_dir))


def _folder(templates_dir: Path, name: str) -> Path:
    known = template_names(templates_dir)
    if name in known:
        return templates_dir / name
    if (templates_dir / name).is_dir() and NAME.fullmatch(name):
        raise TemplateError("the file is missing", Place(templates_dir / name / BODY), _MISSING[BODY])
    close = get_close_matches(name, known, 1)
    fix = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known) or 'none'}"
    raise TemplateError(f"there is no template {name!r}", Place(templates_dir), fix)


def read_part(file: Path, root: Path) -> Source:
    """One file of a template below `root`, with what it includes. Raises TemplateError where it cannot be read."""
    files: list[Path] = []
    found = tuple(_with_includes(file, root, files, ()))
    return Source(file, found, tuple(files))


def _with_includes(file: Path, root: Path, files: list[Path], above: tuple[Path, ...]) -> Iterator[Segment]:
    files.append(file)
    for segment in _mj_includes_apart(segments(_contents(file), file)):
        target = _included(segment, root)
        if target is None:
            yield segment
            continue
        if target in (file, *above):
            raise TemplateError(f"{target.name} includes itself", segment.place, "take the include out")
        yield from _with_includes(target, root, files, (file, *above))


def _mj_includes_apart(found: list[Segment]) -> Iterator[Segment]:
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
        return _below(root, segment.place.file.parent / match["path"], segment.place)
    if segment.keyword != "include":
        return None
    if not (match := _INCLUDE.fullmatch(segment.text)):
        raise TemplateError("an include names one file in quotes", segment.place, _AN_INCLUDE)
    return _below(root, root / match["path"], segment.place)


def _below(root: Path, file: Path, place: Place) -> Path:
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


def _contents(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as err:
        raise TemplateError("the file is missing", Place(file), _MISSING.get(file.name, "")) from err
    except UnicodeDecodeError as err:
        before = err.object[: err.start].decode("utf-8")
        place = behind(Place(file, 1, 1), before)
        raise TemplateError("is not UTF-8 text from here on", place, "save the file as UTF-8") from err
    except OSError as err:
        raise TemplateError(f"cannot be read: {err.strerror}", Place(file), "put a readable text file there") from err


def _digest(files: tuple[Path, ...], root: Path) -> bytes:
    digest = hashlib.sha256()
    for file in files:
        contents = file.read_bytes()
        digest.update(f"{file.relative_to(root)}\0{len(contents)}\0".encode())
        digest.update(contents)
    return digest.digest()
