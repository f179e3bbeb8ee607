"""Variants of a sample: what previews and checks show beside it, so that nobody has to write them by hand."""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from aftercart.rendering.checking.lacking import lacks, without
from aftercart.rendering.checking.variables import Fields, Items, Shape, Value

_LONG = "an unusually long name that somebody in the shop was very fond of and nobody ever shortened"
_UNICODE = "Žluťoučký 東京 кофе ☕️ 👩‍🚀 «Ñandú» Ɓ & <b>Co</b>"
_RTL = "خوذة دراجة زرقاء مقاس كبير"
VARIANTS = ("sample", "largest", "smallest", "unicode", "rtl", "missing")


def variant(sample: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The sample as one of `VARIANTS`. Raises KeyError for another name."""
    return _MAKERS[name](deepcopy(dict(sample)))


def misshapen(sample: object, shape: Shape, path: str = "") -> Iterator[tuple[str, str]]:
    """Path of what is of another kind than in the context, and how it is written. What lacks, and what else there is,
    is no fault: a sample may be older than a value, and rendering tells of what a template uses.
    """
    match shape, sample:
        case (_, None):
            return
        case Fields(), dict():
            for name, value in sample.items():
                yield from misshapen(value, shape.keys.get(name), f"{path}.{name}" if path else str(name))
        case Items(of=Fields() | Items() | Value() as of), list():
            for value in sample:
                yield from misshapen(value, of, f"{path}[]")
        case Fields(), _:
            yield path, f'{{"{next(iter(shape.keys))}": ...}}'
        case Items(), _:
            yield path, "[...]"
        case Value(), dict() | list() | bool():
            yield path, "a text in quotes, or a number"


def _largest(sample: dict[str, Any]) -> dict[str, Any]:
    """Twelve products and order lines, with long names, several of each, and a word to say of it."""
    for name, parent in (("picks", sample), ("lines", sample.get("order") or {})):
        found = parent.get(name) or []
        if found:
            parent[name] = [deepcopy(found[index % len(found)]) for index in range(12)]
    for item in _products(sample):
        item["title"] = f"{item.get('title')}, {_LONG}"
        if "quantity" in item:
            item["quantity"] = 3
        if "description" in item:
            item["description"] = f"{item['title']}: {_LONG}. " * 4
        if item.get("because"):
            item["because"]["title"] = _LONG
        if "compare_at" in item and item.get("price"):
            item["compare_at"] = {**item["price"], "minor": item["price"]["minor"] * 2}
            item["rating"] = {"value": 4.5, "count": 12_345}
    return sample


def _smallest(sample: dict[str, Any]) -> dict[str, Any]:
    """One product, with a short name."""
    sample["picks"] = (sample.get("picks") or [])[:1]
    if order := sample.get("order"):
        order["lines"] = (order.get("lines") or [])[:1]
    for item in _products(sample):
        item["title"] = "Bell"
    return sample


def _renamed(word: str, first_name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def make(sample: dict[str, Any]) -> dict[str, Any]:
        for item in _products(sample):
            item["title"] = word
            if item.get("because"):
                item["because"]["title"] = word
            if item.get("category"):
                item["category"] = word
        if person := sample.get("recipient"):
            person["first_name"] = first_name
        return sample

    return make


def _missing(sample: dict[str, Any]) -> dict[str, Any]:
    """All that may lack, lacks."""
    for lack in lacks():
        sample = next(without(sample, lack))
    return sample


def _products(sample: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*(sample.get("picks") or []), *((sample.get("order") or {}).get("lines") or [])]


_MAKERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "sample": lambda sample: sample,
    "largest": _largest,
    "smallest": _smallest,
    "unicode": _renamed(_UNICODE, "Zoë-Ǻnne 👋"),
    "rtl": _renamed(_RTL, "ليلى"),
    "missing": _missing,
}
