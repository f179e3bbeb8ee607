"""The files of one template as MJML and Jinja will read them: includes, layout, macros and words put in place.

Each of them is resolved before anything is compiled, in this order, and every tag keeps the place where its author
wrote it.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from aftercart.errors import Place, TemplateError
from aftercart.rendering.authoring.growth import Growth, bounded
from aftercart.rendering.authoring.includes import BODY, MISSING, SAMPLE, SUBJECT, TEXT, below, with_includes
from aftercart.rendering.authoring.layouts import laid_out
from aftercart.rendering.authoring.lexer import Segment, segments
from aftercart.rendering.authoring.locales import DEFAULT, known_locale
from aftercart.rendering.authoring.macros import expanded
from aftercart.rendering.authoring.words import OWN, SHARED, Vocabulary, languages, nearest

_FILES = (SUBJECT, BODY, TEXT, SAMPLE)

SUBJECT_LINE = "subject line"
"""Stands for the file of a subject line that is written in none of the template's."""

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


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
    languages: frozenset[str]
    """In which the template can be read; none for one without `words`, which has the language it is written in."""

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


def read_template(templates_dir: Path, name: str, locale: str = DEFAULT) -> Sources:
    """The files of a template, with the words that a reader of the locale understands.

    Raises TemplateError if there is no such template or a file cannot be read.
    """
    folder = _folder(templates_dir, name)
    subject = read_part(folder / SUBJECT, templates_dir, locale)
    body = read_part(folder / BODY, templates_dir, locale)
    text = read_part(folder / TEXT, templates_dir, locale) if (folder / TEXT).is_file() else None
    files = tuple(dict.fromkeys(file for part in (subject, body, text) if part for file in part.files))
    known = languages(folder, templates_dir) if any(_is_words(file) for file in files) else frozenset[str]()
    return Sources(name, subject, body, text, files, _digest(files, templates_dir), known)


def with_subject(sources: Sources, written: str, templates_dir: Path, locale: str = DEFAULT) -> Sources:
    """A template under another subject line, which may use its words. Raises TemplateError, at a file that is none."""
    folder = templates_dir / sources.name
    words = Vocabulary(folder, templates_dir, language_for(folder, templates_dir, locale))
    place = folder / SUBJECT_LINE
    cut = tuple(bounded(words.put(segments(written, place))))
    files = tuple(dict.fromkeys([*sources.files, *words.files]))
    digest = hashlib.sha256(sources.digest + written.encode() + _digest(tuple(words.files), templates_dir)).digest()
    return replace(sources, subject=Source(place, cut, tuple(words.files)), files=files, digest=digest)


def _folder(templates_dir: Path, name: str) -> Path:
    known = template_names(templates_dir)
    if name in known:
        return templates_dir / name
    if (templates_dir / name).is_dir() and NAME.fullmatch(name):
        raise TemplateError("the file is missing", Place(templates_dir / name / BODY), MISSING[BODY])
    close = get_close_matches(name, known, 1)
    fix = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known) or 'none'}"
    raise TemplateError(f"there is no template {name!r}", Place(templates_dir), fix)


def read_part(file: Path, root: Path, locale: str = DEFAULT) -> Source:
    """One file of a template below `root`, ready to be compiled. Raises TemplateError where it cannot be read."""
    files: list[Path] = []
    growth = Growth()

    def read(tag: Segment, path: str) -> Sequence[Segment]:
        return tuple(with_includes(below(root, root / path, tag.place), root, files, growth))

    found = laid_out(tuple(with_includes(file, root, files, growth)), read, growth)
    words = Vocabulary(file.parent, root, language_for(file.parent, root, locale))
    segments = tuple(bounded(words.put(expanded(found, read, growth))))
    return Source(file, segments, tuple(dict.fromkeys([*files, *words.files])))


def language_for(folder: Path, root: Path, locale: str) -> str | None:
    """The language of the words for a reader of the locale: their own, else English, else any; None without words."""
    known = languages(folder, root)
    return nearest(known, locale) or nearest(known, DEFAULT) or min(known, default=None)


def spoken_locale(sources: Sources, locale: str) -> str:
    """The locale in which a reader of `locale` gets the template: their own if it has their language."""
    if not sources.languages or nearest(sources.languages, locale):
        return locale
    return DEFAULT if nearest(sources.languages, DEFAULT) else known_locale(min(sources.languages))


def _is_words(file: Path) -> bool:
    return file.parent.name in (OWN, SHARED) and file.suffix == ".txt"


def _digest(files: tuple[Path, ...], root: Path) -> bytes:
    digest = hashlib.sha256()
    for file in files:
        contents = file.read_bytes()
        digest.update(f"{file.relative_to(root)}\0{len(contents)}\0".encode())
        digest.update(contents)
    return digest.digest()
