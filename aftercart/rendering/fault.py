"""Something wrong, or worth knowing, in a template."""

from dataclasses import dataclass
from pathlib import Path

from aftercart.errors import Place, TemplateError


@dataclass(frozen=True, slots=True)
class TemplateFault:
    """`fix`: what to do. A `warning`: the mail goes out, though not as its author may think."""

    place: Place
    message: str
    fix: str
    warning: bool = False


def as_fault(err: TemplateError, file: Path) -> TemplateFault:
    """The error as a fault; `file` is to blame where it names no place."""
    return TemplateFault(err.place or Place(file), err.message, err.fix)
