"""The door of this room: a template by name and locale, compiled at most once per change."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import structlog

from aftercart.errors import TemplateError
from aftercart.rendering.authoring.locales import DEFAULT, known_locale, understood
from aftercart.rendering.authoring.source import Sources, read_template, spoken_locale, with_subject
from aftercart.rendering.authoring.words import OWN, SHARED, languages, nearest
from aftercart.rendering.compiling import store
from aftercart.rendering.compiling.compiler import Compiled, compile_template, fingerprint
from aftercart.rendering.running.runtime import Template

log = structlog.get_logger()

_RECHECK_SECONDS = 1.0
_VERSION_DIGITS = 12

Stamps = tuple[tuple[Path, int, int], ...]


@dataclass(slots=True)
class _Loaded:
    template: Template
    languages: frozenset[str]
    stamps: Stamps
    checked_at: float


@dataclass(slots=True)
class _Edition:
    """What stands in the files of a template, told apart by a hash for each language."""

    digests: Mapping[str, str]
    stamps: Stamps
    checked_at: float


class Renderer:
    """Templates below one folder. Safe to use from many threads; several processes may share the cache folder.

    A compiled template is kept in memory and on disk, and made anew when one of its files changes (looked at no more
    than once a second). A process that finds it on disk never imports MJML; where it cannot be kept there, each process
    compiles for itself.
    """

    def __init__(
        self, templates_dir: Path, cache_dir: Path, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._templates_dir = templates_dir
        self._monotonic = monotonic
        self._cache_dir = cache_dir
        self._lock = threading.Lock()
        self._loaded: dict[tuple[str, str, str], _Loaded] = {}
        self._editions: dict[str, _Edition] = {}

    def template(self, name: str, locale: str, subject: str | None = None) -> Template:
        """The template for a locale such as fr-FR or fr_FR; an unknown one gets its language, or English, as does
        one whose language the template does not have. `subject`: a line in place of its own.

        Raises TemplateError naming file and line if there is no such template or it cannot be compiled.
        """
        return self._find(name, known_locale(locale), subject or "").template

    def reads(self, name: str, locale: str) -> bool | None:
        """Whether the template has words in the language of a locale; None if it has its one language, with no words.

        Raises TemplateError as `template` does.
        """
        languages = self._find(name, DEFAULT, "").languages
        return nearest(languages, understood(locale) or "") is not None if languages else None

    def locale_for(self, name: str, locale: str, otherwise: str) -> str:
        """The locale in which a reader gets the template: their own if it speaks their language, `otherwise` if not.

        One with no words is written in the language of `otherwise`. Raises TemplateError as `template` does.
        """
        speaks_it = self.reads(name, locale)
        if speaks_it is None:
            speaks_it = locale[:2].lower() == otherwise[:2].lower()
        return locale if speaks_it else otherwise

    def edition(self, name: str) -> Mapping[str, str]:
        """Language → 12 hexadecimal digits over all files that its readers get: body, layout, includes, words. One
        that is written in a single language has it under "". Empty for a template that cannot be read.
        """
        with self._lock:
            known = self._editions.get(name)
            if known is None or not _fresh(known, self._monotonic()):
                known = self._editions[name] = self._edition(name)
            return known.digests

    def _edition(self, name: str) -> _Edition:
        folder, root = self._templates_dir / name, self._templates_dir
        try:
            spoken = languages(folder, root)
            read = {language: read_template(root, name, language) for language in sorted(spoken) or [DEFAULT]}
        except TemplateError:
            return _Edition({}, _stamps(self._places(name)), self._monotonic())
        digests = {
            language if sources.languages else "": sources.digest.hex()[:_VERSION_DIGITS]
            for language, sources in read.items()
        }
        files = {file for sources in read.values() for file in sources.files}
        return _Edition(digests, _stamps((*self._places(name), *sorted(files))), self._monotonic())

    def _places(self, name: str) -> tuple[Path, ...]:
        """The folders in which another file may come to stand: a text part, the words of another language."""
        folder = self._templates_dir / name
        return folder, folder / OWN, self._templates_dir / SHARED

    def _find(self, name: str, locale: str, subject: str) -> _Loaded:
        key = (name, locale, subject)
        with self._lock:
            loaded = self._loaded.get(key)
            if loaded is None or not _fresh(loaded, self._monotonic()):
                loaded = self._load(*key)
                self._loaded[key] = loaded
            return loaded

    def _load(self, name: str, locale: str, subject: str) -> _Loaded:
        sources = read_template(self._templates_dir, name, locale)
        if subject:
            sources = with_subject(sources, subject, self._templates_dir, locale)
        locale = spoken_locale(sources, locale)
        stamps = _stamps((*self._places(name), *sources.files))
        template = assembled(sources, self._compiled(sources, locale), locale)
        return _Loaded(template, sources.languages, stamps, self._monotonic())

    def _compiled(self, sources: Sources, locale: str) -> Compiled:
        digest = fingerprint(sources, locale)
        file = self._cache_dir / "templates" / f"{sources.name}-{locale}-{digest[:32]}.json"
        found = store.load(file, self._templates_dir)
        if found is not None:
            return found
        compiled = compile_template(sources, locale)
        try:
            store.save(compiled, file, self._templates_dir)
        except OSError as err:  # a disk that is full or read-only costs time, and no mail
            log.warning(
                "template_not_kept", template=sources.name, error=str(err), hint="each process compiles it anew"
            )
        return compiled


def assembled(sources: Sources, compiled: Compiled, locale: str) -> Template:
    """A compiled template as something that renders."""
    parts = {part.name: getattr(compiled, part.name) for part in fields(Compiled)}
    version = fingerprint(sources, locale)[:_VERSION_DIGITS]
    return Template(sources.name, locale, version, parts, _files(sources))


def _files(sources: Sources) -> dict[str, Path]:
    text = sources.text.file if sources.text else sources.body.file
    return {"subject": sources.subject.file, "preheader": sources.body.file, "html": sources.body.file, "text": text}


def _fresh(loaded: _Loaded | _Edition, now: float) -> bool:
    if now - loaded.checked_at < _RECHECK_SECONDS:
        return True
    loaded.checked_at = now
    return _stamps(tuple(file for file, *_ in loaded.stamps)) == loaded.stamps


def _stamps(files: tuple[Path, ...]) -> Stamps:
    """What changes when somebody edits a file; a file that is gone changes too."""
    return tuple((file, *_stamp(file)) for file in files)


def _stamp(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, -1)
    return (found.st_mtime_ns, found.st_size)
