"""Did a person open this link, or a machine? Pure.

Mail gateways open every link before the reader sees the mail, with headers of real browsers; so time and pattern tell
more than names. Every hit is recorded and redirected; only human ones count.
"""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from aftercart.tracking.links import TRAP

TOO_SOON = timedelta(seconds=10)
"""Nobody opens a mail and clicks within this time after it was handed over."""
BURST_WINDOW = timedelta(seconds=10)
BURST_LINKS = 3
"""So many different links within the window is a scanner at work."""

IMAGE_PROXY = re.compile(r"GoogleImageProxy|YahooMailProxy", re.IGNORECASE)
"""Gmail and Yahoo fetch a picture for a person who has the mail open."""
_MACHINES = re.compile(
    r"""
    (?<!cu)bot(\b|_) | crawl | spider | scan(ner|ning)? \b | preview | prefetch | monitor(ing)? \b
    | headless | phantomjs | selenium | puppeteer | playwright
    | ^curl | ^wget | libwww | python- | aiohttp | ^httpx | go-http-client | ^java/ | apache-httpclient | okhttp
    | node-fetch | axios/ | ^ruby | ^php | guzzle | ^postman | ^insomnia | winhttp | libcurl
    | barracuda | mimecast | proofpoint | symantec | messagelabs | trend\s?micro | fireeye | trellix | ironport
    | forcepoint | websense | sophos | zscaler | cloudmark | bitdefender | kaspersky | fortinet | fortiguard | mcafee
    | paloalto | checkpoint | vade(secure)? | hornetsecurity | retarus | safelinks | urldefense | vircom | egress
    | office\ existence\ discovery | office\ protocol\ discovery | ms-office | microsoft\ office | bingpreview
    | facebookexternalhit | whatsapp | skypeuripreview | google-safety | google-read-aloud | virustotal | urlscan
    """,
    re.IGNORECASE | re.VERBOSE,
)


class Verdict(NamedTuple):
    """Who it was, and the reason, as it is stored with the click."""

    verdict: Literal["human", "machine"]
    reason: Literal["looks_human", "not_get", "prefetch", "no_agent", "known_agent", "too_soon", "trap", "burst"]


@dataclass(frozen=True, slots=True)
class Hit:
    """One request for a tracked link."""

    method: str
    user_agent: str
    at: datetime
    sent_at: datetime | None
    """When the mail was handed over; None where that is not known."""
    recent_positions: Set[int]
    """The links of the same mail that were opened in the last `BURST_WINDOW`, this one included."""
    in_case: bool = False
    """Whether a browser says that it loads the page before anybody wants it."""


def verdict(hit: Hit, too_soon: timedelta = TOO_SOON) -> Verdict:
    """Human unless something speaks against it. The first reason wins."""
    if hit.method != "GET":
        return Verdict("machine", "not_get")
    if hit.in_case:
        return Verdict("machine", "prefetch")
    if not hit.user_agent.strip():
        return Verdict("machine", "no_agent")
    if is_known_machine(hit.user_agent):
        return Verdict("machine", "known_agent")
    if hit.sent_at is not None and hit.at - hit.sent_at < too_soon:
        return Verdict("machine", "too_soon")
    if TRAP in hit.recent_positions:
        return Verdict("machine", "trap")
    if len(hit.recent_positions) >= BURST_LINKS:
        return Verdict("machine", "burst")
    return Verdict("human", "looks_human")


def loads_in_case(headers: Mapping[str, str]) -> bool:
    """Whether a browser says so. The first header is the standard's, the others are those of older browsers."""
    said = (headers.get(name, "").lower() for name in ("sec-purpose", "purpose", "x-moz", "x-purpose"))
    return any("prefetch" in one or "preview" in one for one in said)


def is_known_machine(user_agent: str) -> bool:
    return not IMAGE_PROXY.search(user_agent) and _MACHINES.search(user_agent) is not None
