"""The logs of mail services that can be asked about one mail: where, and what their answers mean. Pure.

Only a mail that was found tells anything: logs are late, and no vendor promises that they are complete.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from aftercart.delivery.esp.question import Question


@dataclass(frozen=True, slots=True)
class Log:
    """How one vendor is asked about a mail by its Message-ID, and whether its answer says that it has it."""

    question: Callable[[Mapping[str, str], str], Question]
    has_it: Callable[[Any, str], bool]


def _bare(message_id: str) -> str:
    return message_id.strip("<> ")


def _ask_mailgun(options: Mapping[str, str], message_id: str) -> Question:
    domain = options.get("sender_domain") or _bare(message_id).rpartition("@")[2]
    query = {"message-id": _bare(message_id), "limit": "1"}
    return Question(f"{quote(domain, safe='')}/events", query, login=("api", options["api_key"]))


def _ask_postmark(options: Mapping[str, str], message_id: str) -> Question:
    send_id = _bare(message_id).partition("@")[0]  # the Message-ID of a mail is its send's id at our domain
    query = {"count": "1", "offset": "0", "metadata_send_id": send_id}
    stream = {"messagestream": options["message_stream"]} if options.get("message_stream") else {}
    headers = {"X-Postmark-Server-Token": options["server_token"], "Accept": "application/json"}
    return Question("messages/outbound", {**query, **stream}, headers)


def _mailgun_has_it(answer: Any, message_id: str) -> bool:
    return any(
        _bare(item["message"]["headers"]["message-id"]) == _bare(message_id) and item["event"] != "rejected"
        for item in answer["items"]
    )


def _postmark_has_it(answer: Any, message_id: str) -> bool:
    send_id = _bare(message_id).partition("@")[0]
    return any(message["Metadata"].get("send_id") == send_id for message in answer["Messages"])


LOGS: Mapping[str, Log] = {
    "mailgun": Log(_ask_mailgun, _mailgun_has_it),
    "postmark": Log(_ask_postmark, _postmark_has_it),
}
"""By the vendor's name. The answer must name the mail itself: a filter that a vendor ignores finds any mail."""
