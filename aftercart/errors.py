"""Everything that can go wrong, as one tree.

    AftercartError
    ├── ConfigError               a setting, the brand file or a campaign is wrong; names file, line and key
    │   ├── TemplateError         a template cannot be compiled or rendered; names file and line
    │   ├── NewerSchemaError      the database was brought to the schema of a later version than this
    │   └── NarrowDatabaseError   the database cannot hold every name; says how to make one that can
    ├── UnreachableError          a server that the engine cannot do without does not answer; names it
    ├── MissingExtraError         an optional package is not installed; names the extra
    ├── IntakeError               a webhook was not accepted
    │   ├── SignatureError        nobody we know signed it, or the signature is stale     (401)
    │   └── UnprocessableError    signed, but the body cannot be understood; names the field
    ├── BadTokenError             a link in a mail that we did not sign                   (404)
    ├── DeliveryError             a provider cannot be reached; `permanent` says whether a retry can help
    ├── ModelError                no usable recommendation model (none trained, file damaged)
    └── IllegalTransitionError    a send or an enrollment cannot change from its state to that one; a fault in the code

Not sending is an answer, not an error: see `aftercart/policy/decision.py`.
"""

from dataclasses import dataclass
from pathlib import Path


class AftercartError(Exception):
    """Base of all errors that Aftercart raises on purpose. The message tells the reader what to do."""


@dataclass(frozen=True)
class Place:
    """Where in a file a fault stands. Lines and columns count from 1."""

    file: Path
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = [str(self.file), *(str(n) for n in (self.line, self.column) if n is not None)]
        return ":".join(parts)


class ConfigError(AftercartError):
    """A setting or a file that a person wrote is wrong. `fix`: what to do, where the message does not say it."""

    def __init__(self, message: str, place: Place | None = None, fix: str = "") -> None:
        super().__init__((f"{place}: {message}" if place else message) + (f" — {fix}" if fix else ""))
        self.message = message
        self.place = place
        self.fix = fix


class TemplateError(ConfigError):
    """A mail template cannot be compiled or rendered."""


class NewerSchemaError(ConfigError):
    """The database is at a schema that this version does not know. It must not touch what a newer one made."""


class NarrowDatabaseError(ConfigError):
    """The database keeps its text in an encoding in which not every name can be written."""


class UnreachableError(AftercartError):
    """The database or another server that nothing works without does not answer."""


class MissingExtraError(AftercartError):
    """An optional package is needed and not installed."""

    def __init__(self, extra: str, what: str) -> None:
        super().__init__(f"{what} needs an optional package: pip install 'aftercart[{extra}]'")
        self.extra = extra


class IntakeError(AftercartError):
    """A webhook was not accepted as it stands."""


class SignatureError(IntakeError):
    """The signature is missing, wrong or stale."""


class UnprocessableError(IntakeError):
    """The sender is known, but the body cannot be understood.

    `field` is the path of the offending value as the shop writes it, for example `line_items[2].quantity`.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class BadTokenError(AftercartError):
    """A token that we did not sign, or not for this purpose."""


class DeliveryError(AftercartError):
    """A provider cannot be reached, or lets us in no further. `permanent`: trying again cannot help."""

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.permanent = permanent


class ModelError(AftercartError):
    """There is no model to serve from."""


class IllegalTransitionError(AftercartError):
    """A change of state that the state machine does not know."""
