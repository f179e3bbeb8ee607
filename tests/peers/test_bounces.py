"""Postfix relays our mails to a server that refuses them; what it returns (RFC 3464) is understood."""

import re
from collections.abc import Iterable, Mapping
from email import message_from_bytes
from pathlib import Path
from time import monotonic, sleep
from uuid import UUID

import pytest

from aftercart.delivery.base import Message
from aftercart.delivery.senders import sender_from_url
from aftercart.feedback.mail import MailReader
from aftercart.feedback.told import Kind
from aftercart.feedback.verp import BounceAddresses
from aftercart.tracking.tokens import TokenSigner
from tests.cli.test_lmtp import listening
from tests.mail_sink import mail_sink
from tests.messages import a_message, always
from tests.peers.postfix import postfix
from tests.ports import free_port
from tests.smtp_server import ScriptedServer

pytestmark = pytest.mark.peers

REFUSALS = {
    "gone": ("550 5.1.1 <gone@example.com>: no such user here", Kind.HARD_BOUNCE),
    "full": ("552 5.2.2 mailbox full", Kind.SOFT_BOUNCE),
    "spam": ("554 5.7.1 we do not like what you write", Kind.REFUSED),
    "bare": ("550 No such user", Kind.HARD_BOUNCE),
}
ADDRESSES = BounceAddresses("Bounce-*@bounces.example.com", ["k" * 32])
TOKENS = TokenSigner(["k" * 32])


def a_mail_to(name: str) -> Message:
    message = a_message(recipient=f"{name}@example.com")
    return a_message(send_id=message.send_id, recipient=message.recipient, bounce_to=ADDRESSES.of(message.send_id))


def test_what_postfix_returns_names_its_mail_and_what_is_wrong_with_it() -> None:
    mails = {mail.send_id: mail for mail in map(a_mail_to, REFUSALS)}
    with (
        ScriptedServer(rcpt=lambda said: REFUSALS[said.partition("<")[2].partition("@")[0]][0]) as refusing,
        mail_sink() as returned,
        postfix(onward=refusing.port, back=returned.port) as relay,
    ):
        sender = sender_from_url(relay.url)
        list(sender.send_batch(mails.values(), always))
        sender.close()
        returned.wait_for(len(mails))
    _are_understood(mails, [content for _, content in returned.envelopes])


def test_postfix_hands_what_it_returns_over_by_lmtp(tmp_path: Path) -> None:
    mails = {mail.send_id: mail for mail in map(a_mail_to, REFUSALS)}
    port = free_port()
    with (
        ScriptedServer(rcpt=lambda said: REFUSALS[said.partition("<")[2].partition("@")[0]][0]) as refusing,
        listening(tmp_path / "shop", f"127.0.0.1:{port}") as door,
        postfix(onward=refusing.port, back=port, by="lmtp:inet") as relay,
    ):
        sender = sender_from_url(relay.url)
        list(sender.send_batch(mails.values(), always))
        sender.close()
        deadline = monotonic() + 60
        while len(re.findall(r"status=sent \(250 2\.0\.0 kept\)", relay.log)) < len(mails):  # it logs after it was told
            assert monotonic() < deadline, relay.log
            sleep(0.05)
    assert len(door.kept()) == len(mails)
    _are_understood(mails, door.kept())


def _are_understood(mails: Mapping[UUID, Message], returned: Iterable[bytes]) -> None:
    reader = MailReader(ADDRESSES, TOKENS.read_unsubscribe)
    for content in returned:
        told = reader.read(content, lambda send_id: mails[send_id].recipient if send_id in mails else None)
        assert told.send_id is not None
        name = mails[told.send_id].recipient.partition("@")[0]
        assert told.kind is REFUSALS[name][1], message_from_bytes(content).as_string()
        assert told.recipient == f"{name}@example.com"
