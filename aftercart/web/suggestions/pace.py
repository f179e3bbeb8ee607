"""How often may one address ask? A bucket each, that fills at an even pace. Every web process counts on its own."""

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from math import ceil
from time import monotonic

MOST_ADDRESSES = 10_000
_HOUSEHOLD = 2**64
"""Addresses of IPv6 that one household has."""


class Pace:
    """So many questions a minute from one address, and as many at once after a minute of silence. In one thread."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = monotonic) -> None:
        self._per_minute, self._clock = per_minute, clock
        self._left: OrderedDict[object, tuple[float, float]] = OrderedDict()

    def wait(self, address: str) -> int:
        """Take one; 0, or the seconds until the next may be taken."""
        who, now, pace = _who(address), self._clock(), self._per_minute / 60
        left, at = self._left.pop(who, (float(self._per_minute), now))
        left = min(self._per_minute, left + (now - at) * pace)
        may = left >= 1
        self._left[who] = (left - 1 if may else left, now)
        if len(self._left) > MOST_ADDRESSES:
            self._left.popitem(last=False)
        return 0 if may else ceil((1 - left) / pace)


def _who(address: str) -> object:
    try:
        read = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return int(read) // _HOUSEHOLD if isinstance(read, IPv6Address) and not read.ipv4_mapped else address
