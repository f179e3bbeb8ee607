"""What a form of ours posted: fields by name, each with its values. Anything odd is no field."""

from urllib.parse import parse_qs

MOST_FIELDS = 500
"""More than any of our forms has."""

Fields = dict[str, list[str]]


def read_form(body: bytes) -> Fields:
    """The fields of an urlencoded body; none where it is something else."""
    try:
        return parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:  # no ASCII, or too many fields
        return {}


def only_value(fields: Fields, name: str) -> str:
    """The value of a field that has one; empty where it has none or several."""
    values = fields.get(name, [])
    return values[0] if len(values) == 1 else ""
