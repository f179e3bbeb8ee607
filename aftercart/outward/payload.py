"""What a receiver is told, as JSON, and how it is signed (Standard Webhooks, standardwebhooks.com). Pure."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from aftercart.intake.signing import standard_signature
from aftercart.money import decimals
from aftercart.outward.happening import Happening
from aftercart.outward.subject import Credit, Due, Subject


def body(due: Due, subject: Subject, *, tells_address: bool) -> bytes:
    """Ids, and what the receiver needs to act on them. The address only where the shop chose so."""
    data: dict[str, Any] = {"mail_id": str(due.send_id) if due.send_id else None}
    if mail := subject.mail:
        data |= {"campaign": mail.campaign, "step": mail.step, "topic": mail.topic or None}
        data |= {"shop": mail.shop, "order_id": mail.order_id, "customer_id": mail.customer_id}
    if due.happening is Happening.LINK_CLICKED:
        data["url"] = subject.url
    if due.happening is Happening.PERSON_UNSUBSCRIBED:
        data["unsubscribed_from"] = due.topic or "everything"
        data["customers"] = [{"shop": shop, "customer_id": id_} for shop, id_ in subject.customers]
    if subject.credit:
        data |= _credit(subject.credit)
    if tells_address:
        data["email"] = subject.email
    told = {"type": due.happening.value, "timestamp": instant(due.happened_at), "data": data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def test_body(now: datetime) -> bytes:
    """What `aftercart webhooks test` tells: of nothing that happened."""
    told = {"type": "test", "timestamp": instant(now), "data": {"message": "Aftercart reaches this endpoint."}}
    return json.dumps(told).encode()


def signed_headers(keys: Sequence[bytes], message_id: str, content: bytes, now: datetime) -> dict[str, str]:
    """The headers of a message sent `now`, signed with every key; `message_id` is the same at each try."""
    timestamp = str(int(now.timestamp()))
    signatures = (f"v1,{standard_signature(key, message_id, timestamp, content)}" for key in keys)
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def message_id(id_: UUID) -> str:
    """How a receiver knows a message again that comes twice."""
    return f"msg_{id_.hex}"


def instant(at: datetime) -> str:
    """As RFC 3339 writes it, in UTC."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _credit(credit: Credit) -> dict[str, Any]:
    return {
        "model": credit.model,
        "credited_order": {
            "shop": credit.shop,
            "order_id": credit.order_id,
            "ordered_at": instant(credit.ordered_at),
            "amount": str(Decimal(credit.minor).scaleb(-decimals(credit.currency))),
            "currency": credit.currency,
        },
    }
