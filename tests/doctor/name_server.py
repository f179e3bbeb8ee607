"""A name server that knows a few records, on a port of this machine."""

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset

Zone = Mapping[tuple[str, str], Sequence[str]]
"""Records by (name, type), as they stand in a zone file."""


@contextmanager
def name_server(zone: Zone) -> Iterator[dns.resolver.Resolver]:
    """A resolver that asks it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(0.1)
        ended = threading.Event()
        thread = threading.Thread(target=_serve, args=(listening, zone, ended))
        thread.start()
        yield asking(listening.getsockname()[1])
        ended.set()
        thread.join()


def asking(port: int) -> dns.resolver.Resolver:
    """A resolver that asks whoever listens on a port of this machine."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], port
    return resolver


def _serve(listening: socket.socket, zone: Zone, ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            asked, who = listening.recvfrom(4096)
        except TimeoutError:
            continue
        listening.sendto(_answer(dns.message.from_wire(asked), zone).to_wire(), who)


def _answer(asked: dns.message.Message, zone: Zone) -> dns.message.Message:
    answer = dns.message.make_response(asked)
    answer.flags |= dns.flags.RA
    question = asked.question[0]
    name, kind = question.name.to_text().rstrip("."), question.rdtype.name
    if records := zone.get((name, kind)):
        answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *records))
    elif name not in {known for known, _ in zone}:
        answer.set_rcode(dns.rcode.NXDOMAIN)
    return answer
