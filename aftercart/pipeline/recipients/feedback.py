"""A report about a mail that was handed over comes in: it was delivered, it bounced, its reader complained.

1. `accept_webhook`, `accept_mail`: the raw report goes into the inbox, as a shop's webhook does, and is on disk before
   anybody is answered. A webhook's signature is checked before; a mail's is in the address that it came to.
2. `read` (in a worker): what it tells, in our words. What is unclear changes nothing, and is kept with the reason.
3. `hear`: each report is kept once, however often it is told; the mail's state follows; addresses that are gone or
   whose readers complained are never mailed again. One transaction a batch.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import structlog
from sqlalchemy import Connection

from aftercart.bootstrap import App
from aftercart.enrollment import store as enrollments
from aftercart.feedback import store
from aftercart.feedback.effect import IN_DOUBT, SOFT_BOUNCES_TO_SUPPRESS, Effect, effect
from aftercart.feedback.esp import KEPT_HEADERS, ServiceDoor
from aftercart.feedback.told import OF_DOUBTS_ONLY, Told, UnclearError
from aftercart.ledger.states import SendState
from aftercart.outward import store as outward
from aftercart.pipeline.recipients.permission import leave
from aftercart.policy import store as policy
from aftercart.policy.suppression import SuppressionReason
from aftercart.rights.store import blank_events, is_erased

log = structlog.get_logger()

MAIL = "mail"
"""The source of reports that came as mails; those of mail services are called `esp:NAME`."""
TOPIC = "feedback"

Row = Mapping[str, Any]


def is_report(row: Row) -> bool:
    """Whether a row of the inbox is a report, and no shop's webhook."""
    return bool(row["topic"] == TOPIC and (row["shop"] == MAIL or row["shop"].startswith("esp:")))


def accept_webhook(door: ServiceDoor, headers: Mapping[str, str], body: bytes, now: datetime) -> dict[str, Any]:
    """The inbox row of a mail service's webhook. Raises SignatureError."""
    door.check(headers, body)
    return _row(door.name, {name: headers[name] for name in KEPT_HEADERS if name in headers}, body, now)


def accept_mail(body: bytes, now: datetime) -> dict[str, Any]:
    """The inbox row of a mail that came to the bounce address."""
    return _row(MAIL, {}, body, now)


def _row(source: str, headers: Mapping[str, str], body: bytes, now: datetime) -> dict[str, Any]:
    return {
        "shop": source,
        "delivery_key": sha256(body).hexdigest(),
        "topic": TOPIC,
        "body": body,
        "headers": dict(headers),
        "received_at": now,
    }


def read(app: App, row: Row) -> Sequence[Told]:
    """What a report tells. Raises UnclearError."""
    if row["shop"] != MAIL:
        door = app.services.get(row["shop"].removeprefix("esp:"))
        if door is None:
            raise UnclearError("no_secret", f"{row['shop']} has no secret any more")
        return door.read(row["headers"], row["body"])
    if app.bounce_mail is None:
        raise UnclearError("no_bounce_address", "AFTERCART_BOUNCE_ADDRESS is not set")
    with app.db.read() as connection:
        return [app.bounce_mail.read(row["body"], lambda send_id: store.recipient_of(connection, send_id))]


def hear(connection: Connection, reports: Sequence[tuple[Row, Sequence[Told]]], now: datetime) -> None:
    """Act on reports, in the order in which they came; people first, then their mails, as everybody locks them.

    Of a report about somebody who was erased meanwhile no word is kept.
    """
    told = [(row, one) for row, ones in reports for one in ones]
    mails = store.ids(one.send_id for _, one in told)
    policy.lock_recipients(connection, store.people_of(connection, mails))
    known = store.lock_mails(connection, mails)
    before = {send_id: sent.state for send_id, sent in known.items()}
    told = [(row, one) for row, one in told if _is_news(one, known)]
    new = store.keep(connection, [_kept(row, one, known, now) for row, one in told])
    for row, one in told:
        if (row["shop"], one.key) not in new:
            continue
        new.discard((row["shop"], one.key))  # told twice in one batch
        sent = known.get(one.send_id) if one.send_id else None
        if sent is None:
            store.set_effect(connection, row["shop"], one.key, "no_such_mail")
            continue
        found = effect(one.kind, one.recipient, sent.state, sent.tries, sent.email)
        what = _act(connection, sent, found, one, row, now)
        store.set_effect(connection, row["shop"], one.key, what)
        known.update(store.lock_mails(connection, [sent.send_id]))
        log.info("feedback", send_id=str(sent.send_id), source=row["shop"], kind=one.kind, effect=what)
    proven = {one.send_id: one.at or row["received_at"] for row, one in told if one.send_id in known}
    outward.note_mails(connection, proven, now, before)
    ended = {sent.enrollment_id for sent in known.values() if sent.enrollment_id is not None}
    enrollments.complete(connection, ended, now)
    forgotten = {id_ for id_, sent in known.items() if is_erased(sent.email)}
    blank_events(connection, (row["id"] for row, one in told if one.send_id in forgotten))


def _is_news(one: Told, known: Mapping[Any, store.Sent]) -> bool:
    if one.kind not in OF_DOUBTS_ONLY:
        return True
    sent = known.get(one.send_id) if one.send_id else None
    return sent is not None and sent.state in IN_DOUBT and sent.tries + (sent.state != SendState.SCHEDULED) > 0


def _act(connection: Connection, sent: store.Sent, found: Effect, one: Told, row: Row, now: datetime) -> str:
    """Returns what changed, in words that are kept."""
    what: list[str] = [found.state] if found.state else []
    store.change(connection, sent, found, one.at or row["received_at"])
    reason = found.suppress
    if found.counts_softly and found.state:
        count = store.soft_bounces(connection, sent.recipient_id, now)
        what.append(f"soft_bounce_{count}")
        reason = SuppressionReason.SOFT_BOUNCES if count >= SOFT_BOUNCES_TO_SUPPRESS else None
    way = f"{row['shop']}:{sent.send_id}"
    if reason is SuppressionReason.UNSUBSCRIBED:  # who leaves a newsletter still gets their receipts
        leave(connection, sent.recipient_id, sent.email, way, now)
    elif reason:
        policy.suppress(connection, [sent.email], reason, way, now)
    if reason:
        what.append(f"suppressed_{reason}")
    return " ".join(what) or found.why


def _kept(row: Row, one: Told, known: Mapping[Any, store.Sent], now: datetime) -> dict[str, Any]:
    sent = known.get(one.send_id) if one.send_id else None
    return {
        "event_id": row["id"],
        "source": row["shop"],
        "fact_key": one.key,
        "kind": one.kind,
        "send_id": sent.send_id if sent else None,
        "recipient_id": sent.recipient_id if sent else None,
        "status": one.status,
        "words": "" if sent and is_erased(sent.email) else one.words,
        "effect": "",
        "at": one.at or row["received_at"],
        "heard_at": now,
    }
