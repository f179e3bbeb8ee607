"""To which machine an endpoint's name leads, and whether we may speak to it.

Whoever may write a name into the settings, or into the DNS behind one, must not reach the machines beside ours: a
database without a password, a cloud's metadata. So every address of the name must be a public one, and the connection
goes to the very address that was looked at: a second answer of the DNS changes nothing.
"""

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address, ip_address
from urllib.parse import SplitResult

from aftercart.outward.answer import NotToldError

Resolve = Callable[[str, int], Sequence[str]]
"""Of a host and port, its addresses."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def is_private_line(parts: SplitResult, *, to_loopback: bool) -> bool:
    """Whether nobody on the way reads what is told there: it is encrypted, or stays on this machine."""
    return parts.scheme == "https" or (to_loopback and parts.hostname in LOOPBACK)


def resolved(host: str, port: int) -> list[str]:
    """What the system's resolver says. Raises NotToldError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as err:
        raise NotToldError(f"the name {host} leads nowhere: {err}") from err
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def address_of(host: str, port: int, resolve: Resolve, *, to_loopback: bool) -> str:
    """The address to connect to. Raises NotToldError where one of them is not public."""
    addresses = resolve(host, port)
    for address in addresses:
        if not _may_be_told(address, to_loopback=to_loopback):
            raise NotToldError(f"{host} leads to {address}, which is no public address")
    return addresses[0]


def _may_be_told(address: str, *, to_loopback: bool) -> bool:
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or found.sixtofour or found
    if found.is_loopback:
        return to_loopback
    return found.is_global and not found.is_multicast
