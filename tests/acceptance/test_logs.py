"""A whole run with every fault that people cause, and not one person in the logs of it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from aftercart.intake.signing import sign_generic, sign_shopify
from tests.deployment import Deployment, Process, deployed
from tests.intake.payloads import body, shopify_order
from tests.smtp_server import Does, ScriptedServer

SHOPIFY_SECRET = "shopify-client-secret-0123456789"
PEOPLE: dict[str, str | Does] = {
    "taken": "250 2.1.5 fine",
    "bounces": "550 5.1.1 <{who}>: Recipient address rejected: User Zebulon unknown in relay table",
    "blocked": "554 5.7.1 message from shop to <{who}> for Zebulon is spam",
    "later": "451 4.2.1 mailbox of {who} is busy",
    "vanishes": Does.HANG_UP,
}
"""What the mail server says to each, and it names them, as real ones do."""
NAME = "Zebulon"


def _rcpt(said: str) -> str | Does:
    who = said.partition("<")[2].partition(">")[0]
    answer = PEOPLE[who.partition("@")[0]]
    return answer if isinstance(answer, Does) else answer.format(who=who)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(rcpt=_rcpt) as running:
        yield running


def _order(shop: Deployment, name: str, **changes: object) -> dict[str, Any]:
    buyer = {"id": name, "email": f"{name}@buyers.test", "first_name": NAME, "accepts_marketing": True}
    return shop.order(name, customer=buyer, **changes)


def test_no_log_line_holds_an_address_a_name_or_a_token(tmp_path: Path, server: ScriptedServer) -> None:
    shop = deployed(tmp_path / "shop", f"smtp://127.0.0.1:{server.port}", shopify_secret=SHOPIFY_SECRET)
    with shop.up() as process:
        shop.stock_the_shop()
        _what_shops_do_wrong(shop)
        for name in PEOPLE:
            assert shop.post(_order(shop, name), f"order-{name}") == 200
        _until_settled(shop, process)
        tokens = _what_readers_do(shop, server)
        (shop.folder / "templates" / "accessories" / "body.mjml").write_text("<mjml>{{ recipient.nonsense }}</mjml>")
        assert shop.post(_order(shop, "late"), "order-late") == 200
        sleep(3)
        assert process.stop() == 0
    events = process.events()  # each line is one
    assert {"webhook_refused", "event_unprocessable", "handed_over", "unsubscribed"} <= {e["event"] for e in events}
    assert tokens
    never = [NAME, "buyers.test", "example.com", shop.secret, SHOPIFY_SECRET, *PEOPLE, *tokens]
    told = {word: [line for line in process.log.splitlines() if word.lower() in line.lower()] for word in never}
    assert {word: lines for word, lines in told.items() if lines and word not in _ORDINARY} == {}
    assert not re.findall(r"[\w.+-]+@[\w.-]+", process.log)


_ORDINARY = {"taken", "later", "blocked", "bounces"}
"""These are mailbox names, and words; with an @ behind them they would be found below."""


def _what_shops_do_wrong(shop: Deployment) -> None:
    """Bodies that nobody understands, full of people, and signatures that are not right."""
    wrong: tuple[dict[str, Any], ...] = (
        {"type": "order.completed", "data": {"customer": {"email": f"taken@buyers.test {NAME}"}}},
        _order(shop, "taken", lines=[{"sku": NAME, "quantity": f"{NAME} <taken@buyers.test>", "unit_price": "x"}]),
        _order(shop, "taken", currency=f"taken@buyers.test {NAME}"),
        _order(shop, "taken", placed_at=f"{NAME} taken@buyers.test"),
    )
    for number, payload in enumerate(wrong):
        assert shop.post(payload, f"wrong-{number}") == 422
    content = body(shopify_order(email=f"taken@buyers.test {NAME}", created_at=f"{NAME} taken@buyers.test"))
    signed = sign_shopify(SHOPIFY_SECRET, "zebulon.myshopify.com", "w1", "orders/create", content)
    assert httpx.post(f"{shop.url}/webhooks/shopify", content=content, headers=signed, timeout=30).status_code == 200
    forged = sign_generic("whsec_" + "A" * 44, "taken@buyers.test", content, datetime.now(UTC))
    assert httpx.post(f"{shop.url}/webhooks/generic", content=content, headers=forged, timeout=30).status_code == 401
    truncated = b'{"type": "order.completed", "data": {"customer": {"email": "taken@buyers.test'
    headers = sign_generic(shop.secret, "cut", truncated, datetime.now(UTC))
    assert httpx.post(f"{shop.url}/webhooks/generic", content=truncated, headers=headers, timeout=30).status_code == 422


def _what_readers_do(shop: Deployment, server: ScriptedServer) -> set[str]:
    """They click, leave, and type addresses wrong; the tokens that they had."""
    # The empty ones end what the server has refused after it had been pipelined.
    mail = message_from_bytes(max(server.bodies, key=len), policy=policy.default)
    html = mail.get_body(("html",))
    assert html
    paths = set(re.findall(r"/([cu])/([\w.=-]{20,})", html.get_content()))
    for kind, token in paths:
        url = f"{shop.url}/{kind}/{token}"
        httpx.get(url, headers={"User-Agent": f"{NAME}'s browser taken@buyers.test"}, timeout=30)
        httpx.get(f"{url}x?email=taken@buyers.test", timeout=30)
        if kind == "u":
            assert httpx.post(url, data={"List-Unsubscribe": "One-Click"}, timeout=30).status_code == 200
    return {token for _, token in paths}


def _until_settled(shop: Deployment, process: Process) -> None:
    deadline = monotonic() + 60
    tried: set[str] = set()
    while len(tried) < len(PEOPLE):
        assert monotonic() < deadline, process.log
        sleep(0.1)
        tried = {send["email"] for send in shop.sends() if send["reason"] and "buyers.test" in send["email"]}
