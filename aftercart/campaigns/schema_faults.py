"""What pydantic found wrong, said so that a shop owner can mend it: file, line, key and fix."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from aftercart.campaigns.fault import Fault, key_path
from aftercart.campaigns.yaml_file import Document, Loc


def schema_faults(document: Document, model: type[BaseModel], error: ValidationError) -> Iterator[Fault]:
    """One fault per thing to mend."""
    details = error.errors(include_url=False)
    for detail in details:
        if not _follows_from_another(detail, details, model):
            message, fix = _in_words(detail, model)
            yield Fault(document.place(detail["loc"]), key_path(detail["loc"]), message, fix)


def _follows_from_another(detail: ErrorDetails, details: list[ErrorDetails], model: type[BaseModel]) -> bool:
    """Whether a fault says nothing new, because another one is its cause.

    A misspelled key is missing, too; a list counts as too short when its only entry is wrong; and a default that is
    made of another key needs that key.
    """
    loc = detail["loc"]
    match detail["type"]:
        case "default_factory_not_called":
            return True
        case "too_short":
            return any(len(d["loc"]) > len(loc) and d["loc"][: len(loc)] == loc for d in details)
        case "missing":
            strangers = (d["loc"] for d in details if d["type"] == "extra_forbidden" and d["loc"][:-1] == loc[:-1])
            return any(get_close_matches(str(key[-1]), _keys_at(model, loc[:-1]), 1) == [loc[-1]] for key in strangers)
    return False


def _in_words(detail: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    """What is wrong, and what to do."""
    kind, loc = detail["type"], detail["loc"]
    if kind == "extra_forbidden":
        return "there is no such key", _did_you_mean(str(loc[-1]), _keys_at(model, loc[:-1]))
    if kind == "missing":
        return "is missing", _way_to_add(model, loc)
    if detail["input"] is None:
        return "says nothing", _way_to_write(model, loc)
    message, fix = _wrong_value(detail)
    return message, fix or _way_to_write(model, loc)


def _wrong_value(detail: ErrorDetails) -> tuple[str, str]:
    """What is wrong with a value; no fix where an example tells it best."""
    given, context = _shown(detail["input"]), detail.get("ctx", {})
    match detail["type"]:
        case "literal_error":
            allowed = [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]
            return f"{given} means nothing here", _did_you_mean(str(detail["input"]), allowed)
        case "string_type":
            return f"{given} is no text", "put it in quotes" if isinstance(detail["input"], int | float) else ""
        case "string_pattern_mismatch":
            return f"{given} is no plain name", "use lower-case letters, digits, - and _"
        case "string_too_long":
            return f"is longer than {context['max_length']} characters", "shorten it"
        case "string_too_short" | "too_short":
            return "says too little", ""
        case "tuple_type":
            return f"{given} is no list", f"write [{detail['input']}]" if isinstance(detail["input"], str | int) else ""
        case "model_type" | "model_attributes_type" | "dict_type":
            return "keys were expected here", ""
        case "int_type" | "int_parsing" | "int_parsing_size" | "int_from_float" | "finite_number":
            return f"{given} is no whole number", ""
        case "float_type" | "float_parsing":
            return f"{given} is no number", ""
        case "greater_than":
            return f"{given} is too little", f"write more than {context['gt']:g}"
        case "less_than_equal":
            return f"{given} is too much", f"write {context['le']} or less"
        case "greater_than_equal":
            return f"{given} is too little", f"write {context['ge']} or more"
        case "bool_type" | "bool_parsing":
            return f"{given} is neither true nor false", "write true or false"
        case str(kind) if kind.startswith("date_"):
            return f"{given} is no day", ""
        case "value_error":
            problem, _, fix = str(context["error"]).partition("; ")
            return problem, fix
        case _:
            return f"{given}: {detail['msg'][:1].lower()}{detail['msg'][1:]}", ""


LONGEST_SHOWN = 40


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]} ..."


def _way_to_add(model: type[BaseModel], loc: Loc) -> str:
    if example := _example(model, loc):
        return f"add {key_path(loc)}: {example}"
    field = _field(model, loc)
    meaning = (field.description if field else None) or ""
    return f"add {key_path(loc)}: {meaning[:1].lower()}{meaning[1:].rstrip('.')}".rstrip(": ")


def _way_to_write(model: type[BaseModel], loc: Loc) -> str:
    """The value as an example shows it, or the keys that it may have."""
    if example := _example(model, loc):
        return f"write, for example, {example}"
    keys = _keys_at(model, loc)
    if len(keys) == 1 and (example := _example(model, (*loc, keys[0]))):
        return f"write it as {{{keys[0]}: {example}}}"
    entries = "a list of entries, each beginning with - and with the keys" if _is_list(model, loc) else "the keys"
    return f"give it {entries} {', '.join(keys)}" if keys else "write something, or take the key out"


def _did_you_mean(word: str, known: list[str]) -> str:
    near = get_close_matches(word, known, n=1)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"


def _keys_at(model: type[BaseModel], loc: Loc) -> list[str]:
    found = _model_at(model, loc)
    return list(_fields(found)) if found else []


def _example(model: type[BaseModel], loc: Loc) -> str:
    """The value, or the entry of a list, as the schema shows it; empty where it shows none."""
    names = tuple(part for part in loc if isinstance(part, str))
    field = _field(model, names)
    if field is None or not field.examples:
        return ""
    example = field.examples[0]
    return _as_yaml(example[0] if isinstance(example, list) and loc[-1] != names[-1] else example)


def _as_yaml(example: object) -> str:
    if isinstance(example, list):
        return f"[{', '.join(map(_as_yaml, example))}]"
    if isinstance(example, bool):
        return str(example).lower()
    return f'"{example}"' if str(example).startswith("#") else str(example)


def _is_list(model: type[BaseModel], loc: Loc) -> bool:
    field = _field(model, loc)
    return field is not None and "tuple" in str(field.annotation)


def _field(model: type[BaseModel], loc: Loc) -> FieldInfo | None:
    found = _model_at(model, loc[:-1]) if loc and isinstance(loc[-1], str) else None
    return _fields(found).get(str(loc[-1])) if found else None


def _model_at(model: type[BaseModel], loc: Loc) -> type[BaseModel] | None:
    """The part of the schema that `loc` leads to."""
    found: type[BaseModel] | None = model
    for part in loc:
        if found and isinstance(part, str):
            field = _fields(found).get(part)
            found = _model_in(field.annotation) if field else None
    return found


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys as they are written in YAML."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)
