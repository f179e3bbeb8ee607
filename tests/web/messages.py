"""What the pages say, found in their sources: the messages that every catalog must translate."""

import ast
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment
from jinja2.ext import extract_from_ast

from aftercart.web import languages

WEB = Path(languages.__file__).parent


def messages() -> set[str]:
    """All of them."""
    return set(_in_pages()) | set(_in_code())


def _in_pages() -> Iterator[str]:
    pages = Environment(extensions=["jinja2.ext.i18n"])
    for file in sorted(languages.FOLDER.glob("*.html")):
        for _, _, message in extract_from_ast(pages.parse(file.read_text(encoding="utf-8"))):
            yield str(message[0] if isinstance(message, tuple) else message)  # (message, its values ...)


def _in_code() -> Iterator[str]:
    """The first argument of `pages.words(...)` and of the short name `say` that some give it."""
    for file in sorted(WEB.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _is_said(node.func) and isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value)


def _is_said(function: ast.expr) -> bool:
    return (isinstance(function, ast.Attribute) and function.attr == "words") or (
        isinstance(function, ast.Name) and function.id == "say"
    )
