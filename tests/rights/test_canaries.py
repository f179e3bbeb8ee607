"""A bird in every field of every webhook: before somebody is forgotten the export has all of them, afterwards nothing
anywhere sings, neither in a table nor in a file."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import outbox as outbox_table
from aftercart.db.tables import outlets, recipients
from aftercart.delivery.base import Outcome
from aftercart.errors import UnprocessableError
from aftercart.feedback.told import Kind, Told
from aftercart.intake.base import Shop as Door
from aftercart.pipeline import rights
from aftercart.pipeline.recipients.feedback import hear
from aftercart.pipeline.recipients.opened import Open, keep_opens
from aftercart.pipeline.recipients.record import Click, Visit, find_link, keep_clicks
from aftercart.testing import engine, run_until
from tests.cast import (
    DAY,
    HOUR,
    MONDAY,
    Shop,
    answer,
    campaign,
    clock_of,
    leave,
    links_in,
    order,
    outbox,
    rows,
    stock_up,
    tell,
    tell_shopify,
    tell_woocommerce,
)
from tests.intake.payloads import generic_order, shopify_order, shopify_refund, woo_order
from tests.outward.receiver import SECRET
from tests.rights.everywhere import everywhere, in_files

EMAIL = "zqz0z@example.com"
BIRD = re.compile(r"zqz\d+z")
DUE = MONDAY + 3 * DAY
MAY_STAY = {
    "order_lines.sku", "picks.sku", "picks.because", "picks.evidence",  # what was sold
    "orders.shop_order_id", "order_reversals.shop_order_id", "events.shop_order_id", "order_reversals.reversal_key",
    "order_reversals.sku", "events.delivery_key", "mailed_products.sku", "decisions.inputs",
}  # fmt: skip
"""A shop's own numbers without an address in them, by which a refund is found: they say nothing but to the shop."""
PERSONAL = {
    "last_name": "Last", "phone": "+1 555", "company": "Inc", "address1": "1 Street", "address2": "Flat",
    "city": "City", "zip": "12345", "note": "Ring twice", "vat": "DE1",
}  # fmt: skip
"""What shops tell beside what we read."""


class Aviary:
    """Puts a bird of its own into each field of a body, wherever its shop's reader makes the same of it as before."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        """Bird → the field it sits in."""

    def settled(self, door: Door, topic: str, content: dict[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(json.dumps(content))
        before = _read(door, topic, body)
        for path in list(_fields(body)):
            holder, name = _at(body, path[:-1]), path[-1]
            old, bird = holder[name], f"zqz{len(self.kept) + 1}z"
            for new in (f"{old} {bird}", f"{old}{bird}"):
                holder[name] = new
                if _read(door, topic, body) == before:
                    self.kept[bird] = "/".join(map(str, path))
                    break
                holder[name] = old
        return body


def _read(door: Door, topic: str, body: dict[str, Any]) -> str:
    """What its reader makes of a body, but for birds."""
    try:
        return BIRD.sub("", repr(door.parse(topic, json.dumps(body).encode()))).replace(" ", "")
    except UnprocessableError:
        return "?"


def _fields(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the texts of a body stand; addresses are a person's name already."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inside:
        yield from _fields(one, (*path, name))
    if isinstance(value, str) and "@" not in value:
        yield path


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        value = value[name]
    return value


@pytest.fixture
def app(database_url: str, tmp_path: Path) -> Iterator[App]:
    receipt = "campaign: receipt\nstatus: active\nclass: transactional\ntrigger: order.completed\n" \
        "steps: [{id: receipt, after: 1h, template: plain}]\n"  # fmt: skip
    shop = Shop(tmp_path).write(campaign(quiet="null"), receipt, brand="opens: true\ndouble_opt_in: true\n")
    heard = {"webhooks": "crm=https://crm.example/hook", "webhook_secrets": f"crm={SECRET}"}
    clock = SteppedClock(MONDAY)
    with engine(tmp_path / "data", clock=clock, database_url=database_url, **shop.files, **heard) as app:
        yield app


def tell_all(app: App) -> Aviary:
    """What three shops tell of one person."""
    aviary = Aviary()
    ours, shopify, woo = app.shops["generic"], app.shops["shopify"], app.shops["woocommerce"]
    at = MONDAY.isoformat()
    who = {
        **generic_order()["data"]["customer"], **PERSONAL, "email": EMAIL, "consent_at": at,
        "consent": {"basis": "double_opt_in", "wording": "Yes, write", "ip": "192.0.2.77", "source": "form"},
    }  # fmt: skip
    data = {**generic_order()["data"], "customer": who, "placed_at": at, "region": "IDF", "country": "FR", **PERSONAL}
    told: list[tuple[str, dict[str, Any]]] = [
        ("order.completed", data),
        ("customer.updated", who),
        ("consent.changed", {"customer": who, "accepts_marketing": True}),
        ("order.case_opened", {"order_id": "1001", "case_id": "case of zqz0z@example.com", "note": "broken"}),
        ("order.refunded", {"order_id": "1001", "refund_id": f"of {EMAIL}", "lines": [{"sku": "x", "quantity": 1}]}),
    ]
    for type_, one in told:
        planted = aviary.settled(ours, type_, {"type": type_, "data": one})["data"]
        same_order = {"order_id": _order_id(app)} if type_.startswith("order.") and type_ != "order.completed" else {}
        tell(app, type_, {**planted, **same_order})
    customer = {"id": 42, "email": EMAIL, "first_name": "Chika", **PERSONAL}
    place = {"country_code": "JP", "province_code": "JP-13", **PERSONAL}
    bought = shopify_order(
        email=EMAIL, customer=customer, shipping_address=place, billing_address=place, browser_ip="192.0.2.78",
        created_at=at, updated_at=at, note_attributes=[{"name": "_ga", "value": "GA1.1.1.2"}], **PERSONAL,
    )  # fmt: skip
    tell_shopify(app, "orders/paid", aviary.settled(shopify, "orders/paid", bought))
    tell_shopify(app, "refunds/create", aviary.settled(shopify, "refunds/create", shopify_refund(note="Zqz0z sent it")))
    home = {"first_name": "Dev", "email": EMAIL, "country": "IN", "state": "MH", **PERSONAL}
    agreed = [{"id": 1, "key": "accepts_marketing", "value": "yes"}]
    bought = woo_order(billing=home, shipping=home, meta_data=agreed, customer_note="By the door", **PERSONAL)
    tell_woocommerce(app, "order.created", aviary.settled(woo, "order.created", bought))
    return aviary


def _order_id(app: App) -> str:
    return next(text.strip('"') for place, text in everywhere(app) if place == "orders.shop_order_id")


def live(app: App) -> None:
    """Mails go out, come back, are opened and clicked in; others wait to be told; a provider and a receiver talk."""
    outbox(app).answers[EMAIL] = [answer(Outcome.DEFERRED, f"450 <{EMAIL}> zqz9001z is away")]
    run_until(app, DUE + HOUR)
    now = app.clock()
    mail = next(message for message in reversed(outbox(app).messages) if links_in(message))
    (sent,) = [row for row in rows(app, outbox_table) if row["send_id"] == mail.send_id][:1]
    visit = Visit("GET", "Mozilla/5.0 zqz9002z")
    link = find_link(app.db, app.tokens, links_in(mail)[0])
    assert link is not None
    with app.db.write() as connection:
        keep_clicks(connection, [Click(link, visit, now)], app.campaigns.attribution_windows, now)
        keep_opens(connection, [Open(mail.send_id, sent["recipient_id"], visit, now)], now)
        event = {"id": 1, "shop": "postmark", "received_at": now}
        words = Told(Kind.DELAYED, "k1", mail.send_id, EMAIL, "4.0.0", "zqz9003z is away", now)
        hear(connection, [(event, [words])], now)
        connection.execute(outlets.update().values(fault=f"500 {EMAIL} zqz9004z"))
    clock_of(app).step(timedelta(hours=2))
    order(app, "again", {"id": "77", "email": EMAIL})
    leave(app, sent["recipient_id"], mail.send_id)


def birds(texts: Iterator[tuple[str, str]]) -> dict[str, set[str]]:
    """Bird → where it sings."""
    found: dict[str, set[str]] = {}
    for place, text in texts:
        for bird in BIRD.findall(text.lower()):
            found.setdefault(bird, set()).add(place)
    return found


def test_the_export_has_every_bird_and_after_erasing_none_sings(app: App) -> None:
    stock_up(app)
    aviary = tell_all(app)
    live(app)
    before = birds(everywhere(app))
    planted = {"customer/first_name", "customer/address1", "customer/consent/wording", "billing/phone", "note"}
    assert planted <= {field.removeprefix("data/") for field in aviary.kept.values()}
    of_outlet, of_products = {"zqz9004z"}, {b for b, at in before.items() if at <= {"products.title", "products.sku"}}
    exported = rights.export(app, EMAIL)
    assert before.keys() - set(BIRD.findall(json.dumps(exported).lower())) <= of_outlet | of_products
    tables = {place.partition(".")[0] for places in before.values() for place in places}
    assert {"recipients", "events", "orders", "order_lines", "consents", "customers", "attempts", "clicks"} <= tables
    assert {"feedback", "copies", "outlets", "order_notes", "order_reversals"} <= tables

    rights.erase(app, EMAIL)
    left = birds(everywhere(app))
    assert "zqz0z" not in left
    numbers = {bird for bird, places in left.items() if places <= MAY_STAY}
    assert {bird: (aviary.kept.get(bird), places) for bird, places in left.items() if bird not in numbers} == {}
    assert all(_is_a_number(aviary.kept[bird]) for bird in numbers)
    assert birds(in_files(app)).keys() <= numbers
    assert not [row for row in rows(app, outbox_table) if row["due_at"]]
    with app.db.read() as connection:
        emails = connection.execute(select(recipients.c.email)).scalars().all()
    assert all(email.startswith("erased:") for email in emails)


def _is_a_number(field: str) -> bool:
    return field.rpartition("/")[2] in {"order_id", "sku", "id", "refund_id"}
