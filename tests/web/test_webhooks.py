"""The doors for shops, over a real socket."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from aftercart.clock import SteppedClock
from aftercart.db.session import BUSY_TIMEOUT_S
from aftercart.intake.signing import sign_generic, sign_shopify, sign_woocommerce
from aftercart.testing import GENERIC_SECRET, SHOP_SECRET, ListQueue, engine
from aftercart.web.app import create_web
from aftercart.web.inbox_writer import ANSWER_WITHIN_S
from aftercart.web.server import serving
from tests.intake.payloads import body, generic_order, shopify_order, woo_order
from tests.web.conftest import NOW, Site, lock_held

SHOPIFY_WAITS_S = 5
SHOP = "https://shop.example.com/"


def generic_headers(content: bytes, webhook_id: str = "msg_1") -> dict[str, str]:
    return sign_generic(GENERIC_SECRET, webhook_id, content, NOW)


def woo_headers(content: bytes) -> dict[str, str]:
    """As WooCommerce does: the delivery id is a hash of webhook and second."""
    signed = sign_woocommerce(SHOP_SECRET, SHOP, "5", "order.created", content)
    return {**signed, "x-wc-webhook-delivery-id": "d41d8cd98f00b204e9800998ecf8427e"}


def test_a_signed_order_is_on_disk_when_the_answer_arrives(site: Site) -> None:
    content = body(generic_order())
    for number in range(10):
        assert site.post("generic", generic_headers(content, f"msg_{number}"), content).status_code == 200
        assert site.waiting()[-1]["delivery_key"].startswith(f"msg_{number}\n")
    row = site.waiting()[0]
    assert (row["shop"], row["topic"], row["body"], row["received_at"]) == ("generic", "order.completed", content, NOW)
    assert not any("signature" in name for name in row["headers"])


@pytest.mark.parametrize("shop", ["generic", "shopify", "woocommerce"])
@pytest.mark.parametrize("how", ["unsigned", "wrong secret", "other body"])
def test_what_nobody_signed_gets_401_and_leaves_no_trace(site: Site, shop: str, how: str) -> None:
    content = b'{"id": 1}'
    headers: dict[str, str] = {}
    if how != "unsigned":
        secret = SHOP_SECRET if how == "other body" else "x" * 40
        signers = {
            "generic": lambda: sign_generic(
                GENERIC_SECRET if how == "other body" else "whsec_" + "eHh4" * 10, "m", content, NOW
            ),
            "shopify": lambda: sign_shopify(secret, "a.example", "1", "orders/create", content),
            "woocommerce": lambda: sign_woocommerce(secret, SHOP, "5", "order.created", content),
        }
        headers = signers[shop]()
    answer = site.post(shop, headers, content + (b" " if how == "other body" else b""))
    assert answer.status_code == 401
    assert answer.json()["detail"]
    assert site.waiting() == []


def test_a_stale_signature_gets_401(site: Site) -> None:
    content = body(generic_order())
    site_clock_is_ahead = sign_generic(GENERIC_SECRET, "msg_1", content, NOW.replace(hour=9))
    assert site.post("generic", site_clock_is_ahead, content).status_code == 401


def test_an_unknown_shop_gets_404_and_is_told_the_known_ones(site: Site) -> None:
    answer = site.post("magento", {}, b"{}")
    assert answer.status_code == 404
    assert "generic, shopify, woocommerce" in answer.text


def test_the_doors_take_posts_only(site: Site) -> None:
    for method in ("GET", "PUT", "DELETE"):
        assert site.client.request(method, "/webhooks/generic").status_code == 405


def test_a_body_that_is_too_large_gets_413(site: Site) -> None:
    content = b" " * 20_001
    assert site.post("generic", generic_headers(content), content).status_code == 413
    assert site.post("generic", generic_headers(content[:-1]), content[:-1]).status_code == 422


def test_a_body_that_grows_too_large_as_it_comes_gets_413(site: Site) -> None:
    """Chunked: no Content-Length says so beforehand."""

    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            yield b" " * 1000

    with suppress(httpx.WriteError):  # to be hung up on while it still writes is as good
        assert site.post("generic", generic_headers(b""), endless()).status_code == 413
    content = body(generic_order())
    assert site.post("generic", generic_headers(content), iter([content[:100], content[100:]])).status_code == 200


@pytest.mark.parametrize(("declared", "status"), [("999999999", "413"), ("-5", "400"), ("12abc", "400"), ("3", "40")])
def test_a_content_length_that_lies_harms_nobody(site: Site, declared: str, status: str) -> None:
    content = body(generic_order())
    head = f"POST /webhooks/generic HTTP/1.1\r\nHost: a.example\r\nContent-Length: {declared}\r\n"
    signed = "".join(f"{name}: {value}\r\n" for name, value in generic_headers(content).items())
    assert _raw(site, f"{head}{signed}\r\n".encode() + content).startswith(f"HTTP/1.1 {status}")
    assert site.waiting() == []


def test_a_shop_that_hangs_up_midway_leaves_no_trace(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    content = body(generic_order())
    with socket.create_connection((site.client.base_url.host, site.client.base_url.port or 80)) as line:
        line.sendall(b"POST /webhooks/generic HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5000\r\n\r\n" + content)
    assert site.post("generic", generic_headers(content), content).status_code == 200
    assert len(site.waiting()) == 1
    assert caplog.records == []


GARBAGE = [b"", b"\xff\xfe", b"[]", b"null", b'{"a": ', b"[" * 10_000, b'{"type": "order.completed", "data": {}}']


@pytest.mark.parametrize("content", GARBAGE, ids=range(len(GARBAGE)))
def test_a_signed_body_that_means_nothing_is_kept_and_only_the_generic_door_says_so(site: Site, content: bytes) -> None:
    """Shopify and WooCommerce switch a webhook off that answers with errors."""
    answer = site.post("generic", generic_headers(content), content)
    assert answer.status_code == 422
    assert answer.json()["field"]
    shopify = sign_shopify(SHOP_SECRET, "a.example", "1", "orders/create", content)
    assert site.post("shopify", shopify, content).status_code == 200
    assert site.post("woocommerce", woo_headers(content), content).status_code == 200
    assert [row["body"] for row in site.waiting()] == [content] * 3


def test_a_topic_that_nobody_knows_is_kept(site: Site) -> None:
    content = body({"type": "coupon.created", "data": {}})
    assert site.post("generic", generic_headers(content), content).status_code == 200
    assert [row["topic"] for row in site.waiting()] == ["coupon.created"]


def test_the_unsigned_ping_of_woocommerce_is_welcome_and_not_kept(site: Site) -> None:
    ping = {"content-type": "application/x-www-form-urlencoded"}
    assert site.post("woocommerce", ping, b"webhook_id=5").status_code == 200
    assert site.waiting() == []


def test_the_same_delivery_many_times_at_once_is_one_event(site: Site) -> None:
    """T43."""
    content = body(generic_order())
    with ThreadPoolExecutor(32) as many:
        answers = list(many.map(lambda _: site.post("generic", generic_headers(content), content), range(32)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(site.waiting()) == 1


def test_two_woocommerce_orders_in_one_second_are_two_events(site: Site) -> None:
    """T43: they carry the same Delivery-ID."""
    for order in (woo_order(id=1), woo_order(id=2), woo_order(id=2)):
        assert site.post("woocommerce", woo_headers(body(order)), body(order)).status_code == 200
    assert [json.loads(row["body"])["id"] for row in site.waiting()] == [1, 2]


def test_a_delivery_that_shopify_repeats_is_one_event(site: Site) -> None:
    content = body(shopify_order())
    headers = sign_shopify(SHOP_SECRET, "a.example", "b54557e4", "orders/create", content)
    assert [site.post("shopify", headers, content).status_code for _ in range(2)] == [200, 200]
    assert len(site.waiting()) == 1


def test_a_full_disk_gives_503_until_there_is_room_again(site: Site) -> None:
    room = {"pages": 1}

    @event.listens_for(site.app.inbox_db.engine, "begin")
    def _limit(connection: Any) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {room['pages']}")

    content = body(generic_order(note="x" * 15_000))
    answers = [site.post("generic", generic_headers(content, f"m{n}"), content).status_code for n in range(4)]
    assert answers[-1] == 503
    room["pages"] = 100_000
    assert site.post("generic", generic_headers(content, "m3"), content).status_code == 200
    assert len(site.waiting()) == answers.count(200) + 1


def test_an_inbox_that_somebody_locks_gives_503_before_the_shop_hangs_up(site: Site) -> None:
    content = body(generic_order())
    with lock_held(site.app.inbox_db):
        started = monotonic()
        answer = site.post("generic", generic_headers(content), content)
        assert ANSWER_WITHIN_S < SHOPIFY_WAITS_S, "but for a busy machine"
        assert monotonic() - started < BUSY_TIMEOUT_S / 2
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
    assert site.post("generic", generic_headers(content), content).status_code == 200
    assert len(site.waiting()) == 1


def test_webhooks_that_come_while_no_worker_is_free_ask_for_one_once(tmp_path: Path) -> None:
    """It will find them all; a message for each would only fill the broker's memory."""
    with engine(tmp_path, SteppedClock(NOW)) as app:
        with serving(create_web(app)) as url, httpx.Client(base_url=url, verify=False, timeout=30) as client:
            for number in range(10):
                content = body(generic_order())
                headers = generic_headers(content, f"msg_{number}")
                assert client.post("/webhooks/generic", headers=headers, content=content).status_code == 200
        assert isinstance(app.queue, ListQueue)
        assert app.queue.published == [("ingest", ())]


def _raw(site: Site, request: bytes) -> str:
    with socket.create_connection((site.client.base_url.host, site.client.base_url.port or 80), timeout=30) as line:
        line.sendall(request)
        return line.recv(4096).decode()
