"""What every sender promises (aftercart/delivery/base.py). Add a sender to `SENDERS` and it must keep all of it."""

import email
import email.policy
import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import boto3
import pytest
from aiosmtpd.controller import Controller
from moto import mock_aws
from moto.ses.models import ses_backends

from aftercart.delivery.address import wire_address
from aftercart.delivery.base import Message, Outcome, Sender
from aftercart.delivery.console import ConsoleSender
from aftercart.delivery.esp.from_url import esp_from_url
from aftercart.delivery.file import FileSender
from aftercart.delivery.headers import marketing_headers
from aftercart.delivery.mime import to_bytes
from aftercart.delivery.smtp.opening import Server
from aftercart.delivery.smtp.sender import SmtpSender
from tests.mail_services import SERVICES, fake_service
from tests.messages import a_message, always
from tests.ports import free_port


def encode(message: Message) -> bytes:
    if message.subject == "poison":
        raise ValueError("cannot be encoded")
    return to_bytes(message)


@dataclass
class Rig:
    """A sender, and what arrives behind it: recipients in their order, and whole mails where there are any."""

    sender: Sender
    arrived: Callable[[], list[str]]
    mails: Callable[[], list[bytes]]


class Mailbox:
    """The handler of a real SMTP server."""

    def __init__(self) -> None:
        self.recipients: list[str] = []
        self.mails: list[bytes] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        self.recipients += envelope.rcpt_tos
        self.mails.append(envelope.original_content)
        return "250 2.0.0 queued"


@contextmanager
def smtp(_folder: Path) -> Iterator[Rig]:
    port = free_port()
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    sender = SmtpSender(Server("127.0.0.1", port), encode=encode)
    try:
        yield Rig(sender, lambda: list(mailbox.recipients), lambda: list(mailbox.mails))
    finally:
        sender.close()
        controller.stop()


@contextmanager
def file(folder: Path) -> Iterator[Rig]:
    def mails() -> list[bytes]:
        return [f.read_bytes() for f in sorted(folder.glob("*.eml"), key=lambda f: f.stat().st_mtime_ns)]

    def arrived() -> list[str]:
        return [str(parsed(mail)["To"]) for mail in mails()]

    yield Rig(FileSender(folder, encode=encode), arrived, mails)


@contextmanager
def console(_folder: Path) -> Iterator[Rig]:
    stream = io.StringIO()

    def arrived() -> list[str]:
        lines = stream.getvalue().splitlines()
        return [line.split()[1] for line in lines if line.startswith("To:")]

    yield Rig(ConsoleSender(stream, encode=encode), arrived, list)


def service(name: str) -> Callable[[Path], AbstractContextManager[Rig]]:
    """A mail service, with what our server stands for it has taken."""

    @contextmanager
    def rig(_folder: Path) -> Iterator[Rig]:
        with fake_service(name) as fake:
            sender = esp_from_url(fake.url, {}, encode=encode)
            try:
                yield Rig(sender, lambda: [seen.to for seen in fake.seen], list)
            finally:
                sender.close()

    rig.__name__ = name
    return rig


@contextmanager
def ses_with_moto(_folder: Path) -> Iterator[Rig]:
    """Amazon, as people who are not us have rebuilt it."""
    with mock_aws():
        amazon = boto3.client("ses", region_name="eu-west-1")
        amazon.verify_email_identity(EmailAddress="hello@example.com")
        amazon.close()
        sender = esp_from_url("esp://ses?region_name=eu-west-1", {}, encode=encode)

        def arrived() -> list[str]:
            sent = ses_backends["123456789012"]["eu-west-1"].sent_messages
            return [message.destinations[0] for message in sent]  # it lists whom the request and the mail name

        yield Rig(sender, arrived, list)
        sender.close()


SENDERS = [smtp, file, console, ses_with_moto, *(service(known.name) for known in SERVICES)]


@pytest.fixture(params=SENDERS, ids=lambda sender: sender.__name__)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with request.param(tmp_path) as rig:
        yield rig


@pytest.fixture(params=[smtp, file], ids=lambda sender: sender.__name__)
def mail_rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """The senders behind which a whole mail comes out."""
    with request.param(tmp_path) as rig:
        yield rig


def parsed(mail: bytes) -> email.message.EmailMessage:
    """Read as RFC 6532 has it: headers are UTF-8. (`message_from_bytes` takes them for ASCII.)"""
    return email.message_from_string(mail.decode(), policy=email.policy.SMTPUTF8)


def batch(*names: str) -> list[Message]:
    return [a_message(recipient=f"{name}@example.com") for name in names]


def test_each_message_arrives_once_and_has_its_receipt_in_order(rig: Rig) -> None:
    messages = batch("ada", "ben", "chika")
    receipts = list(rig.sender.send_batch(messages, always))
    assert {r.send_id for r in receipts} == {m.send_id for m in messages}
    assert [r.outcome for r in receipts] == [Outcome.ACCEPTED] * 3
    assert rig.arrived() == ["ada@example.com", "ben@example.com", "chika@example.com"]


def test_go_is_asked_once_for_each_message_before_it_arrives(rig: Rig) -> None:
    asked: list[tuple[str, bool]] = []

    def go(*messages: Message) -> set[UUID]:
        asked.extend((message.recipient, message.recipient in rig.arrived()) for message in messages)
        return always(*messages)

    list(rig.sender.send_batch(batch("ada", "ben"), go))
    assert sorted(asked) == [("ada@example.com", False), ("ben@example.com", False)]


def test_what_go_holds_back_does_not_arrive_and_the_rest_does(rig: Rig) -> None:
    """T21."""
    messages = batch("ada", "ben", "chika")
    withheld = {messages[1].send_id}
    receipts = rig.sender.send_batch(messages, lambda *them: always(*them) - withheld)
    assert {r.send_id for r in receipts if r.outcome is Outcome.WITHHELD} == withheld
    assert rig.arrived() == ["ada@example.com", "chika@example.com"]


def test_a_poison_message_is_rejected_without_asking_go_and_the_rest_arrives(rig: Rig) -> None:
    """T06, T07."""
    asked: list[str] = []

    def go(*messages: Message) -> set[UUID]:
        asked.extend(message.subject for message in messages)
        return always(*messages)

    messages = [a_message(subject="poison"), *batch("ada"), a_message(subject="poison"), *batch("ben")]
    found = {receipt.send_id: receipt for receipt in rig.sender.send_batch(messages, go)}
    receipts = [found[message.send_id] for message in messages]
    assert [r.outcome for r in receipts] == [Outcome.REJECTED, Outcome.ACCEPTED, Outcome.REJECTED, Outcome.ACCEPTED]
    assert not any(r.hard_bounce for r in receipts), "it says nothing about the address"
    assert [r.fault_is_ours for r in receipts] == [True, False, True, False], "nobody has refused it"
    assert "cannot be encoded" in receipts[0].response
    assert "poison" not in asked
    assert rig.arrived() == ["ada@example.com", "ben@example.com"]


def test_a_receipt_comes_as_soon_as_it_is_known(rig: Rig) -> None:
    """The pipeline marks a mail as sent before the next one leaves."""
    for count, _receipt in enumerate(rig.sender.send_batch(batch("ada", "ben"), always), start=1):
        assert len(rig.arrived()) == count


def test_an_empty_batch_is_fine(rig: Rig) -> None:
    assert list(rig.sender.send_batch([], always)) == []


def test_it_may_be_closed_twice_and_used_again(rig: Rig) -> None:
    rig.sender.close()
    list(rig.sender.send_batch(batch("ada"), always))
    rig.sender.close()
    rig.sender.close()
    list(rig.sender.send_batch(batch("ben"), always))
    assert rig.arrived() == ["ada@example.com", "ben@example.com"]


def test_many_threads_may_use_it_at_once(rig: Rig) -> None:
    names = [f"p{i}" for i in range(24)]
    with ThreadPoolExecutor(4) as pool:
        for receipts in pool.map(lambda name: list(rig.sender.send_batch(batch(name), always)), names):
            assert [r.outcome for r in receipts] == [Outcome.ACCEPTED]
    assert sorted(rig.arrived()) == sorted(f"{name}@example.com" for name in names)


def test_its_name_is_short_and_has_no_secret(rig: Rig) -> None:
    assert 0 < len(rig.sender.name) <= 60


def test_the_mail_arrives_as_it_was_meant(mail_rig: Rig) -> None:
    """T39: lines of dots and long lines among them."""
    text = "\n".join([".", "..", ".hidden", "Größe: 54 cm", "x" * 3000, "."])
    message = a_message(subject="Für dein Fahrrad · 自転車", text=text, html=f"<p>{text}</p>")
    list(mail_rig.sender.send_batch([message], always))
    (mail,) = map(parsed, mail_rig.mails())
    assert mail["Subject"] == message.subject
    assert mail["Message-ID"] == message.message_id
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content().rstrip("\r\n").splitlines() == text.splitlines()


@pytest.mark.parametrize("address", ["ada@münchen.example", "дарья@пример.example"])
def test_people_of_every_script_get_their_mail(mail_rig: Rig, address: str) -> None:
    receipts = list(mail_rig.sender.send_batch([a_message(recipient=address)], always))
    assert [r.outcome for r in receipts] == [Outcome.ACCEPTED]
    assert mail_rig.arrived() == [wire_address(address)]
    assert [mail["To"].addresses[0].addr_spec for mail in map(parsed, mail_rig.mails())] == [wire_address(address)]


def test_the_headers_of_a_marketing_mail_arrive(mail_rig: Rig) -> None:
    """T28: they vanished in a release elsewhere."""
    headers = marketing_headers(
        f"https://mail.shop.example/u/{'x' * 90}", "leave@shop.example", "l.shop.example", "a:b:c"
    )
    list(mail_rig.sender.send_batch([a_message(headers=headers)], always))
    (mail,) = map(parsed, mail_rig.mails())
    for name, value in headers.items():
        assert "".join(str(mail[name]).split()) == "".join(value.split())
