"""Do the links in the mails lead here, and do the clocks agree?

The time comes with the answers: that of the public address, and that of the shop's own site, which is another machine.
"""

import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from aftercart.clock import Clock
from aftercart.doctor.finding import Finding, fault, fine, warn

ADDRESS, CLOCK = "base url", "clock"
WITHIN_S = 5.0
AGREE, TOO_FAR = timedelta(seconds=5), timedelta(seconds=60)
"""Seconds of network are no fault. Leases last two minutes, and a message about a due mail one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a web server said. `fault`: why it said nothing."""

    url: str
    status: int = 0
    body: bytes = b""
    at: datetime | None = None
    fault: str = ""


def get(url: str, within_s: float = WITHIN_S) -> Answer:
    """Ask once."""
    request = Request(url, headers={"User-Agent": "aftercart-doctor", "Accept": "*/*"})
    try:
        with urlopen(request, timeout=within_s) as response:
            return Answer(url, response.status, response.read(10_000), _date(response.headers.get("Date")))
    except HTTPError as err:
        return Answer(url, err.code, at=_date(err.headers.get("Date")))
    except URLError as err:
        if isinstance(err.reason, ssl.SSLCertVerificationError):
            return Answer(url, fault=f"its certificate is not valid: {err.reason.verify_message}")
        return Answer(url, fault=str(err.reason))
    except (OSError, HTTPException, ValueError) as err:
        return Answer(url, fault=str(err) or type(err).__name__)


def check_address(base_url: str, answer: Answer) -> Iterator[Finding]:
    """`answer`: of `/healthz` below the address that stands in the mails."""
    local = any(name in base_url for name in ("//127.0.0.1", "//localhost", "//[::1]"))
    if local:
        do = "set AFTERCART_BASE_URL to the public address before real people get mail"
        yield warn(ADDRESS, f"the links in the mails lead to {base_url}, so to each reader's own machine", do)
    elif base_url.startswith("http://"):
        yield fault(
            ADDRESS, f"{base_url} is not https: one-click unsubscribe (RFC 8058) asks for it", "put TLS before it"
        )
    if answer.fault:
        do = "see DNS, the proxy and the firewall; or the engine does not run, or this machine cannot reach itself so"
        yield (fault if "certificate" in answer.fault else warn)(ADDRESS, f"{answer.url}: {answer.fault}", do)
    elif answer.status != 200 or b'"ok"' not in answer.body:
        do = "see where the proxy leads: it must hand on every path below AFTERCART_BASE_URL"
        yield fault(ADDRESS, f"{answer.url} answers {answer.status}, and it is not us", do)
    else:
        yield fine(ADDRESS, f"{base_url} leads here")


def check_clock(clock: Clock, others: Iterable[tuple[str, datetime | None]]) -> Iterator[Finding]:
    """`others`: who was asked just now, and their time."""
    now = clock()
    told = [(who, at - now) for who, at in others if at is not None]
    if not told:
        yield warn(CLOCK, "nobody could be asked for the time", "see that the machine keeps it by NTP")
        return
    who, apart = max(told, key=lambda one: abs(one[1]))
    found = f"{abs(apart).total_seconds():.0f} s {'behind' if apart > timedelta(0) else 'before'} {who}"
    if abs(apart) > TOO_FAR:
        yield fault(CLOCK, found, "let NTP set the clocks: mails and leases go by them, and signatures are refused")
    elif abs(apart) > AGREE:
        yield warn(CLOCK, found, "let NTP set the clocks")
    else:
        yield fine(CLOCK, f"agrees with {', '.join(name for name, _ in told)}")


def _date(header: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(header).astimezone(UTC) if header else None
    except ValueError:
        return None
