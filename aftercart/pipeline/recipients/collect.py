"""Mails in the bounce mailbox go into the inbox, where `ingest` finds them (see `feedback`)."""

from collections.abc import Sequence

import structlog

from aftercart.bootstrap import App
from aftercart.db import inbox
from aftercart.errors import UnreachableError
from aftercart.feedback.mailbox import Mailbox
from aftercart.pipeline.recipients.feedback import accept_mail

log = structlog.get_logger()


def collect(app: App) -> int:
    """Take over the unread mails of the bounce mailbox; returns how many. If it is away, the sweep tries it again."""
    mailbox = app.bounce_mailbox
    if mailbox is None:
        return 0
    try:
        return _collect(app, mailbox)
    except UnreachableError as err:
        log.warning("bounce_mailbox_unreachable", error=str(err))
        return 0


def _collect(app: App, mailbox: Mailbox) -> int:
    taken: set[str] = set()
    with mailbox.opened() as box:
        while letters := box.unread(app.settings.max_body_bytes):
            if taken.issuperset(letter.uid for letter in letters):
                raise UnreachableError(f"{mailbox.host} keeps mails unread that were marked as read")
            store_mails(app, [letter.body for letter in letters])
            box.mark_read(letters)  # after the commit: what is read twice is kept once
            taken.update(letter.uid for letter in letters)
    return len(taken)


def store_mails(app: App, bodies: Sequence[bytes]) -> None:
    """Store mails in the inbox: they are on disk when this returns."""
    now = app.clock()
    with app.inbox_db.write() as connection:
        inbox.store(connection, [accept_mail(body, now) for body in bodies])
    app.queue.publish("ingest")
