"""Rendering: a whole mail (HTML, text, MIME bytes), beside escaping the same values and joining the same pieces."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from markupsafe import escape

from aftercart.bench.timing import Result, beside
from aftercart.delivery.base import Message
from aftercart.delivery.mime import to_bytes
from aftercart.ids import new_id
from aftercart.rendering.check import read_sample
from aftercart.rendering.renderer import Renderer
from aftercart.starter import shipped

MAILS = 200
PIECE = 500


def render(rounds: int, folder: Path) -> Result:
    """The shipped `accessories` mail with its sample data."""
    templates = shipped() / "templates"
    template = Renderer(templates, folder / "templates").template("accessories", "en_US")
    sample = read_sample(templates, "accessories")
    values = _values(sample)
    html = template.render(sample, _as_it_is).html
    pieces = [html[at : at + PIECE] for at in range(0, len(html), PIECE)]

    def ours() -> None:
        for _ in range(MAILS):
            rendered = template.render(sample, _as_it_is)
            to_bytes(_message(rendered.subject, rendered.html, rendered.text))

    def bare() -> None:
        for _ in range(MAILS):
            "".join([*pieces, *(str(escape(value)) for value in values)])

    return beside("render", "mails", ours, "escape + join", bare, count=MAILS, rounds=rounds)


def _as_it_is(url: str) -> str:
    return url


def _values(context: Any) -> list[str]:
    if isinstance(context, dict):
        return [value for part in context.values() for value in _values(part)]
    if isinstance(context, list):
        return [value for part in context for value in _values(part)]
    return [str(context)]


def _message(subject: str, html: str, text: str) -> Message:
    send_id = new_id()
    return Message(
        send_id=send_id,
        message_id=f"<{send_id}@example.com>",
        sender="Example Bikes <hello@example.com>",
        recipient="ada@example.com",
        subject=subject,
        html=html,
        text=text,
        date=datetime.now(UTC),
    )
