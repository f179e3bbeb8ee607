"""Nothing of another person's leaves with a mail."""

from dataclasses import replace

import pytest

from aftercart.errors import TemplateError
from aftercart.rendering.running.leak_guard import People, refuse_what_is_others
from aftercart.rendering.running.runtime import Rendered

BASE = "https://mail.example.com"
OWN = frozenset({f"{BASE}/u/ada.1-x", f"{BASE}/c/ada_2"})
PEOPLE = People(
    [
        "ada@example.com",
        "Ben@example.com",
        "chika@example.co.jp",
        "o'neil@example.com",
        "r&d@example.com",
        "dee+shop@example.com",
    ]
)


def mail(**parts: str) -> Rendered:
    return replace(Rendered("Hello", "", "<p>Hello</p>", "Hello"), **parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "rendered",
    [
        mail(),
        mail(html=f'<a href="{BASE}/u/ada.1-x">x</a> <a href="{BASE}/c/ada_2">y</a> @media ada@example.com @'),
        mail(text=f"{BASE}/u/ada.1-x\n{BASE}/\n{BASE}/about/us https://other.example.com/u/z", html="@" * 1000),
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
    ],
)
def test_what_is_another_s_is_refused(rendered: Rendered) -> None:
    with pytest.raises(TemplateError, match="of another"):
        refuse_what_is_others(rendered, "Ada@example.com", BASE, OWN, PEOPLE)
