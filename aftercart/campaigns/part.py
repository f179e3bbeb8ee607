"""What all parts of the YAML files have in common."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Base of the parts of a file: nothing may be changed once read, and no unknown key passes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
