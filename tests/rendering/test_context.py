"""The context is what its documentation says."""

import ast
import inspect
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from aftercart.rendering.authoring.policy import FILTERS, TESTS
from aftercart.rendering.authoring.source import template_names
from aftercart.rendering.checking.check import read_sample
from aftercart.rendering.checking.variables import Fields, Items, context_shape
from aftercart.rendering.compiling.mjml_places import FREE_ATTRIBUTES
from aftercart.rendering.running.context import VERSION, TemplateContext, refuse_foreign_values

DOCS = (Path(__file__).parents[2] / "docs" / "templates.md").read_text(encoding="utf-8")


def paths(shape: object) -> set[str]:
    if isinstance(shape, Items):
        return paths(shape.of)
    if not isinstance(shape, Fields):
        return set()
    prefix = f"{shape.path}." if shape.path else ""
    lists = {key: "[]" if isinstance(found, Items) else "" for key, found in shape.keys.items()}
    return {f"{prefix}{key}{lists[key]}" for key in shape.keys}.union(*map(paths, shape.keys.values()))


def filled(value: Any, path: str = "") -> set[str]:
    if isinstance(value, list):
        return set().union(*(filled(item, path) for item in value))
    if not isinstance(value, dict):
        return set()
    found: set[str] = set()
    for key, item in value.items():
        name = f"{path}.{key}".lstrip(".") + ("[]" if isinstance(item, list) else "")
        found |= {name} | filled(item, name)
    return found


@pytest.mark.parametrize(
    "word", sorted(paths(context_shape()) | FILTERS | {*filter(str.isalpha, TESTS)} | FREE_ATTRIBUTES)
)
def test_everything_a_template_may_use_is_documented(word: str) -> None:
    assert f"`{word}`" in DOCS


def described(name: str = "TemplateContext", prefix: str = "") -> Iterator[tuple[str, str]]:
    """Each value with its docstring, as `context.py` has them."""
    source = ast.parse(Path(inspect.getfile(refuse_foreign_values)).read_text(encoding="utf-8"))
    classes = {node.name: node.body for node in source.body if isinstance(node, ast.ClassDef)}
    for field, doc in pairwise(classes[name]):
        if isinstance(field, ast.AnnAssign) and isinstance(doc, ast.Expr) and isinstance(doc.value, ast.Constant):
            kind = ast.unparse(field.annotation)
            path = f"{prefix}{ast.unparse(field.target)}{'[]' if kind.startswith('list') else ''}"
            yield path, str(doc.value.value)
            if inner := re.search(r"\w+Context", kind):
                yield from described(inner[0], f"{path}.")


def test_the_docs_say_of_each_value_what_the_context_says() -> None:
    rows = dict(re.findall(r"^\| `([^`]+)` \| (.*) \|$", DOCS, re.MULTILINE))
    assert {path: rows.get(path) for path, _ in described()} == {
        path: doc.replace("|", "\\|") for path, doc in described()
    }


def test_every_sample_fills_the_whole_context_and_nothing_else(shipped: Path) -> None:
    for name in template_names(shipped):
        found = filled(read_sample(shipped, name))
        assert found == paths(context_shape())


def promised(kind: type = TemplateContext, before: str = "") -> Iterator[str]:
    """Each value of the context with its type; `?` for one that may be none, `-` for one that may not be there."""
    for name, hint in get_type_hints(kind, include_extras=True).items():
        may_be_absent = get_origin(hint) is NotRequired
        inner = get_args(hint)[0] if may_be_absent else hint
        kinds = [one for one in (get_args(inner) if isinstance(inner, UnionType) else (inner,)) if one is not NoneType]
        items = [get_args(one)[0] if get_origin(one) is list else one for one in kinds]
        path = f"{before}{name}{'[]' if get_origin(kinds[0]) is list else ''}"
        signs = f"{'?' if NoneType in get_args(inner) else ''}{'-' if may_be_absent else ''}"
        yield f"{path}: {' or '.join('group' if is_typeddict(one) else one.__name__ for one in items)}{signs}"
        for one in filter(is_typeddict, items):
            yield from promised(one, f"{path}.")


def test_within_a_version_nothing_that_was_promised_goes_changes_or_comes_to_lack() -> None:
    """Add what is new to the list; for what breaks it begin a new version (docs/decisions/0023)."""
    written = (Path(__file__).parent / f"context_{VERSION}.txt").read_text(encoding="utf-8").splitlines()
    assert sorted(promised()) == written


def test_the_docs_name_the_version() -> None:
    assert f"This is version {VERSION} of the context." in DOCS
