"""The harmless question by which a mail service shows whether our key is good. Pure.

Where a vendor has none, or gives out keys that may send and nothing else, only a real mail will show it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aftercart.delivery.esp.question import Question

Options = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """`may_be_narrow`: a key that may send is not always one that may ask this, so a no tells nothing."""

    question: Callable[[Options], Question]
    may_be_narrow: bool = False


def _bearer(option: str, path: str) -> Callable[[Options], Question]:
    return lambda options: Question(path, headers={"Authorization": f"Bearer {options[option]}"})


def _with_header(header: str, option: str, path: str) -> Callable[[Options], Question]:
    return lambda options: Question(path, headers={header: options[option], "Accept": "application/json"})


KEY_CHECKS: Mapping[str, KeyCheck] = {
    "brevo": KeyCheck(_with_header("api-key", "api_key", "account")),
    "mailersend": KeyCheck(_bearer("api_token", "api-quota"), may_be_narrow=True),
    "mailgun": KeyCheck(
        lambda options: Question("domains", {"limit": "1"}, login=("api", options["api_key"])), may_be_narrow=True
    ),
    "mailjet": KeyCheck(lambda options: Question("../v3/REST/user", login=(options["api_key"], options["secret_key"]))),
    "mandrill": KeyCheck(lambda options: Question("users/ping2.json", body={"key": options["api_key"]})),
    "postmark": KeyCheck(_with_header("X-Postmark-Server-Token", "server_token", "server")),
    "resend": KeyCheck(_bearer("api_key", "domains"), may_be_narrow=True),
    "scaleway": KeyCheck(_with_header("X-Auth-Token", "secret_key", "emails?page_size=1"), may_be_narrow=True),
    "sendgrid": KeyCheck(_bearer("api_key", "scopes")),
    "sparkpost": KeyCheck(_with_header("Authorization", "api_key", "account"), may_be_narrow=True),
    "unisender_go": KeyCheck(
        lambda options: Question("system/info.json", headers={"X-API-KEY": options["api_key"]}, body={})
    ),
}
"""By the vendor's name. Amazon is asked by its own library; Mailtrap and Postal have no such question."""
