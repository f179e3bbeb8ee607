import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from starlette.applications import Starlette

from aftercart.campaigns.topics import Topic
from aftercart.clock import Clock
from aftercart.db.session import BUSY_TIMEOUT_S, Database
from aftercart.db.tables import clicks, consents, links, suppressions
from aftercart.ids import new_id
from aftercart.pipeline.recipients.record import Click, keep_clicks
from aftercart.tracking.links import LinkBook
from aftercart.tracking.tokens import TokenSigner
from aftercart.web.click_writer import ClickWriter
from aftercart.web.links import link_routes
from aftercart.web.topics import Topics
from aftercart.web.word_writer import ANSWER_WITHIN_S, WordWriter
from tests.rows import MONDAY, Rows, a_database
from tests.web.conftest import lock_held

TOPICS = (Topic(id="recommendations", name="What goes with it"), Topic(id="tips", name="Tips <and> tricks"))  # type: ignore[arg-type]
TOKENS = TokenSigner(["k" * 32])
LATER = MONDAY + timedelta(hours=1)
FIREFOX = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


@dataclass(frozen=True)
class ABrand:
    name: str = "Bikes & <Friends>"
    color: str = "#0f766e"
    logo_url: str | None = None
    locale: str = "en_US"
    topics: tuple[Topic, ...] = TOPICS


@dataclass(frozen=True)
class SomeCampaigns:
    """A brand with two topics, and no campaigns."""

    brand: ABrand = field(default_factory=ABrand)
    by_name: dict[str, Any] = field(default_factory=dict)


def always_later() -> datetime:
    return LATER


@dataclass(frozen=True)
class AnApp:
    """What the routes need of an engine."""

    db: Database
    clock: Clock = always_later
    tokens: TokenSigner = TOKENS
    brand: ABrand = field(default_factory=ABrand)


@dataclass
class Visitor:
    """Somebody with a browser that keeps no cookies and follows no redirect."""

    site: Starlette

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.request("POST", path, **more)

    def request(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.site)
            async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
                return await client.request(method, path, headers=FIREFOX | (headers or {}), **more)

        return asyncio.run(ask())


@dataclass
class World:
    """Ada's mail with one link, and a visitor."""

    web: Visitor
    rows: Rows
    ada: int
    send: UUID
    writer: ClickWriter
    words: WordWriter

    @property
    def clicks(self) -> list[dict[str, Any]]:
        """Every click, once they are written."""
        self.writer.stop()
        return self.rows.all(clicks)

    @property
    def link(self) -> str:
        return f"/c/{TOKENS.link(self.send, 0)}"

    @property
    def leave(self) -> str:
        return f"/u/{TOKENS.unsubscribe(self.ada, self.send)}"

    @property
    def has_left(self) -> bool:
        """Everything."""
        assert len(self.rows.all(suppressions)) == len(self.rows.all(consents)) <= 1
        return bool(self.rows.all(suppressions))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    db = a_database(tmp_path)
    rows = Rows(db)
    ada = rows.recipient()
    send = rows.send(rows.order(ada), ada)
    rows.link(send, "https://shop.example/lamp?a=b+c%20d&e=|#f")
    clicks = ClickWriter(db, keep=keep_now)
    words = WordWriter(db)
    topics = Topics(lambda: SomeCampaigns())  # type: ignore[arg-type, return-value]  # what Topics needs of them
    clicks.start()
    words.start()
    yield World(
        Visitor(Starlette(routes=link_routes(AnApp(db), clicks, words, topics))), rows, ada, send, clicks, words
    )
    words.stop()
    clicks.stop()
    db.close()


def keep_now(connection: Connection, batch: Sequence[Click]) -> None:
    keep_clicks(connection, batch, {}, LATER)


# ---------------------------------------------------------------- clicks


def test_a_click_is_redirected_to_the_stored_address_as_it_was_written(world: World) -> None:
    """T39."""
    answer = world.web.get(world.link)
    assert answer.status_code == 302
    assert answer.headers["location"] == "https://shop.example/lamp?a=b+c%20d&e=|#f"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers
    assert [c["verdict"] for c in world.clicks] == ["human"]


CHARACTERS = "abcXYZ019-._~/@!$&'()*+,;=%\"<>^`{|}é日"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(st.text(CHARACTERS, max_size=15), st.text(CHARACTERS + "?", max_size=15))
def test_a_link_in_a_mail_is_the_location_of_its_redirect(world: World, path: str, query: str) -> None:
    """T39: from the template to the browser; letters outside ASCII are percent-encoded, nothing else changes."""
    url = f"https://shop.example/{path}?{query}"
    book = LinkBook("http://testserver", TOKENS, world.send, ["shop.example"], {})
    tracked = book.track(url)
    with world.rows.db.write() as connection:
        connection.execute(links.delete())
        connection.execute(links.insert(), [{"send_id": world.send, "position": p, "url": u} for p, u in book.links])
    location = world.web.get(tracked).headers["location"]
    assert location == url.replace("é", "%C3%A9").replace("日", "%E6%97%A5")


def test_head_is_redirected_and_recorded_as_a_machine(world: World) -> None:
    answer = world.web.request("HEAD", world.link)
    assert (answer.status_code, answer.content) == (302, b"")
    assert [(c["verdict"], c["reason"]) for c in world.clicks] == [("machine", "not_get")]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"X-Purpose": "preview"},
        {"X-Moz": "prefetch"},
    ],
)
def test_a_browser_that_loads_a_page_in_case_it_is_wanted_is_no_click(world: World, headers: dict[str, str]) -> None:
    """T42: it says so, and is led on all the same."""
    assert world.web.get(world.link, headers={"User-Agent": "Firefox/140.0", **headers}).status_code == 302
    assert [(c["verdict"], c["reason"]) for c in world.clicks] == [("machine", "prefetch")]


@pytest.mark.parametrize("how", ["altered", "foreign", "for another purpose", "an address", "erased"])
def test_a_link_that_is_not_ours_is_a_404_and_never_a_redirect(world: World, how: str) -> None:
    """T40."""
    path = {
        "altered": world.link[:-3] + ("aaa" if not world.link.endswith("aaa") else "bbb"),
        "foreign": f"/c/{TokenSigner(['f' * 32]).link(world.send, 0)}",
        "for another purpose": world.leave.replace("/u/", "/c/"),
        "an address": "/c/https:%2F%2Fevil.example?url=https://evil.example&r=https://evil.example",
        "erased": f"/c/{TOKENS.link(new_id(), 0)}",
    }[how]
    for method in ("GET", "HEAD"):
        answer = world.web.request(method, path)
        assert answer.status_code == 404
        assert "location" not in answer.headers
        assert "evil" not in answer.text
    assert world.clicks == []


def test_what_stands_in_the_request_beside_the_token_does_not_matter(world: World) -> None:
    """T40."""
    answer = world.web.get(f"{world.link}?url=https://evil.example", headers={"Host": "evil.example"})
    assert answer.headers["location"].startswith("https://shop.example/")


# ---------------------------------------------------------------- leaving


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_opening_the_unsubscribe_link_changes_nothing_however_often(world: World, method: str) -> None:
    """T24: mail scanners open every link, and real people were unsubscribed by them."""
    for _ in range(3):
        assert world.web.request(method, world.leave).status_code == 200
    assert not world.has_left


def test_the_page_asks_and_its_buttons_are_all_that_acts(world: World) -> None:
    """T25: scanners that run scripts find none, and no form that sends itself."""
    page = world.web.get(world.leave)
    assert "ada@example.com" in page.text
    parts = Parts(page.text)
    assert parts.tags.count("h1") == parts.tags.count("form") == 1
    assert parts.tags.count("button") == 2
    assert parts.attributes["form"] == {"method": "post"}
    assert parts.attributes["html"] == {"lang": "en", "dir": "ltr"}
    assert not {"script", "img", "link", "iframe", "object", "a"} & set(parts.tags), "nothing is loaded from anywhere"
    assert "http-equiv" not in page.text
    assert not any(name.startswith("on") for names in parts.attributes.values() for name in names)


def test_the_page_is_locked_down(world: World) -> None:
    page = world.web.get(world.leave)
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'nonce-")
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"


def test_names_are_escaped(world: World) -> None:
    assert "Bikes &amp; &lt;Friends&gt;" in world.web.get(world.leave).text


ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.mark.parametrize("form", ["urlencoded", "multipart"])
def test_one_click_unsubscribes_without_cookie_page_or_redirect(world: World, form: str) -> None:
    """T26, T27: as Google and Yahoo post it (RFC 8058), from an origin of their own."""
    headers = {
        "Origin": "https://mail.google.com",
        "Referer": "https://mail.google.com/",
        "Sec-Fetch-Site": "cross-site",
    }
    for _ in range(2):
        if form == "urlencoded":
            answer = world.web.post(world.leave, data=ONE_CLICK, headers=headers)
        else:
            answer = world.web.post(world.leave, files={k: (None, v) for k, v in ONE_CLICK.items()}, headers=headers)
        assert answer.status_code == 200
        assert "location" not in answer.headers
        assert "set-cookie" not in answer.headers
        assert world.has_left
    assert world.rows.all(suppressions)[0]["source"] == f"one_click:{world.send}"


def test_the_button_of_the_page_unsubscribes_and_says_who_from_what(world: World) -> None:
    answer = world.web.post(world.leave, data={"answer": "unsubscribe"})
    assert answer.status_code == 200
    assert "ada@example.com" in answer.text
    assert "You are unsubscribed" in answer.text
    assert "Bikes &amp; &lt;Friends&gt;" in answer.text
    assert world.rows.all(suppressions)[0]["source"] == f"page:{world.send}"


def test_who_wants_to_leave_only_this_kind_of_mail_keeps_the_other(world: World) -> None:
    """T24: the scope of an unsubscribe is what its reader says it is."""
    assert "Only from “What goes with it”" in world.web.get(world.leave).text
    for _ in range(2):
        answer = world.web.post(world.leave, data={"answer": "topic"})
        assert answer.status_code == 200
        assert "no more mail about “What goes with it”" in answer.text
    (entry,) = world.rows.all(suppressions)
    assert (entry["scope"], entry["topic"], entry["reason"]) == ("topic", "recommendations", "unsubscribed")
    assert world.rows.all(consents) == []
    assert "Only from" not in world.web.get(world.leave).text
    world.web.post(world.leave, data={"answer": "unsubscribe"})
    assert {entry["scope"] for entry in world.rows.all(suppressions)} == {"topic", "brand"}


@pytest.mark.parametrize(
    "body",
    [b"answer=topic&answer=topic", b"answer=topic&List-Unsubscribe=One-Click", b"Answer=topic", b"answer=topics"],
)
def test_in_doubt_who_leaves_leaves_everything(world: World, body: bytes) -> None:
    assert world.web.post(world.leave, content=body).status_code == 200
    assert world.has_left


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"{}", b"x" * 100_000])
def test_whatever_is_posted_unsubscribes(world: World, body: bytes) -> None:
    """T26."""
    assert world.web.post(world.leave, content=body).status_code == 200
    assert world.has_left


def test_who_has_left_is_told_so(world: World) -> None:
    world.web.post(world.leave)
    assert "You are unsubscribed" in world.web.get(world.leave).text


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_an_unsubscribe_link_that_is_not_ours_is_a_404(world: World, method: str) -> None:
    """T40."""
    unknown = f"/u/{TOKENS.unsubscribe(4711, world.send)}"
    for path in ("/u/nonsense", world.link.replace("/c/", "/u/"), world.leave[:-1], unknown):
        assert world.web.request(method, path).status_code == 404
    assert not world.has_left


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/u", "/u/", "/c", "/c/"])
def test_a_link_that_was_cut_off_says_so(world: World, method: str, path: str) -> None:
    answer = world.web.request(method, path)
    assert (answer.status_code, "This link does not work" in answer.text) == (404, True)


@pytest.mark.parametrize("body", [ONE_CLICK, {"answer": "unsubscribe"}])
def test_while_the_database_is_busy_who_leaves_is_asked_to_come_again_and_leaves_all_the_same(
    world: World, body: dict[str, str]
) -> None:
    with lock_held(world.rows.db):
        asked_at = monotonic()
        answer = world.web.post(world.leave, data=body)
        assert ANSWER_WITHIN_S < 3, "but for a busy machine"
        assert monotonic() - asked_at < BUSY_TIMEOUT_S / 2
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        assert "Please try again in a moment" in answer.text
        assert "Bikes &amp; &lt;Friends&gt;" in answer.text
    world.words.stop()
    assert world.has_left


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_no_other_method_does_anything(world: World, method: str) -> None:
    assert world.web.request(method, world.leave).status_code == 405
    assert world.web.request(method, world.link).status_code == 405
    assert not world.has_left


class Parts(HTMLParser):
    """The tags of a page, and the attributes of the last one of each."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, dict[str, str | None]] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes[tag] = dict(attrs)
