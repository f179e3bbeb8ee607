"""The webhooks of mail services: checked and read by Anymail's views, which need no Django project for that."""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from io import BytesIO
from typing import Any
from uuid import UUID

from aftercart.delivery.esp.vendors import VENDORS, vendor_called
from aftercart.delivery.words import as_words
from aftercart.errors import ConfigError, MissingExtraError, SignatureError
from aftercart.feedback.esp_words import kind_of
from aftercart.feedback.told import Kind, Told, UnclearError, code_and_status

SETTING = "AFTERCART_ESP_WEBHOOK_SECRETS"
KEPT_HEADERS = ("content-type", "svix-id")
"""What is needed to read a body again; `svix-id` names Resend's events."""


@dataclass(frozen=True, slots=True)
class _View:
    """Anymail's class for a vendor, and the name under which it takes the secret."""

    name: str
    secret: str = "webhook_secret"  # the name of an argument: a login, `user:password`


_VIEWS: Mapping[str, _View] = {
    "brevo": _View("brevo.BrevoTrackingWebhookView"),
    "mailersend": _View("mailersend.MailerSendTrackingWebhookView", "signing_secret"),
    "mailgun": _View("mailgun.MailgunTrackingWebhookView", "webhook_signing_key"),
    "mailjet": _View("mailjet.MailjetTrackingWebhookView"),
    "mailtrap": _View("mailtrap.MailtrapTrackingWebhookView", "tracking_secret"),
    "mandrill": _View("mandrill.MandrillCombinedWebhookView", "webhook_key"),
    "postal": _View("postal.PostalTrackingWebhookView", "webhook_key"),
    "postmark": _View("postmark.PostmarkTrackingWebhookView"),
    "resend": _View("resend.ResendTrackingWebhookView", "signing_secret"),
    "sendgrid": _View("sendgrid.SendGridTrackingWebhookView", "tracking_webhook_verification_key"),
    "ses": _View("amazon_ses.AmazonSESTrackingWebhookView"),
    "sparkpost": _View("sparkpost.SparkPostTrackingWebhookView"),
    "unisender_go": _View("unisender_go.UnisenderGoTrackingWebhookView", "api_key"),
}
"""Scaleway's webhooks are not among those that Anymail reads."""


class ServiceDoor:
    """The webhook of one mail service. Safe to share between threads."""

    def __init__(self, vendor: str, secrets: Iterable[str], public_url: str) -> None:
        """`secrets`: any of them will do, so that they can be changed. Raises ConfigError, MissingExtraError."""
        self.vendor = vendor
        self.name = f"esp:{vendor}"
        self._views = [_open(vendor, secret, public_url) for secret in secrets]

    def check(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raises SignatureError unless the vendor sent this."""
        request = _request(headers, body)
        for view in self._views:
            try:
                view.run_validators(request)
            except Exception:  # noqa: BLE001  # a door: strangers send what they like
                continue
            return
        raise SignatureError(f"the webhook does not carry the secret of {self.vendor} that {SETTING} names")

    def read(self, headers: Mapping[str, str], body: bytes) -> list[Told]:
        """What a body tells. Raises UnclearError where it is none of the vendor's."""
        try:
            events = self._views[0].parse_events(_request(headers, body))
        except Exception as err:  # a door: Anymail reads what it is promised, and vendors send what they like
            raise UnclearError("not_understood", f"{type(err).__name__}: {err}") from err
        return [told for event in events if (told := self._told(event)) is not None]

    def _told(self, event: Any) -> Told | None:
        words = as_words(str(event.mta_response or event.description or ""))
        kind = kind_of(self.vendor, str(event.event_type), event.reject_reason, words, _plain(event.esp_event))
        if kind is Kind.OTHER:
            return None
        send_id = _send_id([*(event.metadata or {}).items()], event.tags or [])
        recipient = str(event.recipient or "").strip().lower()
        parts = (kind, send_id, recipient, event.timestamp, event.message_id, event.event_id)
        key = f"{event.event_id}:{kind}:{recipient}" if event.event_id else ":".join(map(str, parts))
        _, status = code_and_status("", words)
        return Told(
            kind,
            sha256(key.encode(errors="backslashreplace")).hexdigest(),
            send_id,
            recipient,
            status,
            words,
            event.timestamp,
        )


def open_doors(setting: str, public_url: str) -> dict[str, ServiceDoor]:
    """The doors that have a secret, by the name in their path. `setting`: `NAME=SECRET` and so on, with blanks between.

    Raises ConfigError, which never shows a secret, and MissingExtraError.
    """
    secrets: dict[str, list[str]] = {}
    for part in setting.split():
        name, _, secret = part.partition("=")
        vendor = vendor_called(name)
        if not secret:
            raise ConfigError(f"{SETTING}: write NAME=SECRET, as in postmark=user:password")
        if vendor is None or vendor.name not in _VIEWS:
            raise ConfigError(f"{SETTING}: names no mail service with webhooks; known are {', '.join(sorted(_VIEWS))}")
        secrets.setdefault(vendor.name, []).append(secret)
    return {name: ServiceDoor(name, found, f"{public_url}/webhooks/esp/{name}") for name, found in secrets.items()}


def _open(vendor: str, secret: str, public_url: str) -> Any:
    view = _VIEWS[vendor]
    module, _, name = view.name.partition(".")
    if view.secret == "webhook_secret" and ":" not in secret:  # the name of an argument
        raise ConfigError(f"{SETTING}: the secret of {vendor} is a login, as in {vendor}=user:password")
    further = {"webhook_url": public_url} if vendor == "mandrill" else {}
    try:
        from aftercart.delivery.esp.backend import ready_django

        ready_django()
        make = getattr(import_module(f"anymail.webhooks.{module}"), name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about SendGrid, see docs/mail-services.md
            return make(**{view.secret: secret}, **further)
    except ImportError as err:
        extra = "ses" if VENDORS[vendor].is_ses else "esp"
        raise MissingExtraError(extra, f"the webhook of {vendor}") from err
    except ValueError as err:
        raise ConfigError(f"{SETTING}: the secret of {vendor} is none that it gives out") from err


def _request(headers: Mapping[str, str], body: bytes) -> Any:
    """The request in Django's form."""
    from django.core.handlers.wsgi import WSGIRequest

    environ = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()}
    environ |= {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "CONTENT_LENGTH": str(len(body))}
    environ["CONTENT_TYPE"] = headers.get("content-type", "application/json")
    return WSGIRequest({**environ, "wsgi.input": BytesIO(body)})


def _plain(raw: Any) -> Any:
    return raw if isinstance(raw, dict | list) else dict(raw or {})


def _send_id(metadata: Iterable[tuple[str, Any]], tags: Iterable[Any]) -> UUID | None:
    """Where the sender has put it (see `aftercart/delivery/esp/parcel.py`)."""
    for value in [*(value for name, value in metadata if name == "send_id"), *tags]:
        try:
            return UUID(str(value))
        except ValueError:
            continue
    return None
