"""The schema of the YAML files, for editors (yaml-language-server) and other people's tools."""

import json

from aftercart.campaigns.part import Part


def schema_text(model: type[Part]) -> str:
    """The JSON Schema of `Campaign` or `Brand`, as it ships beside the YAML files."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
