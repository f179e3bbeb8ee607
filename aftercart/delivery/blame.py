"""Whose fault is it that a server refused a mail for good? Pure.

The enhanced status code says it where there is one (RFC 3463, and the registry of RFC 5248). The plain codes say
nothing: 550 stands for "no such user", "relaying denied", "your address is on a blocklist" and "mailbox full" alike.
Where the code is missing or speaks of nothing in particular (a detail of 0), the words must be clear, and the address
has the benefit of the doubt: who is suppressed by mistake is lost, who is kept by mistake costs one more refusal.
"""

import re
from enum import StrEnum


class Blame(StrEnum):
    """What keeps the mail from being taken."""

    ADDRESS = "address"
    """There is no such mailbox."""
    US = "us"
    """Something about us: login, relaying, blocklists, reputation, how much we send. Somebody can mend it."""
    NOBODY = "nobody"
    """Something about this mail or the state of this mailbox (its size, its quota); or the server did not say."""


_BY_STATUS = {
    "5.1.1": Blame.ADDRESS,  # no such mailbox
    "5.1.2": Blame.ADDRESS,  # no such domain
    "5.1.3": Blame.ADDRESS,  # its syntax is wrong
    "5.1.6": Blame.ADDRESS,  # moved away, no forwarding address
    "5.1.7": Blame.US,  # the sender's address: syntax
    "5.1.8": Blame.US,  # the sender's address: domain; Exchange Online: our account is locked
    "5.1.10": Blame.ADDRESS,  # the domain takes no mail (null MX, RFC 7505); Exchange: no such mailbox
    "5.2.2": Blame.NOBODY,  # mailbox full
    "5.2.3": Blame.NOBODY,  # too big for this mailbox
    "5.3.4": Blame.NOBODY,  # too big for the system
    "5.4.5": Blame.US,  # congestion; Gmail: we sent too many today
    "5.6.7": Blame.NOBODY,  # takes no address outside ASCII (RFC 6531)
}
_BY_SUBJECT = {
    "5.5": Blame.US,  # the protocol: our HELO, a command, a parameter
    "5.7": Blame.US,  # security and policy: relaying, login, SPF, DKIM, blocklists, reputation
}
_SAYS_SOMETHING = frozenset({"5.7.0"})
"""Details of 0 that speak all the same."""

_OUR_COMMANDS = frozenset({500, 501, 502, 503, 504, 530, 534, 535, 538})
"""Plain codes with one meaning: a command that the server does not like (RFC 5321 §4.2.2), a login (RFC 4954 §6)."""
_STORAGE = 552
"""Mailbox full, or message too big."""


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_SPEAKS_OF_US = _any(
    r"\brelay(?:ing|ed)?\b(?!\.\w|[=-]| recipient)",  # but for a host's name, and Postfix's "relay recipient table"
    r"rcpt ?hosts|remote domains not supported",
    r"authenticat|\bauth\b|credential|\blog ?in\b|\b(?:start)?tls\b|not verified",
    r"\bsender|\bspoof|\b(?:return|from)[ -](?:address|path)|\bmail ?from\b",
    r"\b(?:helo|ehlo|ptr|rdns|spf|dkim|dmarc|ip)\b|reverse (?:dns|host)|client host",
    r"your (?:host|server|network|domain|isp|access)",
    r"\bblock(?:ed|ing)?\b|(?:block|black) ?list|dnsbl|\brbl\b|(?<!not )listed (?:at|by|in|on)\b",
    r"spamhaus|spamcop|sorbs|cloudmark|barracudacentral",
    r"\bpolic(?:y|ies)\b|reputation|\bspam|\bjunk|unsolicited|phish|suspicious|\babus",
    r"too (?:many (?:connections|sessions|recipients|errors)|fast|quickly)|rate limit|throttl",
    r"sending (?:limit|quota|activity)|daily .{0,20}(?:limit|quota)",
    r"(?<!recipient address rejected: )access denied",  # Exchange Online says so of mailboxes that it does not know
)
_SPEAKS_OF_THIS_MAIL = _any(
    r"quota|\bfull\b|storage|out of space|too (?:big|large|long)|(?:message|mail) size",
    r"\bdisabled\b|\bsuspended\b|\binactiv|virus|attachment|\bcontent\b",
)
_MAILBOX = r"(?:user|recipient|mail ?box|address|addressee|account|alias|local[ -]?part|person|mail ?drop)"
_NOT_THERE = (
    r"(?:unknown|invalid|non-?existent|not (?:found|known|exist|listed)|does(?: not|n'?t) exist|no longer exists)"
)
_NO_SUCH = r"(?:unknown|invalid|illegal|non-?existent|no such|not a (?:valid|known)|bad)"
_KIND_OF = r"(?:(?:or|unknown|illegal|invalid|local|virtual|e-?mail|mail|destination|recipient) )*"
_SPEAKS_OF_THE_ADDRESS = _any(
    rf"\b{_MAILBOX}\b(?:(?!domain|host)[^.;!?]){{0,45}}?\b{_NOT_THERE}\b",
    rf"\b{_NO_SUCH} {_KIND_OF}{_MAILBOX}\b",
    r"\bno mail ?box (?:here|by that|found)|\bno ?one (?:here )?(?:by|with|at) (?:that|this)\b",
    r"does(?: not|n'?t) have an? (?:\S+ )?account",
)
_NOT_WORDS = re.compile(r"<?[^\s<>()]*@[\w.-]+>?|\b[245]\.\d{1,3}\.\d{1,3}\b|\s+")
"""Addresses (their names are not what the server says), and the codes that begin every line of an answer."""


def blame(code: int, status: str, text: str) -> Blame:
    """Of a refusal for good (5xx). `status`: its enhanced code, or an empty string. `text`: its words."""
    by_status = _by_status(status)
    if by_status in (Blame.US, Blame.NOBODY):
        return by_status
    if code == _STORAGE:
        return Blame.NOBODY
    if code in _OUR_COMMANDS and by_status is None:
        return Blame.US
    words = " ".join(_NOT_WORDS.sub(" ", text).split())
    # Also beside 5.1.1, which some servers write before "sender address rejected" or "recipient over quota".
    if _SPEAKS_OF_US.search(words):
        return Blame.US
    if _SPEAKS_OF_THIS_MAIL.search(words):
        return Blame.NOBODY
    clear = by_status is Blame.ADDRESS or (_says_nothing(status) and _SPEAKS_OF_THE_ADDRESS.search(words))
    return Blame.ADDRESS if clear else Blame.NOBODY


def _by_status(status: str) -> Blame | None:
    if _says_nothing(status):
        return None
    return _BY_STATUS.get(status) or _BY_SUBJECT.get(status.rpartition(".")[0])


def _says_nothing(status: str) -> bool:
    return not status or (status.endswith(".0") and status not in _SAYS_SOMETHING)
