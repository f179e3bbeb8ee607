"""Something wrong, or worth knowing, in a template."""

from dataclasses import dataclass

from aftercart.errors import Place, TemplateError


@dataclass(frozen=True, slots=True)
class TemplateFault:
    """`fix`: what to do. A `warning`: the mail goes out, though not as its author may think."""

    place: Place
    message: str
    fix: str
    warning: bool = False


def as_fault(err: TemplateError) -> TemplateFault:
    """The error as a fault. Raises it where it names no place: then no file is to blame."""
    if err.place is None:
        raise err
    return TemplateFault(err.place, err.message, err.fix)
