from collections.abc import Set
from datetime import UTC, datetime, timedelta

import pytest

from aftercart.tracking.bots import Hit, verdict
from aftercart.tracking.links import TRAP

SENT = datetime(2026, 3, 2, 10, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


def judged(
    method: str = "GET",
    user_agent: str = FIREFOX,
    after: timedelta = timedelta(minutes=5),
    positions: Set[int] = frozenset({1}),
) -> tuple[str, str]:
    return verdict(Hit(method, user_agent, SENT + after, SENT, positions))


def test_a_browser_minutes_later_is_a_person() -> None:
    assert judged() == ("human", "looks_human")


@pytest.mark.parametrize(
    "user_agent",
    [
        FIREFOX,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
        "Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0 Mobile",
        "Mozilla/5.0 (Linux; Android 13; CUBOT NOTE 30) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36",
        "Mozilla/5.0 (Linux; Android 12; CUBOT_X50) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/139.0 Safari/537.36 Edg/139.0",
        "Opera/9.80 (Android; Opera Mini/36.2/191.256; U; en) Presto/2.12.423 Version/12.16",
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
        "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
    ],
)
def test_no_reader_is_taken_for_a_machine(user_agent: str) -> None:
    """T42. Also a phone called CUBOT, and the image proxies that fetch for a person."""
    assert judged(user_agent=user_agent)[0] == "human"


@pytest.mark.parametrize(
    "user_agent",
    [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/139.0 Safari/537.36",
        "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0; BarracudaCentral)",
        "Mimecast URL Protect", "proofpoint-urldefense", "Mozilla/5.0 (compatible; Symantec Email Security)",
        "Microsoft Office Existence Discovery", "Mozilla/4.0 (compatible; ms-office; MSOffice 16)",
        "facebookexternalhit/1.1", "WhatsApp/2.23.20.0", "SkypeUriPreview Preview/0.5", "Slackbot-LinkExpanding 1.0",
        "python-requests/2.32.3", "python-httpx/0.28.1", "Python-urllib/3.11", "curl/8.5.0", "Wget/1.21", "Java/17.0.2",
        "Go-http-client/1.1", "okhttp/4.12.0", "axios/1.7.2", "Apache-HttpClient/4.5.13 (Java/11)", "libwww-perl/6.67",
        "VirusTotalBot", "urlscan.io", "Cloudmark", "Mozilla/5.0 (compatible; Trend Micro tmMail)",
    ],
)  # fmt: skip
def test_a_known_machine_is_one_whenever_it_comes(user_agent: str) -> None:
    """T42."""
    assert judged(user_agent=user_agent) == ("machine", "known_agent")


def test_nobody_reads_by_head() -> None:
    assert judged(method="HEAD") == ("machine", "not_get")


@pytest.mark.parametrize("user_agent", ["", "  "])
def test_a_browser_says_its_name(user_agent: str) -> None:
    assert judged(user_agent=user_agent) == ("machine", "no_agent")


@pytest.mark.parametrize(
    ("after", "who"), [(-1.0, "machine"), (0.0, "machine"), (9.999, "machine"), (10.0, "human"), (60.0, "human")]
)
def test_nobody_clicks_within_ten_seconds_of_the_hand_over(after: float, who: str) -> None:
    """Gateways open links while they hold the mail, some even before they answered us."""
    assert judged(after=timedelta(seconds=after))[0] == who


def test_how_soon_is_too_soon_can_be_set() -> None:
    hit = Hit("GET", FIREFOX, SENT + timedelta(seconds=2), SENT, frozenset({1}))
    assert verdict(hit, too_soon=timedelta(seconds=1)).verdict == "human"


def test_when_the_hand_over_is_not_known_time_says_nothing() -> None:
    assert verdict(Hit("GET", FIREFOX, SENT, None, frozenset({1}))).verdict == "human"


def test_three_links_in_ten_seconds_are_a_scanner_and_two_are_a_curious_person() -> None:
    assert judged(positions=frozenset({1, 2}))[0] == "human"
    assert judged(positions=frozenset({1, 2, 3})) == ("machine", "burst")


def test_who_opens_the_link_that_no_reader_sees_is_a_machine() -> None:
    assert judged(positions=frozenset({1, TRAP})) == ("machine", "trap")
