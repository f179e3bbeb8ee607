"""Nothing of another person's leaves with a mail."""

import re
from collections.abc import Iterator
from dataclasses import astuple, replace
from html import unescape
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.errors import TemplateError
from aftercart.rendering.running.leak_guard import People, refuse_what_is_others
from aftercart.rendering.running.runtime import Rendered

BASE = "https://mail.example.com"
OWN = frozenset({f"{BASE}/u/ada.1-x", f"{BASE}/c/ada_2"})
ADDRESSES = (
    "ada@example.com",
    "Ben@example.com",
    "chika@example.co.jp",
    "o'neil@example.com",
    "r&d@example.com",
    "dee+shop@example.com",
    "a-b@example.com",
    "eve@xn--mnchen-3ya.example",
)
PEOPLE = People(ADDRESSES)


def mail(**parts: str) -> Rendered:
    return replace(Rendered("Hello", "", "<p>Hello</p>", "Hello"), **parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "rendered",
    [
        mail(),
        mail(html=f'<a href="{BASE}/u/ada.1-x">x</a> <a href="{BASE}/c/ada_2">y</a> @media ada@example.com @'),
        mail(text=f"{BASE}/u/ada.1-x\n{BASE}/\n{BASE}/about/us https://other.example.com/u/z", html="@" * 1000),
        mail(html=f'<a href="https://example.com/?u={quote(BASE, safe="")}%2Fu%2Fada.1-x">x</a>'),
        mail(html="https://xmail.example.com/u/ben.1 mail.example.com/u/ben.1"),
        mail(html="someben@example.com ben@example.community xben@example.com"),
    ],
)
def test_what_is_one_s_own_or_nobody_s_passes(rendered: Rendered) -> None:
    refuse_what_is_others(rendered, "Ada@example.com", BASE, OWN, PEOPLE)


@pytest.mark.parametrize(
    "rendered",
    [
        mail(html=f'<a href="{BASE}/u/ben.1">x</a>'),
        mail(html=f'<a href="{BASE}/c/ada_22">x</a>'),
        mail(text=f"Unsubscribe ({BASE}/u/ben.1)."),
        mail(html='<a href="mailto:Ben@example.com?subject=x">x</a>'),
        mail(html="<td>ben@example.com</td>"),
        mail(text="write to chika@example.co.jp."),
        mail(subject="For ben@example.com"),
        mail(preheader="For ben@example.com"),
        mail(html="ada@example.com,ben@example.com"),
        mail(html='<a href="https://example.com/?mail=ben%40example.com">x</a>'),
        mail(html='<a href="https://example.com/?mail=dee%2Bshop%40example.com">x</a>'),
        mail(html="<td>o&#39;neil@example.com</td>"),
        mail(text="for o'neil@example.com"),
        mail(text="for (r&d@example.com)"),
        mail(html="<td>ben&#64;example.com</td>"),
        mail(html="<td>ben&#x0040;example.com</td>"),
        mail(html="<td>ben&commat;example.com</td>"),
        mail(html="<td>ben&#64;example&#46;com</td>"),
        mail(html="<td>ben&#64;example&period;com</td>"),
        mail(html='<a href="https://example.com/?to=https%3A%2F%2Fx.com%2F%3Fe%3Dben%40example.com%26y%3D1">x</a>'),
        mail(html="<td>a\u2011b@example.com</td>"),
        mail(html="<td>ben\u200b@exam\u00adple.com</td>"),
        mail(html="<td>eve@münchen.example</td>"),
        mail(text="eve@MÜNCHEN.example"),
        mail(html='<a href="https://example.com/?mail=eve%40m%C3%BCnchen.example">x</a>'),
        mail(html=f'<a href="https://example.com/share?u={quote(BASE, safe="")}%2Fu%2Fben.1">x</a>'),
        mail(html=f'<a href="https://example.com/share?u={quote(BASE)}/u/ben.1">x</a>'),
        mail(text="http://mail.example.com/u/ben.1"),
    ],
)
def test_what_is_another_s_is_refused(rendered: Rendered) -> None:
    with pytest.raises(TemplateError, match="of another"):
        refuse_what_is_others(rendered, "Ada@example.com", BASE, OWN, PEOPLE)


def test_a_mail_in_which_an_at_sign_is_nobody_s_is_read_on() -> None:
    with pytest.raises(TemplateError, match="of another"):
        refuse_what_is_others(mail(text="ben@example.com x@"), "ada@example.com", BASE, OWN, PEOPLE)


PIECES = st.sampled_from(
    [
        *("ada", "ben", "Ben", "neil", "o'neil", "o&#39;neil", "r&amp;d", "dee%2Bshop", "chika", "x", "\u0130"),
        *("@", "@", "@", "%40", "&#64;", "&#X40;", "&commat;", "&"),
        *("example.com", "example.com", "EXAMPLE.com", "example.co.jp", "example.com.", "media", "."),
        *(BASE, f"{BASE}/u/ada.1-x", f"{BASE}/c/ada_2", f"{BASE}/u/ben.1", "/u/", "/"),
        *("&#46;com", "%2Ecom", "%26", "\u2011"),
        *(" ", "\n", '"', "<", ">", "'", "(", ",", "?", "=", "\u2605", "y" * 300),
    ]
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)
MAILS = st.builds(Rendered, subject=TEXTS, preheader=TEXTS, html=TEXTS, text=TEXTS)


@given(st.lists(MAILS, min_size=1, max_size=4))
def test_it_finds_in_every_mail_of_a_batch_what_a_plain_look_at_each_piece_finds(batch: list[Rendered]) -> None:
    people = People(ADDRESSES)
    for rendered in batch:
        assert _is_refused(rendered, people) == any(_of_others(part) for part in astuple(rendered)[:4])


def _is_refused(rendered: Rendered, people: People) -> bool:
    try:
        refuse_what_is_others(rendered, "Ada@example.com", BASE, OWN, people)
    except TemplateError:
        return True
    return False


def _of_others(text: str) -> bool:
    """Said at length: each piece between spaces, quotes and brackets, cut at everything that can be an @."""
    links = set(re.findall(re.escape(BASE) + r"/[a-z]/[A-Za-z0-9_.~-]+", text))
    found = {address for piece in re.split(r'[\s<>"]', text) for address in _addresses(piece)}
    return bool(links - OWN or found - {"ada@example.com"})


def _addresses(piece: str) -> Iterator[str]:
    for at in re.finditer("@|%40|&#0*64;|&#x0*40;|&commat;", piece, re.IGNORECASE):
        before = unquote(unescape(piece[: at.start()][-192:])).lower()
        domain = re.split(r"[\s<>\"'():;,&?=\[\]\\/@]", unquote(unescape(piece[at.end() :])))[0].rstrip(".").lower()
        ends = [each for each in map(str.lower, ADDRESSES) if _ends_with(before, each, domain)]
        yield from sorted(ends, key=len)[-1:]


def _ends_with(before: str, address: str, domain: str) -> bool:
    local, _, at_home = address.partition("@")
    return domain == at_home and bool(re.search(rf"(?:^|[\s<>\"'():;,&?=\[\]\\/@]){re.escape(local)}\Z", before))
