import inspect
from pathlib import Path

from aftercart import errors
from aftercart.errors import AftercartError, ConfigError, MissingExtraError, Place, TemplateError, UnprocessableError


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    classes = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, Exception)]
    drawn = (errors.__doc__ or "").splitlines()
    for cls in classes:
        line = next((line for line in drawn if f" {cls.__name__} " in f"{line} "), None)
        assert line is not None, f"{cls.__name__} is not in the docstring"
        depth = len(cls.__mro__) - len(AftercartError.__mro__)
        assert line.index(cls.__name__) == 4 + 4 * depth, line


def test_a_fault_in_a_file_names_the_place_as_editors_read_it() -> None:
    assert str(ConfigError("no such key", Place(Path("a.yaml"), 3, 7))) == "a.yaml:3:7: no such key"
    assert str(TemplateError("broken", Place(Path("body.mjml"), 3))) == "body.mjml:3: broken"
    assert str(ConfigError("broken")) == "broken"
    assert str(ConfigError("broken", Place(Path("a.yaml"), 3), "mend it")) == "a.yaml:3: broken — mend it"


def test_a_missing_extra_says_what_to_install() -> None:
    assert str(MissingExtraError("fleet", "PostgreSQL")).endswith("pip install 'aftercart[fleet]'")


def test_a_body_that_cannot_be_understood_names_the_field() -> None:
    err = UnprocessableError("line_items[2].quantity", "is no number")
    assert str(err) == "line_items[2].quantity: is no number"
    assert (err.field, err.problem) == ("line_items[2].quantity", "is no number")
