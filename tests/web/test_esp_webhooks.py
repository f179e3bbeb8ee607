"""The doors for mail services, over a real socket."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db import inbox
from aftercart.ids import new_id
from aftercart.testing import ListQueue, engine
from aftercart.web.app import create_web
from aftercart.web.server import serving
from tests.feedback.services import HOOKS, SETTING, Event
from tests.web.conftest import NOW, lock_held

SEND = str(new_id())


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[App, str]]:
    settings: dict[str, Any] = {"esp_webhook_secrets": SETTING, "base_url": "https://mail.shop.example"}
    with engine(tmp_path, SteppedClock(NOW), max_body_bytes=10_000, **settings) as app, serving(create_web(app)) as url:
        yield app, url


def waiting(app: App) -> list[dict[str, Any]]:
    with app.inbox_db.read() as connection:
        return inbox.oldest(connection, 100)


@pytest.mark.parametrize("name", HOOKS)
def test_a_report_is_on_disk_when_the_answer_arrives_and_only_once(site: tuple[App, str], name: str) -> None:
    app, url = site
    headers, body = HOOKS[name](Event("hard", SEND))
    for _ in range(3):
        answer = httpx.post(f"{url}/webhooks/esp/{name}", content=body, headers=headers, timeout=30)
        assert (answer.status_code, answer.json()) == (200, {"detail": "stored"})
    (row,) = waiting(app)
    assert (row["shop"], row["body"], row["received_at"]) == (f"esp:{name}", body, NOW)
    assert not any("auth" in header or "signature" in header for header in row["headers"])
    assert isinstance(app.queue, ListQueue)


@pytest.mark.parametrize("name", HOOKS)
def test_who_does_not_have_the_secret_gets_401_with_a_challenge_and_leaves_no_trace(
    site: tuple[App, str], name: str
) -> None:
    """Amazon SNS shows its login only after one."""
    app, url = site
    _, body = HOOKS[name](Event("hard", SEND))
    body = body.replace(b'"auth": "', b'"auth": "0')
    headers = {"content-type": "application/json", "x-amz-sns-message-type": "Notification"}
    if name == "mailgun":
        body = body.replace(b'"signature": "', b'"signature": "0')
    answer = httpx.post(f"{url}/webhooks/esp/{name}", content=body, headers=headers, timeout=30)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert waiting(app) == []


def test_a_service_without_a_secret_is_told_which_have_one(site: tuple[App, str]) -> None:
    _, url = site
    answer = httpx.post(f"{url}/webhooks/esp/pigeon", content=b"{}", timeout=30)
    assert answer.status_code == 404
    assert "brevo, mailersend" in answer.json()["detail"]


def test_a_service_that_only_tries_the_address_is_answered(site: tuple[App, str]) -> None:
    app, url = site
    assert httpx.head(f"{url}/webhooks/esp/mandrill", timeout=30).status_code == 200
    assert waiting(app) == []


def test_a_body_that_is_too_large_gets_413(site: tuple[App, str]) -> None:
    _, url = site
    headers, body = HOOKS["postmark"](Event("hard", SEND, words="x" * 20_000))
    assert httpx.post(f"{url}/webhooks/esp/postmark", content=body, headers=headers, timeout=30).status_code == 413


def test_a_report_that_cannot_be_stored_gets_503(site: tuple[App, str]) -> None:
    app, url = site
    headers, body = HOOKS["postmark"](Event("hard", SEND))
    with lock_held(app.inbox_db):
        answer = httpx.post(f"{url}/webhooks/esp/postmark", content=body, headers=headers, timeout=30)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
