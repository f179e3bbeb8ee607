"""The headers that a marketing mail owes to its reader and to mailbox providers."""

import re
from urllib.parse import quote

from aftercart.delivery.address import wire_address

_NOT_IN_A_HEADER = re.compile(r"[\x00-\x1f\x7f]")
_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f<>,]")


def marketing_headers(unsubscribe_url: str, mailto: str, list_id: str, feedback_id: str) -> dict[str, str]:
    """Headers for `Message.headers`. Raises ValueError for a value that would break out of its header.

    - `List-Unsubscribe` (RFC 2369) names the page and, where `mailto` is an address, a mailbox;
      `List-Unsubscribe-Post` (RFC 8058) makes the page work with one click, without a page.
    - `list_id` (RFC 2919): a name that stays the same, such as `accessories.shop.example`.
    - `feedback_id` (Gmail's feedback loop): up to four parts with colons, the last one the sender, such as
      `complements:accessories:shop.example`.
    - `Auto-Submitted` (RFC 3834) keeps vacation notices from answering.
    """
    return {
        "List-Unsubscribe": ", ".join(_places(unsubscribe_url, mailto)),
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Id": f"<{_plain('list_id', list_id, _NOT_IN_A_URL)}>",
        "Feedback-ID": _plain("feedback_id", feedback_id, _NOT_IN_A_HEADER),
        "Auto-Submitted": "auto-generated",
    }


def _places(unsubscribe_url: str, mailto: str) -> list[str]:
    places = [f"<{_plain('unsubscribe_url', unsubscribe_url, _NOT_IN_A_URL)}>"]
    if mailto:
        places.append(f"<mailto:{_mailto(mailto)}?subject=unsubscribe>")
    return places


def _mailto(address: str) -> str:
    """The address as it stands in a URL (RFC 6068 §2)."""
    return _plain("mailto", quote(wire_address(address), safe="@!$'()*+;:"), _NOT_IN_A_URL)


def _plain(name: str, value: str, forbidden: re.Pattern[str]) -> str:
    if not value or forbidden.search(value) or not value.isascii():
        raise ValueError(f"{name}: {value!r} cannot stand in a mail header")
    return value
