"""Whose page a link leads to: clicks are counted on those of the shop's own hosts."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from aftercart.web_address import ascii_host, web_address


def is_listed(host: str, listed: Sequence[str]) -> bool:
    """Whether a host is one of those listed, or a subdomain of one."""
    plain = ascii_host(host).rstrip(".")
    return any(plain == known or plain.endswith(f".{known}") for known in _in_ascii(tuple(listed)))


def counted_by_host(urls: Iterable[str]) -> Counter[str]:
    """How many of these addresses lie on each host; what is no web address lies on none."""
    origins = Counter("/".join(url.strip().split("/", 3)[:3]) for url in urls)  # a million pages have a few origins
    hosts: Counter[str] = Counter()
    for origin, count in origins.items():
        if parts := web_address(origin):
            hosts[ascii_host(parts.hostname or "")] += count
    return hosts


def not_listed(hosts: Mapping[str, int], listed: Sequence[str]) -> Iterator[tuple[str, int]]:
    """The hosts on which no click is counted, the one with the most pages first."""
    for host, count in sorted(hosts.items(), key=lambda item: (-item[1], item[0])):
        if not is_listed(host, listed):
            yield host, count


@lru_cache(maxsize=64)
def _in_ascii(hosts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(ascii_host(host.lower()) for host in hosts)
