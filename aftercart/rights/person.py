"""A person as the data knows them: every name under which something of theirs is kept; whether a text names them."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, unquote_to_bytes
from uuid import UUID

from aftercart.intake.changes import Buyer, Change, CustomerSeen, ErasureAsked, ExportAsked, OrderSeen
from aftercart.intake.clean import clean_email
from aftercart.rights.decoded import hidden_text, hides_text

ERASED = "erased:"
"""Begins what stands in place of an address or a customer's id that was erased; no address begins so."""
_BEGINS = r"(?:(?<![^\W_])(?<!\.)|(?<=\\[bfnrt])|(?<=\\u[0-9a-f]{4})|(?<=[%=][0-9a-f]{2}))"
"""No letter, digit or dot of another address stands before it, unless an escape (`\\n`, `%3C`, `=3D`) ends there."""
_ENDS = r"(?![^\W_]|\.[^\W\d_])"
"""Its domain does not go on: "example.com" is not that of "example.com.au"."""
_LIKE_AN_ADDRESS = re.compile(r"""[^\s<>()\[\]\\,;:"'=@]{1,64}@[^\W_](?:[\w.-]{0,253}\w)?""")


@dataclass(frozen=True, slots=True)
class Person:
    """Ids are those of our rows, but `shop_customers` and `shop_orders`: (shop, the shop's own id)."""

    emails: frozenset[str] = frozenset()
    recipient_ids: frozenset[int] = frozenset()
    customer_ids: frozenset[int] = frozenset()
    shop_customers: frozenset[tuple[str, str]] = frozenset()
    order_ids: frozenset[int] = frozenset()
    shop_orders: frozenset[tuple[str, str]] = frozenset()
    send_ids: frozenset[UUID] = frozenset()

    @property
    def is_known(self) -> bool:
        """Whether anything but what was asked for is on record."""
        return bool(self.recipient_ids or self.customer_ids)

    def is_one_of(self, shop: str, buyers: Iterable[Buyer]) -> bool:
        """Whether a shop speaks of them."""
        return any(
            buyer.email in self.emails or (shop, buyer.customer_id or "") in self.shop_customers for buyer in buyers
        )

    def may_be_in(self, shop: str, body: bytes) -> bool:
        """Whether it is worth reading a body: cheap, and never wrongly no.

        A body may write letters as escapes, be a form, or a mail whose parts are encoded, and an address in any case.
        """
        if b"\\u" in body or hides_text(body):
            return True
        lower = (body + unquote_to_bytes(body) if b"%" in body else body).lower()
        ids = (id_.lower().encode() for of_shop, id_ in self.shop_customers if of_shop == shop)
        locals_ = (email.partition("@")[0].encode() for email in self.emails)
        return any(name in lower for name in (*locals_, *ids))

    def is_named_in(self, text: str) -> bool:
        """Whether an address of theirs stands whole in a text, whichever way its domain is written.

        In "cada@example.com" stands nothing of ada@example.com; in "order-of-ada@example.com-17" it does.
        """
        lower = text.lower()
        return any(_stands_in(name, lower) for email in self.emails for name in _spellings(email))


def buyers_in(changes: Iterable[Change]) -> Iterator[Buyer]:
    """Everybody of whom a shop speaks."""
    for change in changes:
        match change:
            case OrderSeen(order) if order.buyer:
                yield order.buyer
            case CustomerSeen(buyer):
                yield buyer
            case ErasureAsked(email, customer_id) | ExportAsked(email, customer_id):
                yield Buyer(customer_id, email)


def readable(body: bytes) -> str:
    """A raw body as text, with JSON's escapes read, and again with those of a form, and what a mail's encodings hide;
    whatever cannot be read stands as it is."""
    text = body.decode("utf-8", errors="replace")
    with suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text), ensure_ascii=False)
    text = "\n".join((text, *hidden_text(body)))
    return f"{text}\n{unquote(text)}" if "%40" in text else text


def addresses_in(text: str) -> set[str]:
    """Every address that stands in a text, normalized."""
    return {email for found in set(_LIKE_AN_ADDRESS.findall(text)) if (email := clean_email(found))}


def plain(value: Any) -> Any:
    """A value of a row as JSON can hold it; bytes as the text that they are, else in hexadecimal digits."""
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return f"hex:{value.hex()}"
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)


def _stands_in(name: str, lower: str) -> bool:
    return name in lower and re.search(f"{_BEGINS}{re.escape(name)}{_ENDS}", lower) is not None


def _spellings(email: str) -> set[str]:
    local, _, domain = email.partition("@")
    try:
        return {email, f"{local}@{domain.encode('ascii').decode('idna')}"}
    except UnicodeError:
        return {email}
