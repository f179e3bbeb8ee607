"""What the mutation check of the YAML keys is made of: the keys, files in which one says nothing, and scenarios.

How to add a scenario stands in `test_every_key_acts.py`.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from aftercart.campaigns.brand import Brand
from aftercart.campaigns.part import Part
from aftercart.campaigns.schema import Campaign

Sees = Callable[[Any], Any]
"""Takes the shop, a `World`."""
Files = dict[str, dict[str, Any]]
S = TypeVar("S", bound=Sees)


# ---------------------------------------------------------------- the keys there are


@dataclass(frozen=True)
class Key:
    """A key that holds a value: `campaign.yaml` or `brand.yaml`, and the way there (`steps[].at`)."""

    file: str
    path: str
    required: bool = field(compare=False, default=False)
    stand_in: Any = field(compare=False, default=None)
    """What stands for a key that must be given, when it is to say nothing: the first example of the schema."""
    words: tuple[str, ...] = field(compare=False, default=())
    """Of a key that takes words of a list: those of them that say something (not the one that holds anyway)."""

    def __str__(self) -> str:
        return f"{self.file}: {self.path}"


MODELS: Mapping[str, type[Part]] = {"campaign.yaml": Campaign, "brand.yaml": Brand}


def every_key() -> list[Key]:
    """Found in the schema itself, so that a new key is in the list without anybody's doing.

    One that allows a single value is not: nothing can be said with it.
    """
    return [key for file, model in MODELS.items() for key in _keys(file, model, "")]


def _keys(file: str, model: type[BaseModel], prefix: str) -> Iterator[Key]:
    for name, info in model.model_fields.items():
        path = f"{prefix}{info.alias or name}"
        if inner := _part_in(info.annotation):
            yield from _keys(file, inner, f"{path}[]." if "tuple" in str(info.annotation) else f"{path}.")
        elif not _has_one_value(info.annotation):
            stand_in = _example(info) if info.is_required() else None
            words = tuple(word for word in _words(info.annotation) if word not in (stand_in, info.default))
            yield Key(file, path, info.is_required(), stand_in, words)


def _part_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _part_in(inner))), None)


def _words(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(word for inner in get_args(annotation) for word in _words(inner))


def _has_one_value(annotation: Any) -> bool:
    return get_origin(annotation) is Literal and len(get_args(annotation)) == 1


def _example(info: FieldInfo) -> Any:
    assert info.examples, "a key that must be given shows an example"
    return info.examples[0]


# ---------------------------------------------------------------- files


CAMPAIGN = {
    "campaign": "mine",
    "status": "active",
    "trigger": "order.completed",
    "steps": [{"id": "only", "after": "3d", "template": "plain"}],
}
BRAND = {
    "name": "Bikes of Tests",
    "sender": "Bikes <bikes@shop.test>",
    "postal_address": "Bikes, 5 Side Street, 10115 Berlin",
    "time_zone": "Europe/Berlin",
    "url": "https://bikes.test",
}


def files_with(says: Mapping[Key, Any]) -> Files:
    """The usual files, but for what is said."""
    files: Files = {"campaign.yaml": deepcopy(CAMPAIGN), "brand.yaml": deepcopy(BRAND)}
    for key, value in says.items():
        *way, last = _parts(key)
        part: Any = files[key.file]
        for name, is_list in way:
            part = part.setdefault(name, [{}] if is_list else {})
            part = part[0] if is_list else part
        part[last[0]] = deepcopy(value)
    return files


def without(files: Files, key: Key) -> Files:
    """The same files as if the key were read and forgotten: its default holds, or, where it has none, the stand-in.

    Of what cannot stand empty (`bought: {}`) nothing is left either, and no more than that: else it could be a parent
    that is missed, and not the key.
    """
    files = deepcopy(files)
    way = _parts(key)
    part = _part_at(files[key.file], way[:-1])
    del part[way[-1][0]]
    if key.required:
        part[way[-1][0]] = key.stand_in
    while way and not _is_valid(key.file, files[key.file]):
        way = way[:-1]
        del _part_at(files[key.file], way[:-1])[way[-1][0]]
    return files


def _part_at(part: Any, way: list[tuple[str, bool]]) -> Any:
    for name, is_list in way:
        part = part[name][0] if is_list else part[name]
    return part


def _is_valid(file: str, content: Mapping[str, Any]) -> bool:
    try:
        MODELS[file].model_validate(content)
    except ValidationError:
        return False
    return True


def _parts(key: Key) -> list[tuple[str, bool]]:
    return [(name.removesuffix("[]"), name.endswith("[]")) for name in key.path.split(".")]


# ---------------------------------------------------------------- scenarios


@dataclass(frozen=True)
class Scenario:
    """With `says` in the files, `observe` sees `sees`; and something else when the key says nothing."""

    key: Key
    observe: Sees
    says: Mapping[Key, Any]
    sees: Any
    other: Mapping[str, Any] = field(default_factory=dict)
    """What a second campaign says, if there is one."""

    @property
    def files(self) -> Files:
        """As a shop owner would write them."""
        second = {"other.yaml": {**deepcopy(CAMPAIGN), "campaign": "other", **self.other}} if self.other else {}
        return {**files_with(self.says), **second}

    @property
    def words(self) -> set[Any]:
        """What its key says, word by word."""
        said = self.says[self.key]
        return set(said) if isinstance(said, list) else {said}

    def __str__(self) -> str:
        return f"{self.key.path} {self.observe.__name__}"


SCENARIOS: list[Scenario] = []


def campaign_key(path: str, says: Any, *, sees: Any, **beside: Any) -> Callable[[S], S]:
    """A scenario in which `path` of the campaign file acts. `beside`: what else is said, see `_scenario`."""
    return _scenario(Key("campaign.yaml", path), says, sees, **beside)


def brand_key(path: str, says: Any, *, sees: Any, **beside: Any) -> Callable[[S], S]:
    """A scenario in which `path` of the brand file acts. `beside`: what else is said, see `_scenario`."""
    return _scenario(Key("brand.yaml", path), says, sees, **beside)


def _scenario(
    key: Key,
    says: Any,
    sees: Any,
    campaign: Mapping[str, Any] | None = None,
    brand: Mapping[str, Any] | None = None,
    other: Mapping[str, Any] | None = None,
) -> Callable[[S], S]:
    """`campaign`, `brand`: further keys of the two files, by their path. `other`: top keys of a second campaign."""
    also = {Key("campaign.yaml", path): value for path, value in (campaign or {}).items()}
    also |= {Key("brand.yaml", path): value for path, value in (brand or {}).items()}

    def add(observe: S) -> S:
        SCENARIOS.append(Scenario(key, observe, {**also, key: says}, sees, other or {}))
        return observe

    return add
