"""The words of mails in several languages: `{{ words.greeting }}` stands for a line of `words/fr.txt`.

A template's own words lie in its folder `words/`, what all templates share in `_words/`: one file a language, one
phrase a line, `greeting = Hello {{ recipient.first_name }}`; a line that begins with white space goes on with the one
before, and one that begins with # is a note. Phrases are plain text with Jinja in it. They are put in place before
anything is compiled, so a mail looks nothing up, and every value in a phrase is escaped for the place of the phrase.
"""

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from aftercart.errors import Place, TemplateError
from aftercart.rendering.authoring.includes import BODY, contents
from aftercart.rendering.authoring.lexer import Kind, Segment, behind, segments

OWN, SHARED = "words", "_words"
_MENTIONED = re.compile(r"\bwords\b")
_USE = re.compile(r"words\.(?P<name>[A-Za-z]\w*)")
_PHRASE = re.compile(r"^(?P<name>[A-Za-z]\w*)[ \t]*=[ \t]*(?P<text>.*(?:\n[ \t]+\S.*)*)", re.MULTILINE)
_IGNORED = re.compile(r"[ \t]*(?:#.*)?")
_NEW_LINE = re.compile(r"\n[ \t]+")

Phrases = Mapping[str, tuple[Segment, ...]]


def languages(folder: Path, root: Path) -> frozenset[str]:
    """The languages in which a template can be written: those of its own words and of the shared ones."""
    found = [{file.stem for file in place.glob("*.txt")} for place in (folder / OWN, root / SHARED) if place.is_dir()]
    return frozenset(set.intersection(*found)) if found else frozenset()


def nearest(known: Iterable[str], locale: str) -> str | None:
    """The language of `known` that a locale reads: pt_BR reads pt_BR, or else pt."""
    parts = locale.split("_")
    tries = ("_".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((language for language in tries if language in known), None)


@dataclass(slots=True)
class Vocabulary:
    """The words of one template in one language. `files`: those that were read, once a phrase was asked for."""

    folder: Path
    root: Path
    language: str | None
    files: list[Path] = field(default_factory=list)
    _phrases: dict[str, tuple[Segment, ...]] | None = None

    def put(self, found: Iterable[Segment]) -> Iterator[Segment]:
        """The segments with every phrase in place. Raises TemplateError for a phrase that there is not."""
        for segment in found:
            if segment.kind is Kind.DATA or not _MENTIONED.search(segment.text):
                yield segment
            elif match := _USE.fullmatch(segment.text):
                yield from self._phrase(match["name"], segment.place)
            elif "words." in segment.text:
                fix = "write {{ words.greeting }} and nothing else in the braces; choose with {% if %}"
                raise TemplateError(f"{segment} does more than to name a phrase", segment.place, fix)
            else:
                yield segment

    def _phrase(self, name: str, place: Place) -> Iterator[Segment]:
        if self._phrases is None:
            self._phrases = dict(self._read(place))
        if name not in self._phrases:
            close = get_close_matches(name, self._phrases, 1)
            fix = f"did you mean {close[0]}?" if close else f"add the line: {name} = ..."
            raise TemplateError(f"{self._where()} has no phrase {name}", place, fix)
        as_markup = place.file.suffix == Path(BODY).suffix
        for segment in self._phrases[name]:
            is_text = segment.kind is Kind.DATA
            yield replace(segment, text=html.escape(segment.text)) if is_text and as_markup else segment

    def _where(self) -> str:
        return " and ".join(str(file.relative_to(self.root)) for file in self.files)

    def _read(self, place: Place) -> Iterator[tuple[str, tuple[Segment, ...]]]:
        """The shared phrases, then the template's own, which win."""
        if self.language is None:
            fix = f"write the words into {SHARED}/en.txt: greeting = Hello"
            raise TemplateError(f"there is no file of words in {self.root / SHARED}", place, fix)
        for folder in (self.root / SHARED, self.folder / OWN):
            file = folder / f"{self.language}.txt"
            if folder.is_dir():
                self.files.append(file)
                yield from read_phrases(file)


def read_phrases(file: Path) -> Sequence[tuple[str, tuple[Segment, ...]]]:
    """The phrases of a file with their names. Raises TemplateError for a line that is none, and for a name twice."""
    return _phrases_in(contents(file), file)


@lru_cache(maxsize=256)
def _phrases_in(text: str, file: Path) -> tuple[tuple[str, tuple[Segment, ...]], ...]:
    """Once for each file as it stands: every part of every template reads the shared ones."""
    return tuple(_each_phrase(text, file))


def _each_phrase(text: str, file: Path) -> Iterator[tuple[str, tuple[Segment, ...]]]:
    done, seen = 0, set[str]()
    for match in _PHRASE.finditer(text):
        _refuse_stray(file, text, done, match.start())
        done = match.end()
        place = behind(Place(file, 1, 1), text[: match.start()])
        if match["name"] in seen:
            raise TemplateError(f"the phrase {match['name']} stands above already", place, "take one of them out")
        seen.add(match["name"])
        start = behind(Place(file, 1, 1), text[: match.start("text")])
        yield match["name"], tuple(_segments(match["text"], file, start))
    _refuse_stray(file, text, done, len(text))


def _refuse_stray(file: Path, text: str, start: int, end: int) -> None:
    for number, line in enumerate(text[start:end].split("\n")):
        if not _IGNORED.fullmatch(line):
            place = behind(Place(file, 1, 1), text[:start] + "\n" * number)
            raise TemplateError("this line is no phrase", replace(place, column=1), "write greeting = Hello, or # note")


def _segments(text: str, file: Path, start: Place) -> Iterator[Segment]:
    """What stands before the phrase is left blank, so that each tag, and each fault in one, has its place."""
    blank = "\n" * ((start.line or 1) - 1) + " " * ((start.column or 1) - 1)
    for segment in segments(blank + text.rstrip(), file):
        written = segment.text.removeprefix(blank) if segment.place == Place(file, 1, 1) else segment.text
        place = start if segment.place == Place(file, 1, 1) else segment.place
        if written:
            yield Segment(segment.kind, _NEW_LINE.sub(" ", written), place)
