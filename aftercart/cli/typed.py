"""What was typed, looked at before a command begins: what is wrong with it, in words of ours, and what to type."""

from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class Commands(TyperGroup):
    """All commands. Typer tells of a wrong value in the words of pydantic, which speak of inputs and parsing."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as err:
            if (find := getattr(err.__cause__, "errors", None)) is not None:
                err.message = _in_words(find()[0])
            raise


def _in_words(fault: "ErrorDetails") -> str:
    given, limits = repr(fault["input"]), fault.get("ctx", {})
    match fault["type"]:
        case "int_parsing" | "int_type" | "int_from_float" | "int_parsing_size":
            return f"{given} is no whole number"
        case "float_parsing" | "float_type":
            return f"{given} is no number"
        case "greater_than_equal":
            return f"{fault['input']} is too little: type {limits['ge']} or more"
        case "less_than_equal":
            return f"{fault['input']} is too much: type {limits['le']} or less"
    said = str(limits.get("error", fault["msg"]))
    if "does not match the formats '%Y-%m-%d'" in said:
        return f"{given} is no day: type it as 2026-01-31"
    return said.removesuffix(".")


def seconds(given: float | None) -> float | None:
    """The same. Raises BadParameter where it never ends."""
    if given is not None and not isfinite(given):
        raise typer.BadParameter(f"{given} is no number of seconds: leave the option out, and there is no end")
    return given


def to_be_written(file: Path | None) -> Path | None:
    """The same. Raises BadParameter where it could not be written: better before much work than after it."""
    if file is None:
        return None
    was_there = file.exists()
    try:
        with file.open("ab"):
            pass
    except OSError as err:
        raise typer.BadParameter(f"{file} cannot be written: {err.strerror}") from err
    if not was_there:
        with suppress(OSError):
            file.unlink()
    return file
