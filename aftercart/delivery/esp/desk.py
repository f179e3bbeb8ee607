"""What a mail service says beside the mails: whether it takes our key, and whether it has a mail."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from requests import Response

from aftercart.delivery.base import Found
from aftercart.delivery.esp.backend import try_account
from aftercart.delivery.esp.key_check import KEY_CHECKS
from aftercart.delivery.esp.log import LOGS
from aftercart.delivery.esp.question import put
from aftercart.delivery.esp.vendors import Timeouts, Vendor
from aftercart.delivery.words import as_words
from aftercart.errors import DeliveryError

NOT_US = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
NOT_NOW = HTTPStatus.TOO_MANY_REQUESTS
WORDS_READ = 200


@dataclass(frozen=True, slots=True)
class Desk:
    """Where one vendor is asked. `api_url`: its address, as the mails go there."""

    vendor: Vendor
    options: Mapping[str, str]
    api_url: str
    timeouts: Timeouts

    def knows(self, message_id: str) -> Found:
        """What its log says of a mail. Raises DeliveryError where it does not answer."""
        log = LOGS[self.vendor.name]
        answer = put(log.question(self.options, message_id), self.api_url, self.timeouts)
        if _is_about_the_question(answer.status_code):
            return Found.CANNOT_TELL
        _check(answer)
        try:
            return Found.TAKEN if log.has_it(answer.json(), message_id) else Found.CANNOT_TELL
        except (ValueError, KeyError, TypeError, AttributeError):  # strangers answer what they like
            return Found.CANNOT_TELL

    def takes_our_key(self) -> bool | None:
        """None: it cannot be told without a mail. Raises DeliveryError where it does not, or does not answer."""
        if self.vendor.is_ses:
            try_account(self.options, self.timeouts)
            return True
        check = KEY_CHECKS.get(self.vendor.name)
        if check is None:
            return None
        try:
            _check(put(check.question(self.options), self.api_url, self.timeouts))
        except DeliveryError as err:
            if check.may_be_narrow and err.permanent:
                return None
            raise
        return True


def _check(answer: Response) -> None:
    if answer.status_code != HTTPStatus.OK:
        words = as_words(f"{answer.status_code} {answer.text[:WORDS_READ]}")
        raise DeliveryError(words, permanent=answer.status_code in NOT_US)


def _is_about_the_question(code: int) -> bool:
    """This mail's question is refused; the next may not be."""
    return 400 <= code < 500 and code not in NOT_US and code != NOT_NOW
