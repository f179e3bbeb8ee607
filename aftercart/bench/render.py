"""Rendering: a whole mail (HTML, text, MIME bytes), beside what it cannot be faster than and what it replaces."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import jinja2
from markupsafe import escape

from aftercart.bench import timing
from aftercart.bench.timing import Result
from aftercart.delivery.base import Message
from aftercart.delivery.mime import to_bytes
from aftercart.ids import new_id
from aftercart.rendering.authoring.includes import BODY
from aftercart.rendering.authoring.source import read_part
from aftercart.rendering.authoring.written import plainly
from aftercart.rendering.checking.check import read_sample
from aftercart.rendering.compiling import engine
from aftercart.rendering.renderer import Renderer
from aftercart.rendering.running.escape import IN_HTML
from aftercart.rendering.running.leak_guard import People, refuse_what_is_others
from aftercart.rendering.running.runtime import Rendered, Template, day, money, number, unbroken
from aftercart.starter import shipped

MAILS = 200
MAILS_THROUGH_MJML = 3
PIECE = 500
BASE_URL = "https://mail.example.com"
_PERSONAL = ("less_url", "have_url")
LOCALE = "en_US"
_DATE = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
"""A batch is dated at one instant."""
_OUR_FILTERS = re.compile(rf"\|(?:{'|'.join(sorted(IN_HTML, key=len, reverse=True))})\b")


def render(rounds: int, folder: Path) -> Iterator[Result]:
    """The shipped `accessories` mail with its sample data, as a batch makes it, in CPU time."""
    templates = shipped() / "templates"
    template = Renderer(templates, folder / "templates").template("accessories", LOCALE)
    sample = read_sample(templates, "accessories")
    ours = partial(_often, MAILS, _guarded(template, sample))
    beside = partial(timing.beside, unit="mails", count=MAILS, rounds=rounds, clock=process_time)
    yield beside("render", ours=ours, floor_name="escape + join", floor=_floor(template, sample))
    peer = partial(_often, MAILS_THROUGH_MJML, _through_mjml(templates, template, sample))
    name = "Jinja, MJML, EmailMessage for each mail"
    yield beside("render/mjml", ours=ours, floor_name=name, floor=peer, floor_count=MAILS_THROUGH_MJML)
    filtered, bare = _html(template, sample), _html_without_filters(template, sample)
    name = "autoescape alone"
    yield beside("render/escape", ours=filtered, floor_name=name, floor=bare)
    unguarded = partial(_often, MAILS, lambda: _as_bytes(template.render(sample, _as_it_is)))
    yield beside("render/guard", ours=ours, floor_name="the same, not looked through", floor=unguarded)


def _often(times: int, work: Callable[[], object]) -> None:
    for _ in range(times):
        work()


def _guarded(template: Template, sample: dict[str, Any]) -> Callable[[], bytes]:
    """A mail looked through for what is others' before it may go. They write from the shop's own domain, which takes
    the guard longest."""
    people = People(f"customer{number}@example.com" for number in range(MAILS))
    links = frozenset(sample["links"].values()) | {pick[name] for pick in sample["picks"] for name in _PERSONAL}

    def mail() -> bytes:
        rendered = template.render(sample, _as_it_is)
        refuse_what_is_others(rendered, "customer1@example.com", BASE_URL, links, people)
        return _as_bytes(rendered)

    return mail


def _floor(template: Template, sample: dict[str, Any]) -> Callable[[], None]:
    """Escaping the same values, and joining as many pieces as the mail has."""
    html, values = template.render(sample, _as_it_is).html, _values(sample)
    pieces = [html[at : at + PIECE] for at in range(0, len(html), PIECE)]
    return partial(_often, MAILS, lambda: "".join([*pieces, *(str(escape(value)) for value in values)]))


def _through_mjml(templates: Path, template: Template, sample: dict[str, Any]) -> Callable[[], bytes]:
    """The usual way: Jinja first, MJML then, for each mail. Subject and text, which ours has to make, are given."""
    source = plainly(read_part(templates / "accessories" / BODY, templates, LOCALE).segments).source
    jinja = _jinja().from_string(source)
    rendered = template.render(sample, _as_it_is)

    def mail() -> bytes:
        message = EmailMessage(policy=SMTP)
        message["Subject"], message["From"], message["To"] = rendered.subject, "hello@example.com", "ada@example.com"
        message.set_content(rendered.text)
        message.add_alternative(engine.to_html(jinja.render(sample)), subtype="html")
        return bytes(message)

    return mail


def _html(template: Template, sample: dict[str, Any]) -> Callable[[], None]:
    """The HTML part by itself, with the filter for each place."""
    environment = _jinja()
    environment.filters |= {**IN_HTML, "_link": str, "_url": str, "_css_url": str, "_sheet_url": str}
    return _rendering(environment.from_string(template.html_source), sample)


def _html_without_filters(template: Template, sample: dict[str, Any]) -> Callable[[], None]:
    return _rendering(_jinja().from_string(_OUR_FILTERS.sub("", template.html_source)), sample)


def _rendering(template: jinja2.Template, sample: dict[str, Any]) -> Callable[[], None]:
    values = {**sample, "_subject": "Subject", "_preheader": "Preheader"}
    return partial(_often, MAILS, lambda: template.render(values))


def _jinja() -> jinja2.Environment:
    environment = jinja2.Environment(autoescape=True)
    environment.filters["money"] = partial(money, locale=LOCALE)
    environment.filters["number"] = partial(number, locale=LOCALE)
    environment.filters["date"] = lambda value: day(value, LOCALE, "long")
    environment.filters["unbroken"] = unbroken
    return environment


def _as_it_is(url: str) -> str:
    return url


def _values(context: Any) -> list[str]:
    if isinstance(context, dict):
        return [value for part in context.values() for value in _values(part)]
    if isinstance(context, list):
        return [value for part in context for value in _values(part)]
    return [str(context)]


def _as_bytes(rendered: Rendered) -> bytes:
    send_id = new_id()
    message = Message(
        send_id=send_id,
        message_id=f"<{send_id}@example.com>",
        sender="Example Bikes <hello@example.com>",
        recipient="ada@example.com",
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        date=_DATE,
    )
    return to_bytes(message)
