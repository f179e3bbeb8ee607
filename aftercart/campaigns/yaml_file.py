"""A YAML file as plain values, with the line and column of every key.

Read by YAML 1.2 rules, without the traps of 1.1: `21:00-08:00`, `10:00` and `no` are the text that they look like, and
so is `2026-12-25`. A key that stands twice is refused, not quietly overwritten.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError, RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from aftercart.campaigns.fault import Fault
from aftercart.errors import Place

Loc = tuple[str | int, ...]
"""The way to a key: `("steps", 0, "at")`."""

DEEPEST = 20
"""Nesting beyond this is no campaign."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says. `data`: dicts, lists, texts, numbers, booleans and None only."""

    file: Path
    data: Any
    _node: Any

    def place(self, loc: Sequence[str | int]) -> Place:
        """Where the key at `loc` stands; for a key that is missing, where it would belong."""
        node, line, column = self._node, 0, 0
        for part in loc:
            if not isinstance(node, CommentedMap | CommentedSeq) or part not in (node.lc.data or {}):
                break
            line, column = node.lc.data[part][:2]
            node = node[part]
        return Place(self.file, line + 1, column + 1)


def read_yaml(file: Path) -> Document | Fault:
    """Read one file; a fault where it is no YAML."""
    try:
        node = _read(file.read_text(encoding="utf-8"))
        return Document(file, _plain(node), node)
    except UnicodeDecodeError as err:
        return Fault(Place(file), "", f"is not UTF-8 text (byte {err.start})", "save it as UTF-8")
    except OSError as err:
        return Fault(Place(file), "", f"cannot be read: {err.strerror}", "put a file there that everybody may read")
    except YAMLError as err:
        return _syntax_fault(file, err)
    except RecursionError:
        return Fault(Place(file), "", "is nested too deeply", "no key of ours lies that deep")


class _Constructor(RoundTripConstructor):
    """Reads a date as text: as a date, one that is none (2026-02-30) would end in a traceback and not in a fault."""


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", RoundTripConstructor.construct_scalar)


def _read(text: str) -> Any:
    reader = YAML(typ="rt")
    reader.Constructor = _Constructor
    return reader.load(text)


@dataclass(frozen=True, slots=True)
class _Slip:
    """What a person did when the loader says `sign`, and how to undo it. `opened`: look where it began."""

    sign: str
    message: str
    fix: str
    opened: bool = False


_SLIPS = (
    _Slip("'\\t'", "a tab cannot indent YAML", "indent with spaces"),
    _Slip("another document", "a second document begins here (---)", "put it in a file of its own"),
    _Slip("flow sequence", "this [ is never closed", "end it with ]", opened=True),
    _Slip("flow mapping", "this { is never closed", "end it with }", opened=True),
    _Slip("end of stream", "this quote is never closed", "end it with another one", opened=True),
    _Slip("simple key", "is no `key: value`", "put a space behind the colon", opened=True),
    _Slip("escape character", "a backslash means something else in double quotes", "use single quotes"),
    _Slip("mapping values are not allowed", "a second value begins here", "put a text with a colon in quotes"),
    _Slip("expected <block end>", "does not fit to the lines before it", "indent it like its neighbors"),
    _Slip("cannot start any token", "no value begins with this character", "put the value in quotes"),
    _Slip("undefined alias", "there is no anchor of this name", "put a text that begins with * in quotes"),
)


def _syntax_fault(file: Path, err: YAMLError) -> Fault:
    marked = err if isinstance(err, MarkedYAMLError) else None
    problem = str((marked and marked.problem) or err).splitlines()[0]
    said = f"{marked.context if marked else ''} {problem}"
    place = _marked(file, marked.problem_mark if marked else None)
    if isinstance(err, DuplicateKeyError) and (twice := re.search(r'key "(.+?)"', problem)):
        return Fault(place, twice[1], "stands here for the second time", "keep one of the two")
    slip = next((slip for slip in _SLIPS if slip.sign in said), None)
    if slip is None:
        return Fault(place, "", f"is no valid YAML: {problem}", "look at this line and the one before it")
    if slip.opened and marked:
        place = _marked(file, marked.context_mark)
    return Fault(place, "", slip.message, slip.fix)


def _marked(file: Path, mark: Any) -> Place:
    return Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)


def _plain(node: Any, depth: int = 0) -> Any:
    """Bare Python values: the loader's own types remember their spelling, which nobody else should see."""
    if depth > DEEPEST:
        raise RecursionError
    if isinstance(node, Mapping):
        return {str(key): _plain(value, depth + 1) for key, value in node.items()}
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [_plain(value, depth + 1) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node if node is None else str(node)
