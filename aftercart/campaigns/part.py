"""What all parts of the YAML files have in common."""

import hashlib
import json

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Base of the parts of a file: nothing may be changed once read, and no unknown key passes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def digits(self, *, without: str) -> str:
        """12 hexadecimal digits that change with what it says, but not with the key `without`.

        Comments, the order of keys, spelled-out defaults and another way to write the same (`60m`, `1h`) change
        nothing.
        """
        plain = self.model_dump(mode="json", exclude_defaults=True, exclude={without})
        canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]
