"""How each shop signs what it sends. The doors check with these functions; the demo and tests sign with them."""

import base64
import binascii
import hmac
from datetime import datetime

PREFIX = "whsec_"


def hmac_sha256(secret: bytes, content: bytes) -> str:
    """HMAC-SHA256 in base64, as Shopify and WooCommerce send it."""
    return base64.b64encode(hmac.digest(secret, content, "sha256")).decode()


def standard_signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """The base64 part of a Standard Webhooks `v1` signature: over `id.timestamp.body`."""
    return hmac_sha256(key, f"{message_id}.{timestamp}.".encode(errors="replace") + body)


def standard_key(secret: str) -> bytes:
    """The key in a Standard Webhooks secret: base64, with or without `whsec_`. Raises ValueError if it is none."""
    encoded = secret.strip().removeprefix(PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError) as err:
        raise ValueError("is not base64") from err
    if not key:
        raise ValueError("is empty")
    return key


def sign_generic(secret: str, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers of a generic webhook sent `now`."""
    timestamp = str(int(now.timestamp()))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + standard_signature(standard_key(secret), message_id, timestamp, body),
    }


def sign_shopify(secret: str, domain: str, webhook_id: str, topic: str, body: bytes) -> dict[str, str]:
    """The headers of a Shopify webhook."""
    return {
        "x-shopify-topic": topic,
        "x-shopify-shop-domain": domain,
        "x-shopify-webhook-id": webhook_id,
        "x-shopify-hmac-sha256": hmac_sha256(secret.encode(), body),
    }


def sign_woocommerce(secret: str, source: str, webhook_id: str, topic: str, body: bytes) -> dict[str, str]:
    """The headers of a WooCommerce webhook."""
    return {
        "x-wc-webhook-topic": topic,
        "x-wc-webhook-source": source,
        "x-wc-webhook-id": webhook_id,
        "x-wc-webhook-signature": hmac_sha256(secret.encode(), body),
    }
