"""docs/campaign-yaml.md has a row for every key of both files, in the words of the schema."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from aftercart.campaigns.brand import Brand
from aftercart.campaigns.json_schema import schema_text
from aftercart.campaigns.part import Part
from aftercart.campaigns.schema import Campaign

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "campaign-yaml.md"


def documented(model: type[Part]) -> list[str]:
    """The rows that the docs need for a file."""
    schema = model.model_json_schema()
    return list(dict.fromkeys(rows(schema, schema)))


def rows(schema: dict[str, Any], part: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """A table row for each key, at any depth; the keys of a product filter stand once, as PRODUCTS.key."""
    for name, key in part["properties"].items():
        path = f"{prefix}{name}"
        example = f"`{yaml(key['examples'][0])}`" if "examples" in key else ""
        found = reference(key)
        inner = schema.get("$defs", {}).get(found, {})
        yield f"| `{path}` | {key.get('description') or inner['description']} | {example} |"
        if found:
            below = "PRODUCTS." if found == "ProductFilter" else f"{path}[]." if "items" in key else f"{path}."
            yield from rows(schema, inner, below)


def reference(key: dict[str, Any]) -> str:
    """The part of the schema that the value of a key is, if it is one."""
    inner = [key, key.get("items", {}), *key.get("anyOf", ()), *key.get("allOf", ())]
    return next((one["$ref"].rpartition("/")[2] for one in inner if "$ref" in one), "")


def yaml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(yaml, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("model", [Campaign, Brand])
def test_every_key_is_in_the_docs(model: type[Part]) -> None:
    written = DOCS.read_text(encoding="utf-8").splitlines()
    missing = [row for row in documented(model) if row not in written]
    assert missing == [], "add these rows to docs/campaign-yaml.md:\n" + "\n".join(missing)


def test_the_docs_name_no_key_that_is_gone() -> None:
    known = {*documented(Campaign), *documented(Brand)}
    written = {line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `")}
    assert written - known == set()


@pytest.mark.parametrize(("file", "model"), [("campaign.schema.json", Campaign), ("brand.schema.json", Brand)])
def test_the_shipped_schema_is_current(file: str, model: type[Part]) -> None:
    text = (ROOT / "campaigns" / file).read_text(encoding="utf-8")
    assert text == schema_text(model), f"run: aftercart check --schema > campaigns/{file} (or --brand-schema)"


@pytest.mark.parametrize("name", ["accessories.yaml", "brand.yaml"])
def test_the_shipped_files_name_their_schema(name: str) -> None:
    first = (ROOT / "campaigns" / name).read_text(encoding="utf-8").splitlines()[0]
    schema = first.removeprefix("# yaml-language-server: $schema=")
    assert (ROOT / "campaigns" / schema).is_file()


def test_the_example_in_the_docs_is_a_campaign() -> None:
    example = DOCS.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    assert Campaign.model_validate(YAML(typ="safe", pure=True).load(example)).campaign == "accessories"
