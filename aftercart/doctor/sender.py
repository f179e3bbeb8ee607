"""Would the mail server take our mails? It is connected to and logged in to, and given none."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Protocol, runtime_checkable

from aftercart.delivery.base import Sender
from aftercart.delivery.senders import senders_from_urls
from aftercart.doctor.finding import Finding, fault, fine, warn
from aftercart.errors import AftercartError, DeliveryError

SENDER = "sender"


@runtime_checkable
class CanBeTried(Protocol):
    """A sender that can tell whether it would work."""

    def probe(self) -> frozenset[str] | None:
        """Go as far as one can without a mail; what the server offers. None: that tells nothing.

        Raises DeliveryError.
        """
        ...


def check_senders(urls: str, environment: Mapping[str, str]) -> Iterator[Finding]:
    """The senders that the URLs name. `environment`: where mail services' keys may stand."""
    try:
        senders = senders_from_urls(urls, environment=environment)
    except AftercartError as err:
        yield fault(SENDER, str(err), "correct AFTERCART_SENDER_URL")
        return
    for sender, url in zip(senders, urls.split() or [urls], strict=True):
        yield from _check(sender, url)


def _check(sender: Sender, url: str) -> Iterator[Finding]:
    with closing(sender):
        if sender.name in ("console", "file"):
            do = "for real mail: AFTERCART_SENDER_URL=smtp+starttls://USER:PASSWORD@HOST:587"
            yield warn(SENDER, f"{sender.name}: mails reach nobody", do)
        elif isinstance(sender, CanBeTried):
            yield from _tried(sender, sender.name, url)
        else:
            yield _cannot_be_told(sender.name)


def _cannot_be_told(name: str) -> Finding:
    return warn(SENDER, f"{name}: only a real mail will show whether it takes ours", "send yourself one")


def _tried(sender: CanBeTried, name: str, url: str) -> Iterator[Finding]:
    try:
        offered = sender.probe()
    except DeliveryError as err:
        yield fault(SENDER, f"{name}: {err}", _remedy(str(err)))
        return
    if offered is None:
        yield _cannot_be_told(name)
        return
    if name.startswith("esp:"):
        yield fine(SENDER, f"{name} takes our key")
        return
    if url.startswith("smtp:") and "starttls" in offered:
        yield warn(
            SENDER, f"{name} offers STARTTLS, and mails go to it in the clear", "write smtp+starttls:// in its URL"
        )
    told = f" (it offers {', '.join(sorted(offered))})" if offered else ""
    yield fine(SENDER, f"{name} takes our connection{' and login' if '@' in url else ''}{told}")


def _remedy(fault_: str) -> str:
    """By what providers and `ssl` say; where nothing fits, what is at hand."""
    said = fault_.lower()
    if said.startswith(("401", "403")):
        return "correct its key, in AFTERCART_SENDER_URL or under the vendor's own name (docs/mail-services.md)"
    if "certificate" in said:
        return "its certificate does not fit its name or is not signed by anybody we trust: use the name that it is for"
    if said.startswith(("535", "534", "530")) or "auth" in said:
        return "correct user and password in AFTERCART_SENDER_URL (encode @ as %40, : as %3A, / as %2F)"
    if "starttls" in said or "ssl" in said:
        return "port 465 wants smtps://, port 587 smtp+starttls://"
    if "name or service not known" in said or "getaddrinfo" in said or "name resolution" in said:
        return "correct the host in AFTERCART_SENDER_URL"
    return "see that it runs and that no firewall stands between (many hosters close port 25)"
