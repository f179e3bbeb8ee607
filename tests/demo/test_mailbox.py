"""The mailbox keeps what was received, and finds it again."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from uuid import UUID

import pytest

from aftercart.clock import SteppedClock
from aftercart.demo.mailbox import Mailbox, send_id_of
from aftercart.demo.smtp_server import Envelope

SEND = UUID("0190c0de-0000-7000-8000-000000000001")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _mail(to: str, subject: str, send_id: UUID | None = None) -> Envelope:
    message_id = f"Message-ID: <{send_id}@shop.example>\r\n" if send_id else ""
    content = f"From: Shop <hello@shop.example>\r\nTo: {to}\r\nSubject: {subject}\r\n{message_id}\r\nHello.\r\n"
    return Envelope("bounce@shop.example", (to,), content.encode())


def test_a_mail_is_kept_byte_for_byte_and_indexed() -> None:
    clock = SteppedClock(NOON)
    mailbox = Mailbox(clock=clock)
    first = _mail("ada@example.com", "=?utf-8?q?F=C3=BCr_Sie?=", SEND)
    mailbox.deposit(first)
    clock.step(timedelta(hours=1))
    mailbox.deposit(_mail("ben@example.com", "Second"))
    assert mailbox.raw(1) == first.content
    entry = mailbox.entry(1)
    assert (entry.recipient, entry.subject, entry.send_id) == ("ada@example.com", "Für Sie", SEND)
    assert [entry.received_at.hour for entry in mailbox.entries()] == [13, 12], "newest first"
    assert mailbox.message(2)["Subject"] == "Second"
    mailbox.close()


def test_search_wants_all_words_in_addresses_or_subject() -> None:
    mailbox = Mailbox()
    for to, subject in (("ada@example.com", "Helmets"), ("ada@example.com", "Tubes"), ("ben@example.com", "Helmets")):
        mailbox.deposit(_mail(to, subject))
    assert [entry.number for entry in mailbox.entries("ADA helm")] == [1]
    assert [entry.number for entry in mailbox.entries("helmets")] == [3, 1]
    assert not mailbox.entries("pump")
    mailbox.close()


@pytest.mark.parametrize("number", [0, 2, -1])
def test_a_number_that_nobody_has_is_an_error(number: int) -> None:
    mailbox = Mailbox()
    mailbox.deposit(_mail("ada@example.com", "One"))
    with pytest.raises(KeyError, match="no such mail"):
        mailbox.raw(number)
    mailbox.close()


def test_a_mailbox_can_live_in_a_file_of_ones_choice(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "mails.mbox")
    envelope = _mail("ada@example.com", "One")
    mailbox.deposit(envelope)
    mailbox.close()
    assert (tmp_path / "mails.mbox").read_bytes() == envelope.content


def test_whoever_waits_for_mails_is_woken_when_they_are_there() -> None:
    mailbox = Mailbox()

    def write() -> None:
        for number in range(3):
            mailbox.deposit(_mail("ada@example.com", str(number)))

    writer = Thread(target=write)
    writer.start()
    assert mailbox.wait_for(3, timeout_s=10)
    assert not mailbox.wait_for(4, timeout_s=0.01)
    writer.join()
    mailbox.close()


@pytest.mark.parametrize(
    ("message_id", "send_id"),
    [(f"<{SEND}@shop.example>", SEND), ("<abc@shop.example>", None), ("", None), (f" <{SEND}@x> ", SEND)],
)
def test_the_send_is_read_from_the_message_id(message_id: str, send_id: UUID | None) -> None:
    assert send_id_of(message_id) == send_id


def test_a_mail_without_any_header_is_kept_too() -> None:
    mailbox = Mailbox()
    mailbox.deposit(Envelope("", ("ada@example.com",), b"\xff\xfe no mail at all"))
    assert mailbox.entry(1).subject == ""
    assert mailbox.raw(1) == b"\xff\xfe no mail at all"
    mailbox.close()
