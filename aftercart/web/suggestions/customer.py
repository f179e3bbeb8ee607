"""Who is asking? The shop's server signs its customers' ids; nobody else can name one.

The key of the API stands in every page, so anybody has it. If a customer's id alone were enough, anybody could go
through the numbers, and what is left out of each answer would tell what that person has bought.
"""

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from aftercart.errors import SignatureError

LONGEST = timedelta(days=31)
"""Nobody may sign for longer: what a browser holds gets about."""


def sign_customer(secret: str, customer: str, until: datetime) -> str:
    """What stands in `customer=`: the id, the second since 1970 at which it ends, and HMAC-SHA256 of both, in hex."""
    signed = f"{customer}.{int(until.timestamp())}"
    return f"{signed}.{_mac(secret, signed)}"


def proven_customer(secrets: Sequence[str], token: str, now: datetime) -> str:
    """The customer's id; empty where the signature has run out, so that a page left open shows what everybody sees.

    Raises SignatureError if nobody who may sign has signed it.
    """
    signed, _, signature = token.rpartition(".")
    if not any(hmac.compare_digest(_mac(secret, signed).encode(), signature.encode()) for secret in secrets):
        raise SignatureError("this customer is not signed with AFTERCART_API_SECRET")
    customer, _, until = signed.rpartition(".")
    if not (customer and until.isascii() and until.isdigit() and len(until) < 12):
        raise SignatureError("sign ID.SECONDS, the second since 1970 at which the signature ends")
    ends = datetime.fromtimestamp(int(until), UTC)
    if ends > now + LONGEST:
        raise SignatureError(f"the signature of a customer may hold for {LONGEST.days} days at most")
    return customer if ends > now else ""


def _mac(secret: str, signed: str) -> str:
    return hmac.digest(secret.encode(), signed.encode(), "sha256").hex()
