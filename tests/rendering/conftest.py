"""A templates folder of the test's own, and the shipped one."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from aftercart.rendering.renderer import Renderer
from aftercart.rendering.running.runtime import Rendered, Template
from tests.rendering.mjml import in_text

SHIPPED = Path(__file__).parents[2] / "templates"


@pytest.fixture(scope="session")
def shipped() -> Path:
    return SHIPPED


@pytest.fixture
def sample() -> dict[str, Any]:
    """The sample of the shipped template, to be changed at will."""
    found = json.loads((SHIPPED / "_layout" / "sample.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes the template `mail` with this body, and further files by their path below the templates folder."""
    root = tmp_path / "templates"

    def writer(body: str, *, subject: str = "Hello", files: Mapping[str, str] | None = None) -> Path:
        written = {"mail/subject.txt": subject, "mail/body.mjml": body, **(files or {})}
        for name, content in written.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content, encoding="utf-8")
        return root

    return writer


@pytest.fixture
def compiled(write: Callable[..., Path], tmp_path: Path) -> Callable[..., Template]:
    """The template `mail` with this body, compiled."""

    def compiler(body: str, *, locale: str = "en_US", **parts: Any) -> Template:
        return Renderer(write(body, **parts), tmp_path / "cache").template("mail", locale)

    return compiler


@pytest.fixture
def rendered(compiled: Callable[..., Template]) -> Callable[..., Rendered]:
    """What the content of one mj-text becomes with these values."""

    def render(content: str, values: Mapping[str, Any], *, link: Callable[[str], str] = str) -> Rendered:
        return compiled(in_text(content)).render(values, link)

    return render
