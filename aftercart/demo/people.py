"""What recipients of the demo do with a mail: read it, click, buy, leave. And what their mail scanners do.

All of it follows from the seed and the name of the mail (its order, campaign and step: never a random id), so that two
runs of the demo agree. Nothing here acts: the demo does what is planned here, at the planned instants.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import StrEnum
from html.parser import HTMLParser
from math import log

from aftercart.demo.shares import share

READERS, BUYERS, LEAVERS, SCANNED = 0.15, 0.25, 0.01, 0.03
"""Of the recipients who click, of those who then buy, of all who leave, of all whose mail a scanner opens first."""
SECOND_CLICK = 0.3
CLICK_AFTER, CLICK_AT_MOST = timedelta(hours=3), timedelta(days=2)
"""The mean of an exponential delay and where it is cut; nobody is faster than FASTEST."""
FASTEST = timedelta(minutes=2)
BUY_AFTER, BUY_AT_MOST = timedelta(hours=30), timedelta(days=4, hours=20)
FIRST_LINK_PULL = 0.6
"""Each further product draws this share of the one before it."""

PERSON_AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.3 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.3 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:135.0) Gecko/20100101 Firefox/135.0",
)
SCANNER_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
)
"""A gateway looks like a browser; only its haste gives it away."""


class Deed(StrEnum):
    CLICK = "click"
    """A person follows a link (GET)."""
    SCAN = "scan"
    """A machine follows a link (GET)."""
    BUY = "buy"
    """The person orders the product that the link led to."""
    LEAVE = "leave"
    """The mail program POSTs `List-Unsubscribe=One-Click` (RFC 8058)."""


@dataclass(frozen=True, slots=True, order=True)
class Action:
    """One deed at one instant, on one of the mail's links. A BUY follows the CLICK on the same link."""

    at: datetime
    deed: Deed
    url: str
    user_agent: str = ""


def reacts(seed: int, mail: object) -> bool:
    """Whether anything happens to this mail at all; four of five are never opened."""
    dice = _Dice(seed, mail)
    return dice.happens("scanned", SCANNED) or dice.happens("leaves", LEAVERS) or dice.happens("reads", READERS)


def plan(
    seed: int,
    mail: object,
    delivered_at: datetime,
    product_links: Sequence[str],
    *,
    all_links: Sequence[str] = (),
    unsubscribe_url: str = "",
) -> tuple[Action, ...]:
    """What happens to one mail, in the order of time. `mail`: its name, the same in every run.

    People click on `product_links`, the first picks most; a scanner opens `all_links` (the product links where none
    are given). Whoever leaves does nothing else.
    """
    dice = _Dice(seed, mail)
    actions = list(_scan(dice, delivered_at, all_links or product_links)) if dice.happens("scanned", SCANNED) else []
    if unsubscribe_url and dice.happens("leaves", LEAVERS):
        at = delivered_at + dice.delay("leaves after", CLICK_AFTER, CLICK_AT_MOST)
        actions.append(Action(at, Deed.LEAVE, unsubscribe_url, PERSON_AGENTS[0]))
    elif product_links and dice.happens("reads", READERS):
        actions += _reading(dice, delivered_at, product_links)
    return tuple(sorted(actions))


@dataclass(frozen=True)
class _Dice:
    """Chance about one mail: the same question has the same answer."""

    seed: int
    mail: object

    def share(self, about: str) -> float:
        return share(self.seed, self.mail, about)

    def happens(self, about: str, how_often: float) -> bool:
        return self.share(about) < how_often

    def delay(self, about: str, mean: timedelta, at_most: timedelta) -> timedelta:
        """Exponential, between FASTEST and `at_most`, to the second."""
        wait = FASTEST + mean * -log(1 - self.share(about))
        return timedelta(seconds=int(min(wait, at_most).total_seconds()))


def _scan(dice: _Dice, delivered_at: datetime, links: Sequence[str]) -> Iterable[Action]:
    """Every link, within seconds of the delivery."""
    start = delivered_at + timedelta(seconds=1 + 3 * dice.share("scanner starts"))
    for n, url in enumerate(dict.fromkeys(links)):
        yield Action(start + timedelta(milliseconds=200 * n), Deed.SCAN, url, SCANNER_AGENT)


def _reading(dice: _Dice, delivered_at: datetime, links: Sequence[str]) -> Iterable[Action]:
    agent = PERSON_AGENTS[int(dice.share("agent") * len(PERSON_AGENTS))]
    clicked_at = delivered_at + dice.delay("clicks after", CLICK_AFTER, CLICK_AT_MOST)
    last = Action(clicked_at, Deed.CLICK, _drawn(dice, "first", links), agent)
    yield last
    if dice.happens("clicks again", SECOND_CLICK):
        pause = timedelta(seconds=40 + int(dice.share("pause") * 600))
        last = Action(clicked_at + pause, Deed.CLICK, _drawn(dice, "second", links), agent)
        yield last
    if dice.happens("buys", BUYERS):
        yield Action(last.at + dice.delay("buys after", BUY_AFTER, BUY_AT_MOST), Deed.BUY, last.url, agent)


def _drawn(dice: _Dice, which: str, links: Sequence[str]) -> str:
    """A link, the earlier the likelier: its position is geometric, wrapped at the end."""
    position = int(log(1 - dice.share(f"{which} link")) / log(FIRST_LINK_PULL))
    return links[position % len(links)]


# ---------------------------------------------------------------- reading a received mail


@dataclass(frozen=True)
class Letter:
    """What a received mail offers to its reader. `links`: every distinct http(s) link of the HTML part, in order."""

    message_id: str
    recipient: str
    links: tuple[str, ...]
    unsubscribe_url: str


def open_letter(raw: bytes) -> Letter:
    """Read a received mail. What it lacks stays empty."""
    message = message_from_bytes(raw, policy=policy.default)
    html = message.get_body(("html",))
    return Letter(
        message_id=str(message.get("Message-ID", "")).strip(),
        recipient=str(message.get("To", "")),
        links=links_in(html.get_content()) if isinstance(html, EmailMessage) else (),
        unsubscribe_url=_one_click_url(message),
    )


def links_in(html: str) -> tuple[str, ...]:
    """The distinct http(s) targets of the document's links, in the order in which a reader meets them."""
    reader = _LinkReader()
    reader.feed(html)
    reader.close()
    return tuple(dict.fromkeys(reader.links))


class _LinkReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href") if tag in ("a", "area") else None
        if target and target.startswith(("http://", "https://")):
            self.links.append(target)


def _one_click_url(message: EmailMessage) -> str:
    """The web address of List-Unsubscribe (https; http on one's own machine), if one click is allowed (RFC 8058)."""
    if "one-click" not in str(message.get("List-Unsubscribe-Post", "")).lower():
        return ""
    targets = (part.strip().strip("<>").strip() for part in str(message.get("List-Unsubscribe", "")).split(","))
    return next((target for target in targets if target.startswith(("http://", "https://"))), "")
