"""What pydantic found wrong, said so that a shop owner can mend it: file, line, key and fix."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from aftercart.campaigns.fault import Fault, key_path
from aftercart.campaigns.yaml_file import Document, Loc


def schema_faults(document: Document, model: type[BaseModel], error: ValidationError) -> Iterator[Fault]:
    """One fault per thing to mend."""
    details = error.errors(include_url=False)
    for detail in details:
        if not _follows_from_another(detail, details):
            message, fix = _in_words(detail, model)
            yield Fault(document.place(detail["loc"]), key_path(detail["loc"]), message, fix)


def _follows_from_another(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """A list counts as too short when its only entry is wrong; a default that is made of another key needs that key."""
    if detail["type"] == "default_factory_not_called":
        return True
    loc = detail["loc"]
    return detail["type"] == "too_short" and any(
        len(d["loc"]) > len(loc) and d["loc"][: len(loc)] == loc for d in details
    )


def _in_words(detail: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    given, context = detail["input"], detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            return "there is no such key", _did_you_mean(str(detail["loc"][-1]), _keys_at(model, detail["loc"][:-1]))
        case "missing":
            return "is missing", f"add {key_path(detail['loc'])}: {_example(model, detail['loc'])}".rstrip(": ")
        case "literal_error":
            allowed = [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]
            return f"{given!r} means nothing here", _did_you_mean(str(given), allowed)
        case "string_type":
            return f"{given!r} is no text", "put it in quotes" if isinstance(given, int | float) else "write one text"
        case "string_pattern_mismatch":
            return f"{given!r} is no plain name", "use lower-case letters, digits, - and _"
        case "tuple_type":
            return f"{given!r} is no list", f"write [{given}]" if isinstance(given, str | int) else "write a list"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "keys were expected here", "write `key: value` lines"
        case "too_short" | "string_too_short":
            return "says too little", f"it needs at least {context['min_length']}"
        case "value_error":
            problem, _, fix = str(context["error"]).partition("; ")
            return problem, fix
        case _:
            return f"{given!r}: {detail['msg'][:1].lower()}{detail['msg'][1:]}", ""


def _did_you_mean(word: str, known: list[str]) -> str:
    near = get_close_matches(word, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"


def _keys_at(model: type[BaseModel], loc: Loc) -> list[str]:
    found = _model_at(model, loc)
    return list(found.model_fields) if found else []


def _example(model: type[BaseModel], loc: Loc) -> str:
    found = _model_at(model, loc[:-1])
    examples = found.model_fields[str(loc[-1])].examples if found else None
    return str(examples[0]) if examples else ""


def _model_at(model: type[BaseModel], loc: Loc) -> type[BaseModel] | None:
    """The part of the schema that `loc` leads to."""
    found: type[BaseModel] | None = model
    for part in loc:
        if found and isinstance(part, str):
            found = _model_in(found.model_fields[part].annotation)
    return found


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)
