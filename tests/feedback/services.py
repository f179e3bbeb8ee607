"""Webhooks of mail services, in the shape of their documents, signed as each of them signs."""

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

AT = 1772701205
"""5 March 2026, 09:00:05 UTC."""
ISO = "2026-03-05T09:00:05Z"
LOGIN = "hook:s3cret-enough"
_EC = ec.generate_private_key(ec.SECP256R1())
_RSA = rsa.generate_private_key(65537, 2048)
MANDRILL_URL = "https://mail.shop.example/webhooks/esp/mandrill"

GONE = "550 5.1.1 no such user"
FULL = "552 5.2.2 mailbox full"
BLOCKED = "550 5.7.1 blocked using zen.spamhaus.org"


@dataclass(frozen=True)
class Event:
    """What a service is to tell. `kind`: delivered, hard, soft, complaint, open; Mailgun also taken."""

    kind: str
    send_id: str
    recipient: str = "ada@example.com"
    words: str = GONE
    number: int = 1


Hook = tuple[dict[str, str], bytes]


def _login(body: Any) -> Hook:
    content = json.dumps(body).encode()
    return {"authorization": "Basic " + b64encode(LOGIN.encode()).decode(), "content-type": "application/json"}, content


def _hmac(header: str, secret: str, body: Any) -> Hook:
    content = json.dumps(body).encode()
    signature = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
    return {header: signature, "content-type": "application/json"}, content


def _public(key: Any) -> str:
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "".join(pem.decode().splitlines()[1:-1])


def brevo(e: Event) -> Hook:
    names = {
        "delivered": "delivered",
        "hard": "hard_bounce",
        "soft": "soft_bounce",
        "complaint": "spam",
        "open": "opened",
    }
    return _login(
        {
            "event": names[e.kind],
            "email": e.recipient,
            "id": 1,
            "ts_epoch": (AT + e.number) * 1000,
            "message-id": "<x@relay>",
            "reason": e.words,
            "X-Mailin-custom": json.dumps({"send_id": e.send_id}),
            "tags": ["accessories"],
        }
    )


def mailersend(e: Event) -> Hook:
    names = {
        "delivered": "delivered",
        "hard": "hard_bounced",
        "soft": "soft_bounced",
        "complaint": "spam_complaint",
        "open": "opened",
    }
    morph = {"object": "recipient_bounce", "reason": e.words} if e.kind in ("hard", "soft") else None
    data = {
        "object": "activity",
        "id": f"62f{e.number}",
        "type": names[e.kind],
        "created_at": ISO,
        "morph": morph,
        "email": {"message": {"id": "m"}, "recipient": {"email": e.recipient}, "tags": ["accessories", e.send_id]},
    }
    return _hmac("signature", "mailersend-secret", {"type": f"activity.{names[e.kind]}", "data": data})


def mailgun(e: Event) -> Hook:
    names = {
        "taken": "accepted",
        "delivered": "delivered",
        "hard": "failed",
        "soft": "failed",
        "complaint": "complained",
        "open": "opened",
    }
    token = hashlib.md5(f"{e}".encode()).hexdigest()
    signature = hmac.new(b"mailgun-key", f"{AT}{token}".encode(), hashlib.sha256).hexdigest()
    data: dict[str, Any] = {
        "event": names[e.kind],
        "recipient": e.recipient,
        "timestamp": AT + 0.5,
        "id": f"id{e.number}",
        "message": {"headers": {"message-id": "x@example.com"}},
        "tags": ["accessories"],
        "user-variables": {"send_id": e.send_id},
    }
    if e.kind in ("hard", "soft"):
        data |= {"severity": "permanent", "reason": "bounce", "delivery-status": {"code": 550, "message": e.words}}
    body = {"signature": {"timestamp": str(AT), "token": token, "signature": signature}, "event-data": data}
    return {"content-type": "application/json"}, json.dumps(body).encode()


def mailjet(e: Event) -> Hook:
    names = {"delivered": "sent", "hard": "bounce", "soft": "bounce", "complaint": "spam", "open": "open"}
    event: dict[str, Any] = {
        "event": names[e.kind],
        "time": AT + e.number,
        "MessageID": 1,
        "email": e.recipient,
        "Payload": json.dumps({"send_id": e.send_id}),
        "customcampaign": "accessories",
    }
    if e.kind in ("hard", "soft"):
        hard = e.kind == "hard"
        event |= {"hard_bounce": hard, "error": "user unknown" if hard else "quota exceeded", "smtp_reply": e.words}
    return _login([event])


def mailtrap(e: Event) -> Hook:
    names = {"delivered": "delivery", "hard": "bounce", "soft": "soft bounce", "complaint": "spam", "open": "open"}
    event = {
        "event": names[e.kind],
        "message_id": "m",
        "email": e.recipient,
        "timestamp": AT,
        "event_id": f"e{e.number}",
        "category": "accessories",
        "custom_variables": {"send_id": e.send_id},
        "response": e.words,
    }
    return _hmac("mailtrap-signature", "mailtrap-secret", {"events": [event]})


def mandrill(e: Event) -> Hook:
    names = {
        "delivered": "delivered",
        "hard": "hard_bounce",
        "soft": "soft_bounce",
        "complaint": "spam",
        "open": "open",
    }
    event = {
        "event": names[e.kind],
        "_id": "a",
        "ts": AT + e.number,
        "msg": {"email": e.recipient, "metadata": {"send_id": e.send_id}, "tags": ["accessories"], "diag": e.words},
    }
    form = {"mandrill_events": json.dumps([event])}
    signed = MANDRILL_URL + "".join(name + value for name, value in form.items())
    signature = b64encode(hmac.new(b"mandrill-key", signed.encode(), hashlib.sha1).digest()).decode()
    headers = {"x-mandrill-signature": signature, "content-type": "application/x-www-form-urlencoded"}
    return headers, urlencode(form).encode()


def postal(e: Event) -> Hook:
    message = {"id": 1, "to": e.recipient, "tag": e.send_id, "direction": "outgoing"}
    payload = {
        "delivered": {"status": "Sent"},
        "hard": {"status": "HardFail"},
        "soft": {"status": "HardFail"},
        "open": {"user_agent": "x"},
    }[e.kind]
    body = {
        "event": "x",
        "timestamp": AT,
        "uuid": f"u{e.number}",
        "payload": {**payload, "message": message, "output": e.words},
    }
    content = json.dumps(body).encode()
    signature = b64encode(_RSA.sign(content, padding.PKCS1v15(), hashes.SHA1())).decode()
    return {"x-postal-signature": signature, "content-type": "application/json"}, content


def postmark(e: Event) -> Hook:
    kinds = {
        "delivered": ("Delivery", None),
        "hard": ("Bounce", "HardBounce"),
        "soft": ("Bounce", "SoftBounce"),
        "complaint": ("SpamComplaint", "SpamComplaint"),
        "open": ("Open", None),
    }
    record, kind = kinds[e.kind]
    body: dict[str, Any] = {
        "RecordType": record,
        "MessageID": "m",
        "Recipient": e.recipient,
        "Email": e.recipient,
        "Tag": "accessories",
        "Metadata": {"send_id": e.send_id},
        "Details": e.words,
    }
    if kind:
        body |= {"Type": kind, "ID": 4323372036854775807 - e.number, "BouncedAt": ISO, "Description": "..."}
    else:
        body |= {"DeliveredAt": ISO, "ReceivedAt": ISO}
    return _login(body)


def resend(e: Event) -> Hook:
    names = {
        "delivered": "delivered",
        "hard": "bounced",
        "soft": "bounced",
        "complaint": "complained",
        "open": "opened",
    }
    data: dict[str, Any] = {
        "email_id": "x",
        "to": [e.recipient],
        "headers": [{"name": "X-Metadata", "value": json.dumps({"send_id": e.send_id})}],
    }
    if e.kind in ("hard", "soft"):
        kind = "Permanent" if e.kind == "hard" else "Transient"
        data["bounce"] = {"message": f"sent a bounce message {e.words}", "type": kind, "subType": "General"}
    content = json.dumps({"type": f"email.{names[e.kind]}", "created_at": ISO, "data": data}).encode()
    from datetime import UTC, datetime

    stamp = str(int(datetime.now(UTC).timestamp()))  # Svix compares it with the clock of the machine
    signed = f"msg_{e.number}.{stamp}.".encode() + content
    signature = b64encode(
        hmac.new(b64decode("c2VjcmV0LWVub3VnaC1mb3ItdGhpcw=="), signed, hashlib.sha256).digest()
    ).decode()
    return {
        "svix-id": f"msg_{e.number}",
        "svix-timestamp": stamp,
        "svix-signature": f"v1,{signature}",
        "content-type": "application/json",
    }, content


def sendgrid(e: Event) -> Hook:
    names = {"delivered": "delivered", "hard": "bounce", "soft": "bounce", "complaint": "spamreport", "open": "open"}
    event = {
        "event": names[e.kind],
        "email": e.recipient,
        "timestamp": AT,
        "sg_event_id": f"sg{e.number}",
        "sg_message_id": "x",
        "category": ["accessories"],
        "send_id": e.send_id,
    }
    if e.kind in ("hard", "soft"):
        event |= {"reason": e.words, "type": "bounce" if e.kind == "hard" else "blocked"}
    content = json.dumps([event]).encode()
    signature = b64encode(_EC.sign(str(AT).encode() + content, ec.ECDSA(hashes.SHA256()))).decode()
    return {
        "x-twilio-email-event-webhook-signature": signature,
        "x-twilio-email-event-webhook-timestamp": str(AT),
        "content-type": "application/json",
    }, content


def ses(e: Event) -> Hook:
    mail = {
        "messageId": "m",
        "destination": [e.recipient],
        "headers": [
            {"name": "X-Metadata", "value": json.dumps({"send_id": e.send_id})},
            {"name": "X-Tag", "value": "accessories"},
        ],
    }
    kinds: Mapping[str, tuple[str, dict[str, Any]]] = {
        "delivered": ("Delivery", {"recipients": [e.recipient], "smtpResponse": "250 ok"}),
        "hard": (
            "Bounce",
            {
                "bounceType": "Permanent",
                "bounceSubType": "General",
                "bouncedRecipients": [{"emailAddress": e.recipient, "diagnosticCode": f"smtp; {e.words}"}],
            },
        ),
        "soft": (
            "Bounce",
            {
                "bounceType": "Transient",
                "bounceSubType": "MailboxFull",
                "bouncedRecipients": [{"emailAddress": e.recipient, "diagnosticCode": f"smtp; {e.words}"}],
            },
        ),
        "complaint": ("Complaint", {"complainedRecipients": [{"emailAddress": e.recipient}]}),
        "open": ("Open", {"userAgent": "x"}),
    }
    name, facts = kinds[e.kind]
    told = {"eventType": name, "mail": mail, name.lower(): facts}
    headers, content = _login(
        {
            "Type": "Notification",
            "MessageId": f"sns{e.number}",
            "TopicArn": "arn:aws:sns:eu-west-1:1:t",
            "Timestamp": ISO,
            "Message": json.dumps(told),
        }
    )
    return {**headers, "x-amz-sns-message-type": "Notification", "x-amz-sns-message-id": f"sns{e.number}"}, content


def sparkpost(e: Event) -> Hook:
    names = {"delivered": "delivery", "hard": "bounce", "soft": "bounce", "complaint": "spam_complaint", "open": "open"}
    event = {
        "type": names[e.kind],
        "event_id": f"9{e.number}",
        "timestamp": str(AT),
        "raw_rcpt_to": e.recipient,
        "rcpt_meta": {"send_id": e.send_id},
        "transmission_id": "1",
        "campaign_id": "accessories",
    }
    if e.kind in ("hard", "soft"):
        event |= {"bounce_class": "10" if e.kind == "hard" else "22", "raw_reason": e.words}
    group = "track_event" if e.kind == "open" else "message_event"
    return _login([{"msys": {group: event}}])


def unisender_go(e: Event) -> Hook:
    names = {
        "delivered": "delivered",
        "hard": "hard_bounced",
        "soft": "hard_bounced",
        "complaint": "spam",
        "open": "opened",
    }
    status = {"hard": "err_user_unknown", "soft": "err_mailbox_full"}.get(e.kind, "ok")
    data = {
        "job_id": "1",
        "metadata": {"send_id": e.send_id, "anymail_id": "x"},
        "email": e.recipient,
        "status": names[e.kind],
        "event_time": f"2026-03-05 09:00:{e.number:02d}",
        "delivery_info": {"delivery_status": status, "destination_response": e.words},
    }
    events = [{"event_name": "transactional_email_status", "event_data": data}]
    body = json.dumps({"auth": "unisender-key", "events_by_user": [{"user_id": 1, "events": events}]})
    return {"content-type": "application/json"}, body.replace(
        "unisender-key", hashlib.md5(body.encode()).hexdigest()
    ).encode()


HOOKS: Mapping[str, Callable[[Event], Hook]] = {
    hook.__name__: hook
    for hook in (
        brevo,
        mailersend,
        mailgun,
        mailjet,
        mailtrap,
        mandrill,
        postal,
        postmark,
        resend,
        sendgrid,
        ses,
        sparkpost,
        unisender_go,
    )
}
SECRETS = {
    "mailersend": "mailersend-secret",
    "mailgun": "mailgun-key",
    "mailtrap": "mailtrap-secret",
    "mandrill": "mandrill-key",
    "postal": _public(_RSA),
    "resend": "whsec_c2VjcmV0LWVub3VnaC1mb3ItdGhpcw==",
    "sendgrid": _public(_EC),
    "unisender_go": "unisender-key",
}
SETTING = " ".join(f"{name}={SECRETS.get(name, LOGIN)}" for name in HOOKS)
