"""Samples with less in them: what this template never gets, a value that a person or some products may not have, fewer
picks.

A template that prints the first name of Ada, of the sample, holds up the mail of everybody whose name nobody knows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

from aftercart.rendering.running.context import CONFIRMATION, TemplateContext


@dataclass(frozen=True, slots=True)
class Lack:
    """A value of the context that may be none. `path`: [] stands for a list."""

    path: tuple[str, ...]

    def __str__(self) -> str:
        """As the docs write it: `picks[].category`."""
        return ".".join(self.path).replace(".[]", "[]")


NO_COUPON = Lack(("coupon",))


def lacks(part: type = TemplateContext, before: tuple[str, ...] = ()) -> Iterator[Lack]:
    """Everything that may lack."""
    for name, hint in get_type_hints(part).items():
        path = (*before, name)
        if NoneType in get_args(hint):
            yield Lack(path)
        for kind in (hint, *get_args(hint)):
            if is_typeddict(kind):
                yield from lacks(kind, (*path, "[]") if get_origin(hint) is list else path)


def without(sample: Mapping[str, Any], lack: Lack) -> Iterator[dict[str, Any]]:
    """The sample in which nobody and nothing has this value; and the one in which only the first of a list has it.

    The second finds the template that asks the first product and believes it of all of them.
    """
    yield _lacking(sample, lack.path, count(), spared=0)
    if "[]" in lack.path:
        yield _lacking(sample, lack.path, count(), spared=1)


def _lacking(value: Any, path: Sequence[str], reached: Iterator[int], spared: int) -> Any:
    """A copy down to the groups at the end of the way, `spared` of which keep the value. The rest is the sample's own:
    a thousand whole copies took a tenth of the time of `check`."""
    name, *below = path
    if name == "[]":
        return [_lacking(item, below, reached, spared) for item in value] if isinstance(value, list) else value
    if not isinstance(value, Mapping):
        return value
    if not below:
        return value if next(reached) < spared else {**value, name: None}
    return {**value, name: _lacking(value[name], below, reached, spared)} if name in value else value


def as_given_to(template: str, sample: Mapping[str, Any]) -> dict[str, Any]:
    """What a template gets of a sample. Only a confirmation has `links.confirm`, and it has little else."""
    is_confirmation = template == CONFIRMATION
    groups = {name: group for name, group in sample.items() if not (is_confirmation and name in ("order", "coupon"))}
    if is_confirmation:
        groups["picks"] = []
    if isinstance(links := sample.get("links"), Mapping):
        groups["links"] = {name: url for name, url in links.items() if _is_link_of(is_confirmation, name)}
    return groups


def _is_link_of(is_confirmation: bool, name: str) -> bool:
    return name in ("confirm", "unsubscribe") if is_confirmation else name != "confirm"


def with_picks(sample: Mapping[str, Any], count: int) -> dict[str, Any]:
    """The sample with so many picks, or as many as it has."""
    return {**sample, "picks": list(sample.get("picks", ()))[:count]}
