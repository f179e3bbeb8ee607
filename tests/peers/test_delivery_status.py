"""Postfix relays our mails to a server that refuses them, and returns real delivery-status notices (RFC 3464)."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from aftercart.delivery.base import Message, Outcome
from aftercart.delivery.senders import sender_from_url
from tests.mail_sink import MailSink, mail_sink
from tests.messages import a_message, always
from tests.peers.postfix import postfix
from tests.smtp_server import ScriptedServer

pytestmark = pytest.mark.peers

REFUSALS = {
    "gone": "550 5.1.1 <gone@example.com>: no such user here",
    "full": "552 5.2.2 mailbox full",
    "spam": "554 5.7.1 we do not like what you write",
}


def refuse(said: str) -> str:
    return REFUSALS[said.partition("<")[2].partition("@")[0]]


def a_mail_to(name: str) -> Message:
    message = a_message(recipient=f"{name}@example.com")
    return a_message(
        send_id=message.send_id,
        message_id=message.message_id,
        recipient=message.recipient,
        bounce_to=f"bounce+{message.send_id}@bounces.example.com",
    )


def test_what_a_relay_could_not_deliver_comes_back_and_tells_which_mail_it_was(tmp_path: Path) -> None:
    """By the address that it returns to, by the Message-ID within, and with the status that the server gave."""
    mails = {name: a_mail_to(name) for name in REFUSALS}
    with (
        ScriptedServer(rcpt=refuse) as refusing,
        mail_sink() as returned,
        postfix(onward=refusing.port, back=returned.port) as relay,
    ):
        sender = sender_from_url(relay.url)
        receipts = list(sender.send_batch(mails.values(), always))
        sender.close()
        assert [receipt.outcome for receipt in receipts] == [Outcome.ACCEPTED] * 3
        _wait_for_all(returned, len(mails), relay.log)
    notices = _kept(returned, tmp_path / "notices")
    for name, mail in mails.items():
        notice = notices[mail.bounce_to]
        assert notice.get_content_type() == "multipart/report"
        assert notice.get_param("report-type") == "delivery-status"
        status = _about_the_recipient(notice)
        assert (status["Action"], status["Status"]) == ("failed", REFUSALS[name].split()[1])
        assert status["Final-Recipient"] == f"rfc822; {mail.recipient}"
        assert REFUSALS[name].split(" ", 2)[2] in " ".join(str(status["Diagnostic-Code"]).split())
        assert _returned_mail(notice)["Message-ID"] == mail.message_id


def _wait_for_all(returned: MailSink, count: int, log: str) -> None:
    try:
        returned.wait_for(count)
    except AssertionError as err:
        raise AssertionError(f"{err}\n{log}") from None


def _kept(returned: MailSink, folder: Path) -> dict[str, EmailMessage]:
    """The notices by the address that they came to; as they are, they stay in the folder to be looked at."""
    folder.mkdir()
    for number, (_, content) in enumerate(returned.envelopes):
        (folder / f"{number}.eml").write_bytes(content)
    return {to: message_from_bytes(content, policy=policy.default) for to, content in returned.envelopes}


def _about_the_recipient(notice: EmailMessage) -> Any:
    (report,) = [part for part in notice.walk() if part.get_content_type() == "message/delivery-status"]
    parts: Any = report.get_payload()
    return parts[1]


def _returned_mail(notice: EmailMessage) -> Any:
    (mail,) = [part for part in notice.walk() if part.get_content_type() in ("message/rfc822", "text/rfc822-headers")]
    return mail.get_payload(0)
