"""Mails in the bounce mailbox go into the inbox, where `ingest` finds them (see `feedback`)."""

from collections.abc import Sequence

import structlog

from aftercart.bootstrap import App
from aftercart.db import inbox
from aftercart.errors import UnreachableError
from aftercart.pipeline.feedback import accept_mail

log = structlog.get_logger()


def collect(app: App) -> int:
    """Take over what is unread there; how many mails that were. A mailbox that is away is tried again by the sweep."""
    if app.bounce_mailbox is None:
        return 0
    try:
        return _collect(app)
    except UnreachableError as err:
        log.warning("bounce_mailbox_unreachable", error=str(err))
        return 0


def _collect(app: App) -> int:
    if app.bounce_mailbox is None:
        return 0
    taken = 0
    with app.bounce_mailbox.opened() as box:
        while letters := box.unread(app.settings.max_body_bytes):
            store_mails(app, [letter.body for letter in letters])
            box.mark_read(letters)  # after the commit: what is read twice is kept once
            taken += len(letters)
    return taken


def store_mails(app: App, bodies: Sequence[bytes]) -> None:
    """On disk when this returns."""
    now = app.clock()
    with app.inbox_db.write() as connection:
        inbox.store(connection, [accept_mail(body, now) for body in bodies])
    app.queue.publish("ingest")
