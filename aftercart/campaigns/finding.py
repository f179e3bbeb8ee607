"""Something to say about a campaign or the brand, before anybody knows in which line it stands."""

from dataclasses import dataclass

from aftercart.campaigns.fault import Severity
from aftercart.campaigns.yaml_file import Loc


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to say about the key at `loc`."""

    loc: Loc
    message: str
    fix: str
    severity: Severity = Severity.ERROR
