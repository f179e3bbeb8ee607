"""The demo reads its mails, and says so when one breaks off."""

from contextlib import closing

import pytest

from aftercart.demo.mailbox import Mailbox
from aftercart.demo.smtp_server import Envelope
from aftercart.demo.unfinished import unfinished_mails


def found(subject: str, text: str) -> list[str]:
    content = f"Subject: {subject}\r\n\r\n{text}\r\n"
    with closing(Mailbox()) as mailbox:
        mailbox.deposit(Envelope("shop@shop.example", ("ada@example.com",), content.encode()))
        return list(unfinished_mails(mailbox))


@pytest.mark.parametrize(
    ("subject", "text", "line"),
    [
        ("Made for your", "Hello", "Made for your"),
        ("Hello", "Hi Ada,\n\nGoes with your\n\nThank you", "Goes with your"),
        ("Hello", "Lamp\nbecause you bought \n20.00", "because you bought"),
    ],
)
def test_a_mail_with_a_hole_is_a_fault(subject: str, text: str, line: str) -> None:
    assert found(subject, text) == [f'1 mails break off in the middle of a sentence, such as number 1: "{line}"']


def test_a_mail_without_one_is_none() -> None:
    assert found("Made for your bike", "Goes with your bike\nbecause you bought a bike\npopular") == []
