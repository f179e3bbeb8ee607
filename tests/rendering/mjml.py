"""The least MJML around what a test is about."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from aftercart.rendering.renderer import Renderer
from aftercart.rendering.running.runtime import Rendered
from tests.rendering.lifting import tokens


@dataclass
class Bodies:
    """Whole bodies, each a template of its own below `folder`."""

    folder: Path
    _plain: dict[str, list[str]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)

    def tokens(self, body: str, values: Mapping[str, Any]) -> list[str]:
        """The tokens of the mail. Raises TemplateError where the body cannot be compiled."""
        if body not in self._plain or values:
            self._plain[body] = tokens(self.rendered(body, values).html)
        return self._plain[body]

    def rendered(self, body: str, values: Mapping[str, Any]) -> Rendered:
        template = self.folder / "templates" / f"mail{next(self._numbers)}"
        template.mkdir(parents=True)
        (template / "subject.txt").write_text("Hello", encoding="utf-8")
        (template / "body.mjml").write_text(body, encoding="utf-8")
        renderer = Renderer(template.parent, self.folder / "cache")
        return renderer.template(template.name, "en").render(values, str)


def in_text(content: str) -> str:
    return in_column(f"<mj-text>{content}</mj-text>")


def in_column(content: str) -> str:
    return f"<mjml><mj-body><mj-section><mj-column>{content}</mj-column></mj-section></mj-body></mjml>"
