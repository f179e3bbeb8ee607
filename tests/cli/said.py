"""What the code of a room says to authors, read from the code itself: every text, with … where it puts something in."""

import ast
from collections.abc import Iterator
from pathlib import Path

_ARGUMENT = {
    "TemplateError": 0,
    "MarkupError": 0,
    "TypeError": 0,
    "ValueError": 0,
    "TemplateFault": 1,
    "NoWidth": 1,
    "Half": 1,
}
_METHODS = {"mjml_places.py": 0, "lint.py": 1}
"""Where a file's own `_fault` has its message."""

_WITH_FIX = ("bounds.py", "escape.py", "policy.py", "runtime.py")
"""Files of rendering that write a message as "problem; fix"."""

_THAT_ANSWER = ("policy.py", "runtime.py")
"""Those of them in which a function answers so."""

_OF_KEYS = {"ValueError": 0, "Finding": 1, "_Slip": 1, "Fault": 2}


def said_in(files: list[Path]) -> set[str]:
    """The messages of all faults in these files, without what to do about them."""
    found = {text.partition("; ")[0] if file.name in _WITH_FIX else text for file in files for text in _texts(file)}
    return {text for text in found if text.strip("… :")}


def said_of_keys_in(files: list[Path]) -> set[str]:
    """The same of files that look at campaigns; a ValueError there says "problem; fix"."""
    return {text for file in files for text in _of_keys(file) if text.strip("… :")}


def _of_keys(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            position = _OF_KEYS.get(_name(node), len(node.args))
            is_with_fix = _name(node) == "ValueError"
            for text in _strings(node.args[position]) if position < len(node.args) else ():
                yield text.partition("; ")[0] if is_with_fix else text
            yield from (text for word in node.keywords if word.arg == "message" for text in _strings(word.value))
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            if node.targets[0].id == "message":
                yield from _strings(node.value)
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and file.name == "schema_faults.py":
            yield from _strings(node.value.elts[0])


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _texts(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = _name(node)
            position = _METHODS.get(file.name) if name == "_fault" else _ARGUMENT.get(name)
            if position is not None and len(node.args) > position:
                yield from _strings(node.args[position])
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            if node.targets[0].id == "message":
                yield from _strings(node.value)
        elif isinstance(node, ast.Return) and file.name in _THAT_ANSWER:
            yield from (text for text in _strings(node.value) if "; " in text)


def _strings(node: ast.AST | None) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from (*_strings(node.body), *_strings(node.orelse))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
