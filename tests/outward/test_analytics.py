"""Bodies against the limits that Google documents for the Measurement Protocol, and what may never be told."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart.errors import ConfigError
from aftercart.ids import new_id
from aftercart.outward.analytics import EVENTS, Analytics, analytics_from
from aftercart.outward.happening import Happening
from aftercart.outward.subject import Due, Mail, Subject

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
URL = "https://www.google-analytics.com/mp/collect"
STREAM = Analytics(URL, "G-ABC1234567", "s3cret&more")
BROWSER = "555.1712345678"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
RESERVED_PREFIXES = ("_", "firebase_", "ga_", "google_", "gtag.")
RESERVED = {
    "ad_activeview", "ad_click", "ad_exposure", "ad_query", "ad_reward", "adunit_exposure", "app_background",
    "app_clear_data", "app_exception", "app_install", "app_remove", "app_store_refund", "app_update", "app_upgrade",
    "dynamic_link_app_open", "dynamic_link_app_update", "dynamic_link_first_open", "error", "first_open", "first_visit",
    "in_app_purchase", "notification_dismiss", "notification_foreground", "notification_open", "notification_receive",
    "os_update", "purchase", "refund", "screen_view", "session_start", "user_engagement",
}  # fmt: skip


def due(happening: Happening, topic: str = "") -> Due:
    return Due(new_id(), happening, 1, new_id(), 1, topic, NOW, 1, None)


def mail(analytics_id: str | None = BROWSER, name: str = "accessories") -> Mail:
    return Mail(name, "complements", "recommendations", "generic", "1", "77", analytics_id)


def told(content: bytes | None) -> dict[str, Any]:
    assert content is not None
    return dict(json.loads(content))


@settings(max_examples=30)
@given(st.sampled_from(list(EVENTS)), st.text(max_size=300), st.text(max_size=300))
def test_every_body_is_within_the_limits(happening: Happening, name: str, url: str) -> None:
    content = STREAM.compose(due(happening), Subject("ada@example.com", mail(name=name), url=url))
    assert content is not None
    assert len(content) < 130_000
    body = told(content)
    assert len(body["events"]) <= 25
    for event in body["events"]:
        assert NAME.fullmatch(event["name"])
        assert event["name"] not in RESERVED
        assert not event["name"].startswith(RESERVED_PREFIXES)
        assert len(event["params"]) <= 25
        for name_, value in event["params"].items():
            assert NAME.fullmatch(name_)
            assert not name_.startswith(RESERVED_PREFIXES)
            assert len(str(value)) <= 100
    assert "ada@example.com" not in content.decode()


def test_an_event_says_which_mail_and_which_browser() -> None:
    one = due(Happening.LINK_CLICKED)
    body = told(STREAM.compose(one, Subject("ada@example.com", mail(), url="https://shop.example/lamp")))
    assert body == {
        "client_id": BROWSER,
        "timestamp_micros": int(NOW.timestamp()) * 1_000_000,
        "consent": {"ad_user_data": "DENIED", "ad_personalization": "DENIED"},
        "events": [
            {
                "name": "email_link_clicked",
                "params": {
                    "email_id": str(one.send_id),
                    "engagement_time_msec": 1,
                    "email_campaign": "accessories",
                    "email_step": "complements",
                    "email_topic": "recommendations",
                    "email_link": "https://shop.example/lamp",
                },
            }
        ],
    }


@pytest.mark.parametrize("browser", [None, "", "x", "two words", "<script>", "9" * 101])
def test_nothing_is_told_of_an_order_that_brings_no_browser(browser: str | None) -> None:
    assert STREAM.compose(due(Happening.MAIL_SENT), Subject("ada@example.com", mail(browser))) is None


def test_no_purchase_is_ever_told() -> None:
    assert Happening.ORDER_CREDITED not in EVENTS
    with pytest.raises(ConfigError, match=r"order\.credited is not told there"):
        analytics_from("G-ABC1234567", "secret", URL, "mail.sent,order.credited")


def test_the_secret_stands_in_the_address_alone_and_is_written_as_addresses_are() -> None:
    request = STREAM.request(new_id(), b"{}", NOW)
    assert request.url == f"{URL}?measurement_id=G-ABC1234567&api_secret=s3cret%26more"
    assert "s3cret" not in repr(STREAM)


@pytest.mark.parametrize(
    ("id_", "secret", "url", "says"),
    [
        ("UA-1234-1", "s", URL, "AFTERCART_ANALYTICS_ID"),
        ("G-ABC1234567", "", URL, "AFTERCART_ANALYTICS_SECRET"),
        ("G-ABC1234567", "s", "ftp://x", "AFTERCART_ANALYTICS_URL"),
        ("G-ABC1234567", "s", URL.replace("https", "http"), "AFTERCART_ANALYTICS_URL"),
        ("G-ABC1234567", "s", "http://127.0.0.1:8080/collect", "AFTERCART_WEBHOOKS_TO_LOOPBACK=true"),
    ],
)
def test_what_cannot_be_right_is_refused(id_: str, secret: str, url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        analytics_from(id_, secret, url, "mail.sent")


def test_a_stand_in_on_this_very_machine_needs_no_https_where_the_settings_allow_it() -> None:
    found = analytics_from("G-ABC1234567", "s", "http://127.0.0.1:8080/collect", "mail.sent", to_loopback=True)
    assert found is not None


def test_it_is_off_unless_a_stream_is_named() -> None:
    assert analytics_from("", "", URL, "mail.sent") is None


def test_an_event_is_worth_telling_for_three_days() -> None:
    assert STREAM.lasts == timedelta(hours=72)
