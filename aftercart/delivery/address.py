"""An e-mail address as it travels.

A domain of any script goes out in ASCII (A-labels, RFC 5891), as intake keeps it too, so that a person is one recipient
and their server need not know of other scripts. Only a mailbox name outside ASCII needs one that takes it (SMTPUTF8,
RFC 6531).
"""

import re
from email.utils import parseaddr
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

_NEVER = re.compile(r"[\x00-\x20\x7f<>,]")
"""What would end the address in a header or in an SMTP command, and begin something of a stranger's choice."""


@lru_cache(maxsize=4_096)  # a shop's own addresses stand in every mail
def wire_address(address: str) -> str:
    """The address with its domain in ASCII. Raises ValueError if it is none that mail can carry."""
    if "@" not in address[1:-1] or _NEVER.search(address):
        raise ValueError(f"{address!r} is not an address that mail can carry")
    if address.isascii():
        return address
    try:
        found = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as err:
        raise ValueError(f"{address!r} is not an address: {err}") from err
    return f"{found.local_part}@{found.ascii_domain}"


def as_compared(words: str) -> str:
    """An address as anybody may write it (`Ada <ada@exämple.de>`), so that it equals the same one in other words.

    Bare, in lower case, its domain in ASCII. What is no address stays as it is.
    """
    address = parseaddr(words)[1] or words.strip()
    try:
        return wire_address(address).lower()
    except ValueError:
        return address.lower()
