from datetime import UTC, datetime, timedelta

import pytest

from aftercart.tracking.opens import open_verdict

SENT = datetime(2026, 3, 2, 10, tzinfo=UTC)
LATER = SENT + timedelta(hours=1)
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
YAHOO = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"


@pytest.mark.parametrize(
    ("method", "agent", "at", "verdict"),
    [
        ("GET", SAFARI, LATER, ("human", "looks_human")),
        ("GET", GMAIL, LATER, ("human", "image_proxy")),
        ("GET", YAHOO, LATER, ("human", "image_proxy")),
        ("GET", "Mozilla/5.0", LATER, ("machine", "apple_proxy")),
        ("GET", "Mozilla/5.0", SENT, ("machine", "apple_proxy")),
        ("GET", SAFARI, SENT + timedelta(seconds=3), ("machine", "too_soon")),
        ("GET", GMAIL, SENT + timedelta(seconds=3), ("machine", "too_soon")),
        ("GET", "curl/8.5.0", LATER, ("machine", "known_agent")),
        ("GET", " ", LATER, ("machine", "no_agent")),
        ("HEAD", SAFARI, LATER, ("machine", "not_get")),
    ],
)
def test_who_fetched_the_picture(method: str, agent: str, at: datetime, verdict: tuple[str, str]) -> None:
    assert open_verdict(method, agent, at, SENT) == verdict


def test_a_mail_whose_hand_over_is_not_known_is_not_judged_by_it() -> None:
    assert open_verdict("GET", SAFARI, LATER, None).verdict == "human"
