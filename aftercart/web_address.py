"""A plain web address: one that browsers, mail programs and we read in the same way."""

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

NEVER_IN_A_URL = re.compile(r"[\x00-\x1f\x7f-\x9f\\\u202a-\u202e\u2066-\u2069]")
"""Control characters (those that turn the direction of writing among them), and what some readers take for a slash."""

_WHERE = re.compile(r"(?:\[[^\[\]\s]*\]|[^\[\]\s]+?)(?::\d*)?")
"""A host and perhaps a port, and nothing around them: `urlsplit` overlooks what stands by brackets."""
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\]")


def web_address(url: str) -> SplitResult | None:
    """The parts of an http(s) address; None for anything that could be read in another way than it is meant: another
    scheme, a user name in it, backslashes, control characters, no host."""
    if NEVER_IN_A_URL.search(url):
        return None
    try:
        parts = urlsplit(url)
        host = ascii_host(parts.hostname or "")
        _ = parts.port  # raises ValueError where it is no port
    except ValueError:  # also UnicodeError: no host name, a lone surrogate
        return None
    if parts.scheme not in ("http", "https") or not url[len(parts.scheme) :].startswith("://"):
        return None
    if not _WHERE.fullmatch(parts.netloc):
        return None
    if "@" in parts.netloc or "%" in parts.netloc or not _HOST.fullmatch(host if ":" not in host else f"[{host}]"):
        return None
    return parts if _is_text(url) else None


def ascii_host(host: str) -> str:
    """The host in ASCII. Raises ValueError (UnicodeError) where it is none."""
    return host if host.isascii() else host.encode("idna").decode("ascii")


def is_this_machine(host: str) -> bool:
    """Whether a host is this very machine: nobody can listen on the way there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_text(url: str) -> bool:
    try:
        url.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True
