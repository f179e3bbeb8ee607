"""What recipients do is decided by the seed and the mail alone, in believable shares."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.demo.people import Action, Deed, links_in, open_letter, plan, reacts

NOON = datetime(2026, 5, 28, 12, tzinfo=UTC)
LINKS = tuple(f"http://127.0.0.1/c/{n}" for n in range(4))
LEAVE = "http://127.0.0.1/u/1"
MANY = 8_000


def _plans(seed: int = 7) -> list[tuple[Action, ...]]:
    return [plan(seed, f"send {n}", NOON, LINKS, all_links=(*LINKS, LEAVE), unsubscribe_url=LEAVE) for n in range(MANY)]


@pytest.fixture(scope="module")
def plans() -> list[tuple[Action, ...]]:
    return _plans()


def _share_with(plans: Iterable[tuple[Action, ...]], deed: Deed) -> float:
    return sum(any(action.deed is deed for action in actions) for actions in plans) / MANY


def test_the_same_seed_gives_the_same_deeds(plans: list[tuple[Action, ...]]) -> None:
    assert _plans()[:500] == plans[:500]
    assert _plans(seed=8)[:500] != plans[:500]


def test_shares_are_those_of_a_good_mailing(plans: list[tuple[Action, ...]]) -> None:
    clicking = _share_with(plans, Deed.CLICK)
    assert clicking == pytest.approx(0.15, abs=0.015)
    assert _share_with(plans, Deed.BUY) / clicking == pytest.approx(0.25, abs=0.04)
    assert _share_with(plans, Deed.LEAVE) == pytest.approx(0.01, abs=0.004)
    assert _share_with(plans, Deed.SCAN) == pytest.approx(0.03, abs=0.008)


def test_people_take_minutes_to_days_and_prefer_what_stands_first(plans: list[tuple[Action, ...]]) -> None:
    clicks = [action for actions in plans for action in actions if action.deed is Deed.CLICK]
    waits = [click.at - NOON for click in clicks]
    assert min(waits) >= timedelta(minutes=2)
    assert max(waits) <= timedelta(days=2, hours=1)
    counts = Counter(click.url for click in clicks)
    assert counts[LINKS[0]] > counts[LINKS[1]] > counts[LINKS[2]] > counts[LINKS[3]] > 0


def test_who_buys_has_clicked_on_it_before_and_buys_within_five_days(plans: list[tuple[Action, ...]]) -> None:
    for actions in plans:
        for buy in (action for action in actions if action.deed is Deed.BUY):
            clicked = [action.at for action in actions if action.deed is Deed.CLICK and action.url == buy.url]
            assert timedelta(0) < buy.at - max(clicked) <= timedelta(days=5)


def test_scanners_open_every_link_in_seconds_and_change_nothing(plans: list[tuple[Action, ...]]) -> None:
    """T24, T42: what a scanner does is a GET, on the unsubscribe link too."""
    for actions in plans:
        scans = [action for action in actions if action.deed is Deed.SCAN]
        if scans:
            assert [scan.url for scan in scans] == [*LINKS, LEAVE]
            assert all(scan.at - NOON < timedelta(seconds=10) for scan in scans)


def test_who_leaves_posts_to_the_one_click_address_and_does_nothing_else(plans: list[tuple[Action, ...]]) -> None:
    for actions in plans:
        deeds = {action.deed: action.url for action in actions}
        if Deed.LEAVE in deeds:
            assert deeds[Deed.LEAVE] == LEAVE
            assert not {Deed.CLICK, Deed.BUY} & set(deeds)


@given(st.integers(), st.uuids(), st.integers(0, 5))
def test_plans_are_in_the_order_of_time_and_never_before_the_mail(seed: int, send_id: object, count: int) -> None:
    links = [f"http://host/{n}" for n in range(count)]
    actions = plan(seed, send_id, NOON, links)
    assert list(actions) == sorted(actions, key=lambda action: action.at)
    assert all(action.at > NOON and action.url in links for action in actions)


def test_links_are_read_as_a_browser_reads_them() -> None:
    html = """<a href="https://x/c/1?a=1&amp;b=2">one</a> <a href='mailto:a@example.com'>no</a> <a name="x">no</a>
    <map><area href=http://x/c/2></map> <A HREF="https://x/c/1?a=1&amp;b=2">again</A> <img src="http://x/o/1">"""
    assert links_in(html) == ("https://x/c/1?a=1&b=2", "http://x/c/2")


def _letter(unsubscribe: str, post: str = "List-Unsubscribe=One-Click") -> bytes:
    message = EmailMessage()
    message["To"], message["Message-ID"] = "ada@example.com", "<1@shop.example>"
    message["List-Unsubscribe"] = unsubscribe
    if post:
        message["List-Unsubscribe-Post"] = post
    message.set_content("text")
    message.add_alternative('<p><a href="http://x/c/1">Helm für dich</a></p>', subtype="html")
    return message.as_bytes()


def test_a_letter_offers_its_links_and_its_one_click_address() -> None:
    letter = open_letter(_letter("<mailto:u@shop.example>, <https://shop.example/u/abc>"))
    assert letter.links == ("http://x/c/1",)
    assert letter.unsubscribe_url == "https://shop.example/u/abc"
    assert (letter.recipient, letter.message_id) == ("ada@example.com", "<1@shop.example>")


def test_without_the_one_click_header_nobody_leaves_by_one_click() -> None:
    """T26: the address alone does not promise that a POST is enough."""
    assert open_letter(_letter("<https://shop.example/u/abc>", post="")).unsubscribe_url == ""
    assert open_letter(_letter("<mailto:u@shop.example>")).unsubscribe_url == ""


def test_a_mail_without_html_has_no_links() -> None:
    assert open_letter(b"Subject: x\r\n\r\nplain\r\n").links == ()


def test_nothing_comes_of_a_mail_that_nobody_reacts_to(plans: list[tuple[Action, ...]]) -> None:
    assert [reacts(7, f"send {n}") for n in range(MANY)] == [bool(actions) for actions in plans]
