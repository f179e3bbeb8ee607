from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.tracking.links import TRAP, UNSAFE, LinkBook, leads_to, with_parameters
from aftercart.tracking.tokens import MAX_POSITION, TokenSigner

TOKENS = TokenSigner(["k" * 32])
SEND = UUID("0190c2f0-5b6a-7c3d-8e4f-112233445566")
BASE = "https://mail.shop.example"
UTM = {"utm_source": "aftercart", "utm_medium": "email", "utm_campaign": "accessories"}


def book(utm: dict[str, str] | None = None, base_url: str = BASE) -> LinkBook:
    return LinkBook(base_url, TOKENS, SEND, ["shop.example", "other.example"], utm or {})


def destination(links: LinkBook, tracked: str) -> str:
    """Where a tracked link of this send leads: what the redirect finds in the database."""
    assert tracked.startswith(f"{BASE}/c/"), tracked
    send_id, position = TOKENS.read_link(tracked.removeprefix(f"{BASE}/c/"))
    assert send_id == SEND
    return dict(links.links)[position]


# Everything that may stand in a URL's path, query and fragment (RFC 3986), and what browsers let pass besides.
CHARACTERS = "abcXYZ019-._~:/[]@!$&'()*+,;=%&;\"<>^`{|} "
TAILS = st.builds(
    "{}{}{}".format,
    st.text(CHARACTERS, max_size=20).map(lambda s: f"/{s}".rstrip()),
    st.one_of(st.just(""), st.text(CHARACTERS + "?", max_size=20).map(lambda s: f"?{s}".rstrip())),
    st.one_of(st.just(""), st.text(CHARACTERS + "?#", max_size=10).map(lambda s: f"#{s}".rstrip())),
)
HOSTS = st.sampled_from(["shop.example", "www.shop.example", "SHOP.example", "shop.example:8443", "other.example"])
URLS = st.builds("{}://{}{}".format, st.sampled_from(["http", "https", "HTTPS"]), HOSTS, TAILS)


@given(URLS)
def test_a_link_in_is_the_location_out_byte_for_byte(url: str) -> None:
    """T39."""
    links = book()
    assert destination(links, links.track(url)) == url


@given(URLS)
def test_utm_parameters_are_appended_and_nothing_else_changes(url: str) -> None:
    """T39: `&amp;`, dots, encoded and unencoded characters and the fragment stay as they are."""
    links = book(UTM)
    out = destination(links, links.track(url))
    before, hash_sign, fragment = url.partition("#")
    assert out.startswith(before)
    assert out.endswith(hash_sign + fragment)
    added = out[len(before) : len(out) - len(hash_sign + fragment)]
    assert added.lstrip("?&") == "utm_source=aftercart&utm_medium=email&utm_campaign=accessories"


@pytest.mark.parametrize(
    ("url", "out"),
    [
        ("https://a.example", "https://a.example?utm_source=x"),
        ("https://a.example/", "https://a.example/?utm_source=x"),
        ("https://a.example/?", "https://a.example/?utm_source=x"),
        ("https://a.example/?b=1", "https://a.example/?b=1&utm_source=x"),
        ("https://a.example/?b=1&", "https://a.example/?b=1&utm_source=x"),
        ("https://a.example/?utm_source=theirs", "https://a.example/?utm_source=theirs"),
        ("https://a.example/?utm%5Fsource=theirs", "https://a.example/?utm%5Fsource=theirs"),
        ("https://a.example/#/app?b=1", "https://a.example/?utm_source=x#/app?b=1"),
        ("https://a.example/?q=a+b%20c&amp;d", "https://a.example/?q=a+b%20c&amp;d&utm_source=x"),
    ],
)
def test_where_the_parameters_go(url: str, out: str) -> None:
    assert with_parameters(url, {"utm_source": "x"}) == out


def test_a_parameter_is_encoded_itself() -> None:
    assert with_parameters("https://a.example/", {"utm_campaign": "a&b=c d/é"}).endswith(
        "?utm_campaign=a%26b%3Dc%20d%2F%C3%A9"
    )


def test_a_link_with_letters_of_the_world_leads_to_its_ascii_form() -> None:
    links = LinkBook(BASE, TOKENS, SEND, ["münchen.example"], {})
    out = destination(links, links.track("https://www.münchen.example:8443/größe?q=日#ü%20"))
    assert out == "https://www.xn--mnchen-3ya.example:8443/gr%C3%B6%C3%9Fe?q=%E6%97%A5#%C3%BC%20"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/page",
        "https://shop.example.evil.example/",
        "https://notshop.example/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "mailto:help@shop.example",
        "tel:+3312345678",
        "#top",
    ],
)
def test_a_harmless_link_elsewhere_stays_as_it_is(url: str) -> None:
    links = book(UTM)
    assert links.track(url) == url
    assert links.links == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/relative",
        "//shop.example/",
        "shop.example",
        "https:shop.example",
        "https:///shop.example",
        "https:/shop.example",
        "ftp://shop.example/",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "java\nscript:alert(1)",
        " javascript:alert(1)",
        "data:text/html,<script>",
        "https://shop.example@evil.example/",
        "https://ada:geheim@shop.example/",
        "https://shop.example\\@evil.example/",
        "https://evil.example\\.shop.example/",
        "https://shop.example/\r\nSet-Cookie: a=b",
        "https://shop.example/\x00",
        "https://shop.example/\x85",
        "https://shop.example%2eevil.example/",
        "https://shop.example:port/",
        "https://shop.example:99999/",
        "https://[::1/",
        "https://shop..example/",
        "https://sho p.example/",
        "https://shop.example/\ud800",
        "https:// shop.example/",
    ],
)
def test_an_unsafe_link_leads_nowhere(url: str) -> None:
    """T40."""
    links = book()
    assert links.track(url) == UNSAFE
    assert links.links == []


@given(st.text())
def test_whatever_comes_in_nothing_unsafe_comes_out(text: str) -> None:
    links = book()
    out = links.track(text)
    assert out == UNSAFE or out.lower().startswith(("http://", "https://", "mailto:", "tel:", "#"))
    assert not any(ord(c) < 32 or c == "\\" for c in out)


def test_a_link_to_our_own_pages_is_not_wrapped_twice() -> None:
    """T41."""
    links = book()
    once = links.track("https://shop.example/lamp")
    assert links.track(once) == once
    assert links.track(f"{BASE}/u/{TOKENS.unsubscribe(1, SEND)}") == f"{BASE}/u/{TOKENS.unsubscribe(1, SEND)}"
    assert len(links.links) == 1


def test_the_shop_may_live_on_the_host_of_our_links() -> None:
    links = LinkBook("http://127.0.0.1:8000/", TOKENS, SEND, ["127.0.0.1"], {})
    assert links.track("http://127.0.0.1:8000/shop/lamp").startswith("http://127.0.0.1:8000/c/")


def test_the_same_link_twice_is_one_link_and_positions_count_up() -> None:
    links = book()
    picture, title = links.track("https://shop.example/lamp"), links.track("https://shop.example/lamp")
    links.track("https://shop.example/bell")
    assert picture == title
    assert links.links == [(0, "https://shop.example/lamp"), (1, "https://shop.example/bell")]


def test_links_beyond_what_a_token_can_count_stay_as_they_are() -> None:
    links = book()
    for number in range(TRAP):
        links.track(f"https://shop.example/{number}")
    assert len(links.links) == TRAP == MAX_POSITION
    assert links.track("https://shop.example/beyond") == "https://shop.example/beyond"
    assert destination(links, links.track("https://shop.example/0")) == "https://shop.example/0"


def test_a_mail_has_a_link_that_no_reader_sees_and_it_leads_to_the_shop() -> None:
    book = LinkBook("https://mail.example.com", TokenSigner(["k" * 32]), uuid4(), ["example.com"], {})
    seen = book.track("https://www.example.com")
    html = book.trapped(f'<html><body><a href="{seen}">Shop</a></body></html>', "https://www.example.com")
    assert book.links == [(0, "https://www.example.com"), (TRAP, "https://www.example.com#")]
    assert html.count("/c/") == 2
    assert 'style="display:none" tabindex="-1" aria-hidden="true"></a></body></html>' in html


@pytest.mark.parametrize(
    "page",
    [
        "https://shop.example/lamp",
        " https://shop.example/lamp#sizes",
        "https://shop.example/?id=7",
        "https://shop.example/lamp?",
        "https://shop.example/lampe/größe",
    ],
)
def test_a_link_is_known_to_lead_to_its_page_whatever_was_appended(page: str) -> None:
    links = LinkBook("https://mail.example", TokenSigner(["k" * 32]), uuid4(), ["shop.example"], {"utm_source": "mail"})
    links.track(page)
    ((_, link),) = links.links
    assert "utm_source=mail" in link
    assert leads_to(link, page)
    assert not leads_to(link, f"{page.partition('#')[0].rstrip('?')}-2")
    assert not leads_to("https://shop.example/lampshade?utm_source=mail", page)
