"""Mails in which a sentence breaks off because the template put nothing where a product's name belongs."""

import re
from collections.abc import Iterator
from email.message import EmailMessage

from aftercart.demo.mailbox import Mailbox

_BREAKS_OFF = re.compile(r"^.*\b(goes with|made for|because you bought)( your)?[\s.:]*$", re.IGNORECASE | re.MULTILINE)


def unfinished_mails(mailbox: Mailbox) -> Iterator[str]:
    """A sentence for the books if there are such mails."""
    found = [(entry.number, line) for entry in mailbox.entries() if (line := _unfinished_line(mailbox, entry.number))]
    if found:
        number, line = found[-1]
        yield f'{len(found)} mails break off in the middle of a sentence, such as number {number}: "{line}"'


def _unfinished_line(mailbox: Mailbox, number: int) -> str:
    mail = mailbox.message(number)
    part = mail.get_body(("plain",))
    text = part.get_content() if isinstance(part, EmailMessage) else ""
    broken_off = _BREAKS_OFF.search(f"{mail['Subject']}\n{text}")
    return broken_off[0].strip() if broken_off else ""
