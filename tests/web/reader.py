"""Ada, who got a mail with picks and opens its links in a browser that runs no scripts and keeps no cookies."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.consent.standing import ConsentRules
from aftercart.consent.statement import ConsentState, ConsentStatement
from aftercart.consent.store import record
from aftercart.db.tables import confirmations, consents, preferences, recipients, refusals, suppressions
from aftercart.delivery.base import Message
from aftercart.testing import engine, run_until
from aftercart.web.app import create_web
from aftercart.web.server import serving
from tests.cast import ADA, BIKE, MONDAY, Shop, campaign, order, outbox, rows, stock_up

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
TOPICS = """\
locale: en_US
link_hosts: [example.com]
topics:
  - {id: recommendations, name: {en: What goes with it, fr: Ce qui va avec}}
  - {id: tips, name: Tips, description: How to look after your bike}
"""
RECEIPT = """\
campaign: receipt
status: active
class: transactional
trigger: order.completed
steps: [{id: receipt, after: 3d, at: "10:00", template: plain}]
"""
BODY = """\
<mjml><mj-body><mj-section><mj-column>
{% for pick in picks %}
<mj-text><a href="{{ pick.url }}">{{ pick.title }}</a> {{ pick.price|money }}
 <a href="{{ pick.less_url }}">Less</a> <a href="{{ pick.have_url }}">Have</a></mj-text>
{% endfor %}
<mj-text><a href="{{ links.unsubscribe }}">Leave</a> <a href="{{ links.preferences }}">Choose</a>
 <a href="{{ links.view }}">View</a> <a href="{{ links.why }}">Why</a> {{ brand.postal_address }}</mj-text>
</mj-column></mj-section></mj-body></mjml>
"""
SAID = (consents, preferences, refusals, suppressions)
"""Where what a reader says is kept."""


def as_seen(html: str) -> str:
    """A mail without the link that no reader sees: it is there for scanners, which have no use for a page."""
    seen, trap = re.subn(r'<a href="[^"]+" style="display:none" tabindex="-1" aria-hidden="true"></a>', "", html)
    assert trap == 1
    return seen


@dataclass
class Reader:
    """A reader of one mail."""

    app: App
    client: httpx.Client
    message: Message
    more: dict[str, str] = field(default_factory=dict)
    """Paths of links that stand in other mails, by their kind."""

    def path(self, kind: str, number: int = 0) -> str:
        """The path of the mail's link of that kind (`p`, `l` ...)."""
        return self.more[kind] if kind in self.more else links_of(self.message)[kind][number]

    def get(self, kind: str, **headers: str) -> httpx.Response:
        return self.client.get(self.path(kind), headers=headers)

    def press(self, page: httpx.Response, button: str, **changes: Any) -> httpx.Response:
        """Press a button of a page, with its form filled in as it stands, apart from the changes; None: leave out."""
        form = next(form for form in Forms(page.text).forms if button in form.buttons)
        fields = [*form.fields, *([form.buttons[button]] if form.buttons[button][0] else [])]
        kept = [(name, value) for name, value in fields if name not in changes]
        for name, value in changes.items():
            kept += [(name, one) for one in ([value] if isinstance(value, str) else value or [])]
        body: dict[str, list[str]] = {}
        for name, value in kept:
            body.setdefault(name, []).append(value)
        return self.client.post(str(page.request.url), data=body)

    def said(self) -> dict[str, list[dict[str, Any]]]:
        """Everything that is kept of what readers said."""
        return {table.name: rows(self.app, table) for table in SAID}


def links_of(message: Message) -> dict[str, list[str]]:
    """The paths of a mail's links to our own pages, by their first part."""
    found: dict[str, list[str]] = {}
    for url in re.findall(r'href="(https://mail\.example\.com/[^"]+)"', message.html):
        path = urlsplit(unescape(url)).path
        found.setdefault(path.split("/")[1], []).append(path)
    return found


@dataclass
class Form:
    """One form of a page: what it would post, and its buttons by their words."""

    fields: list[tuple[str, str]]
    buttons: dict[str, tuple[str, str]]


class Forms(HTMLParser):
    """The forms of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._select, self._button = "", ("", "")
        self._options: list[tuple[bool, str]] = []
        self._in_button = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        match tag:
            case "form":
                assert has == {"method": "post"}, "to the same address, and nowhere else"
                self.forms.append(Form([], {}))
            case "input" if has["type"] == "hidden" or "checked" in has:
                self.forms[-1].fields.append((has["name"], has["value"]))
            case "select":
                self._select, self._options = has["name"], []
            case "option":
                self._options.append(("selected" in has, has["value"]))
            case "button":
                self._button, self._in_button = (has.get("name", ""), has.get("value", "")), True

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":  # where none is selected, a browser shows the first, and posts it
            chosen = next((value for is_selected, value in self._options if is_selected), self._options[0][1])
            self.forms[-1].fields.append((self._select, chosen))

    def handle_data(self, data: str) -> None:
        if self._in_button:
            self.forms[-1].buttons[data.strip()] = self._button
            self._in_button = False


def asked_to_confirm(app: App, email: str = "zoe@example.com") -> str:
    """Somebody says yes and has to confirm it; the path of the link that their mail has."""
    with app.db.write() as connection:
        who = {"email": email, "first_name": "", "locale": "", "time_zone": "", "country": ""}
        made = connection.execute(recipients.insert().values(**who, created_at=app.clock()).returning(recipients.c.id))
        id_ = made.scalar_one()
        yes = ConsentStatement(ConsentState.GRANTED, "generic:footer", app.clock())
        record(connection, [(id_, yes)], app.clock(), ConsentRules(double_opt_in=True))
    question = next(row for row in rows(app, confirmations) if row["recipient_id"] == id_)
    return f"/y/{app.tokens.confirm(id_, question['id'])}"


@contextmanager
def reading(
    folder: Path,
    who: dict[str, Any] = ADA,
    brand: str = TOPICS,
    database_url: str = "",
    is_owed: bool = False,
    **ships_to: Any,
) -> Iterator[Reader]:
    """A shop that sells to somebody and writes to them, and they open the mail. `ships_to`: of their order."""
    step = "recommend: {slots: 3, at_least: 1, fallback: [best_sellers]}, template: plain"
    text = campaign().replace("template: plain", step)
    if is_owed:
        text = RECEIPT
    shop = Shop(folder / "shop").write(text, brand=brand)
    shop.template("plain", BODY)
    with engine(folder, SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        stock_up(app)
        for sku in ("LAMP", "LOCK", "PUMP", "BELL", "RACK"):
            order(app, f"past-{sku}", {"email": "past@example.com"}, [{**BIKE, "sku": sku, "title": sku.title()}])
        order(app, "1001", who, **ships_to)
        run_until(app, DUE)
        (message,) = outbox(app).mails_to(who["email"])
        with serving(create_web(app)) as url, httpx.Client(base_url=url, timeout=30) as client:
            yield Reader(app, client, message)
