from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aftercart.rendering.running.escape import UNSAFE_URL, Links
from aftercart.tracking.links import UNSAFE, LinkBook
from aftercart.tracking.tokens import TokenSigner
from aftercart.web_address import is_this_machine, web_address

PIECES = ["http", "https", "HTTPS", ":", "//", "shop.example", "münchen.example", ":8443", ":x", "@", "/", "?", "#"]
BEGINNINGS = ["", "https://", "https://shop.example", "HTTP://shop.example/", "https://other.example?"]
PIECES += ["%", "\\", " ", "\t", "\u202e", "javascript", "[::1]", "a b", "é", "&", '"', "<", "//evil.example"]


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [("localhost", True), ("127.0.0.1", True), ("::1", True), ("10.0.0.1", False), ("localhost.example", False)],
)
def test_only_a_loopback_address_is_this_machine(host: str, is_ours: bool) -> None:
    assert is_this_machine(host) is is_ours


@pytest.mark.parametrize(
    "url", ["https://shop.example", "http://shop.example:8080/a?b=c#d", "https://münchen.example/é"]
)
def test_a_plain_address_is_read(url: str) -> None:
    parts = web_address(url)
    assert parts is not None
    assert parts.scheme in ("http", "https")


@pytest.mark.parametrize(
    "url",
    [
        "", "shop.example", "/a", "ftp://shop.example", "https:/shop.example", "https://", "https://ada@shop.example",
        "https://shop.example\\@evil.example", "https://shop.example/\n", "https://shop.example:x/", "https://a b/",
        "https:// [::1]", "https://shop.example[::1]/", "https://[::1]shop.example/", "https://[::1",
    ],
)  # fmt: skip
def test_what_could_be_read_in_another_way_is_none(url: str) -> None:
    assert web_address(url) is None


@given(
    st.builds("{}{}".format, st.sampled_from(BEGINNINGS), st.lists(st.sampled_from(PIECES), max_size=6).map("".join))
)
@example("https://shop.example/a b")
@example("https://shop.example/\u202egpj.exe")
def test_what_is_one_has_a_living_button_in_every_mail(url: str) -> None:
    """The guard of recommendations, the filters of templates and the links of a mail agree."""
    if web_address(url.strip()) is None:
        return
    book = LinkBook("https://mail.example", TokenSigner(["k" * 32]), UUID(int=1), ["shop.example"], {})
    links = Links(book.track, frozenset())
    assert links.clickable(url) not in (UNSAFE, UNSAFE_URL)
    assert links.unsafe == []
