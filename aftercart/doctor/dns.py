"""May the mail server send for the sender's domain, and does the rest of the world know it? SPF, DKIM, DMARC, MX.

Gmail, Yahoo and Outlook refuse bulk mail from a domain without SPF, DKIM and DMARC (since 2024 and 2025).
"""

from collections.abc import Iterator
from typing import Any

import dns.exception
import dns.resolver

from aftercart.doctor.finding import Finding, Level, fault, fine, warn

MX, SPF, DKIM, DMARC = "dns mx", "dns spf", "dns dkim", "dns dmarc"
WITHIN_S = 5.0
NOT_ASKED = "ask from a machine that reaches a name server"


def check_dns(
    domain: str,
    selectors: tuple[str, ...] = (),
    resolver: dns.resolver.Resolver | None = None,
    within_s: float = WITHIN_S,
    usual: tuple[str, ...] = (),
) -> Iterator[Finding]:
    """What the domain of the From address says of itself. `selectors`: names of DKIM keys, if they are known; `usual`:
    those under which the mail services that send usually have them."""
    if _is_an_example(domain):
        yield warn(
            "dns", f"mails would come from {domain}, which is only an example", "name yours in campaigns/brand.yaml"
        )
        return
    try:
        asked = resolver or dns.resolver.Resolver()
        asked.lifetime = within_s
        yield _mx(domain, asked)
        yield _spf(domain, _texts(domain, "v=spf1", asked))
        yield from (_dkim(domain, selector, asked) for selector in selectors)
        if not selectors and usual:
            yield _usual_dkim(domain, usual, asked)
        elif not selectors:
            yield warn(DKIM, f"not looked at: which key signs for {domain}?", "aftercart doctor --dkim-selector NAME")
        yield _dmarc(domain, asked)
    except dns.exception.DNSException as err:
        yield warn("dns", f"no name server answers ({type(err).__name__})", NOT_ASKED)


def _is_an_example(domain: str) -> bool:
    """Reserved by RFC 2606: nobody's."""
    return f".{domain}".endswith((".example.com", ".example.org", ".example.net", ".example", ".invalid", ".localhost"))


def _mx(domain: str, resolver: dns.resolver.Resolver) -> Finding:
    hosts = [str(record.exchange).rstrip(".") for record in _records(domain, "MX", resolver)]
    if hosts in ([], [""]):  # none, or the null MX of RFC 7505
        do = "publish an MX: answers and bounces go there, and many servers refuse mail from a domain without one"
        return warn(MX, f"{domain} takes no mail", do)
    return fine(MX, f"{domain}: {', '.join(hosts)}")


def _spf(domain: str, found: list[str]) -> Finding:
    if not found:
        return fault(
            SPF, f"{domain} has none", "publish the TXT record that your mail provider names (v=spf1 ... ~all)"
        )
    if len(found) > 1:
        return fault(SPF, f"{domain} has {len(found)}, so none counts (RFC 7208)", "make one of them")
    if found[0].split()[-1].lower() in ("+all", "all"):
        return fault(SPF, f"{domain} lets everybody send ({found[0]})", "end it with ~all or -all")
    return fine(SPF, f"{domain}: {found[0]}")


def _dkim(domain: str, selector: str, resolver: dns.resolver.Resolver) -> Finding:
    name = f"{selector}._domainkey.{domain}"
    keys = [text for text in _texts(name, "", resolver) if "p=" in text]
    if not keys:
        return fault(DKIM, f"there is no key at {name}", "publish the record that your mail provider names")
    if "p=" in (part.strip() for part in keys[0].split(";")):
        return fault(DKIM, f"the key at {name} is revoked (p= is empty)", "name the one that signs now")
    return fine(DKIM, f"{name} holds a key")


def _usual_dkim(domain: str, selectors: tuple[str, ...], resolver: dns.resolver.Resolver) -> Finding:
    found = [_dkim(domain, selector, resolver) for selector in selectors]
    if good := next((one for one in found if one.level is Level.FINE), None):
        return good
    names = ", ".join(f"{selector}._domainkey" for selector in selectors)
    do = "publish the records that your mail service names, or tell theirs: aftercart doctor --dkim-selector NAME"
    return warn(DKIM, f"{domain} has no key under the usual names ({names})", do)


def _dmarc(domain: str, resolver: dns.resolver.Resolver) -> Finding:
    """Of the domain, or of the nearest one above it that has any (where a subdomain sends)."""
    labels = domain.split(".")
    for name in (".".join(labels[above:]) for above in range(len(labels) - 1)):
        found = _texts(f"_dmarc.{name}", "v=dmarc1", resolver)
        if len(found) > 1:
            return fault(DMARC, f"_dmarc.{name} has {len(found)}, so none counts (RFC 7489)", "make one of them")
        if found:
            return fine(DMARC, f"_dmarc.{name}: {found[0]}")
    do = f"publish a TXT record at _dmarc.{domain}: v=DMARC1; p=none; rua=mailto:postmaster@{domain}"
    return fault(DMARC, f"{domain} has none, and the large mailbox providers refuse bulk mail without one", do)


def _texts(name: str, beginning: str, resolver: dns.resolver.Resolver) -> list[str]:
    texts = (b"".join(record.strings).decode("ascii", "replace") for record in _records(name, "TXT", resolver))
    return [text for text in texts if text.lower().startswith(beginning)]


def _records(name: str, kind: str, resolver: dns.resolver.Resolver) -> list[Any]:
    try:
        return list(resolver.resolve(name, kind))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
