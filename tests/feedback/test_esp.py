"""Webhooks of every mail service: who sent them, and what they tell."""

import json

import pytest

from aftercart.errors import ConfigError, SignatureError
from aftercart.feedback.esp import open_doors
from aftercart.feedback.told import Kind, UnclearError
from aftercart.ids import new_id
from tests.feedback.services import BLOCKED, FULL, HOOKS, LOGIN, SECRETS, SETTING, Event

SEND = new_id()
DOORS = open_doors(SETTING, "https://mail.shop.example")
KINDS = [
    ("delivered", "", Kind.DELIVERED),
    ("hard", "550 5.1.1 no such user", Kind.HARD_BOUNCE),
    ("hard", BLOCKED, Kind.REFUSED),
    ("soft", FULL, Kind.SOFT_BOUNCE),
    ("complaint", "", Kind.COMPLAINT),
]


def says_nothing(name: str, kind: str) -> bool:
    """Postal hears of no complaints, and Mandrill of no deliveries."""
    return (name, kind) in (("postal", "complaint"), ("mandrill", "delivered"))


CASES = [(name, *case) for name in HOOKS for case in KINDS if not says_nothing(name, case[0])]


@pytest.mark.parametrize(("name", "kind", "words", "expected"), CASES)
def test_what_a_service_tells_is_understood(name: str, kind: str, words: str, expected: Kind) -> None:
    headers, body = HOOKS[name](Event(kind, str(SEND), words=words))
    DOORS[name].check(headers, body)
    (told,) = DOORS[name].read(headers, body)
    if (name, kind) in (("mailtrap", "soft"),):
        expected = Kind.DELAYED  # it tries again
    if name == "resend":  # its webhooks bear no recipient of their own; the send's id names the mail
        assert told.recipient in ("", "ada@example.com")
    else:
        assert told.recipient == "ada@example.com"
    assert (told.kind, told.send_id) == (expected, SEND)


@pytest.mark.parametrize("name", [name for name in HOOKS if name != "postal"])  # Anymail does not read Postal's
def test_an_open_proves_no_more_than_that_the_mail_came(name: str) -> None:
    headers, body = HOOKS[name](Event("open", str(SEND)))
    assert [(told.kind, told.send_id) for told in DOORS[name].read(headers, body)] == [(Kind.READ, SEND)]


@pytest.mark.parametrize("name", HOOKS)
def test_the_same_event_has_the_same_key_and_another_one_another(name: str) -> None:
    """T49."""
    keys = [
        [told.key for told in DOORS[name].read(*HOOKS[name](event))]
        for event in (Event("hard", str(SEND)), Event("hard", str(SEND)), Event("hard", str(new_id()), number=2))
    ]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize("name", HOOKS)
def test_who_does_not_have_the_secret_is_not_let_in(name: str) -> None:
    headers, body = HOOKS[name](Event("hard", str(SEND)))
    others = {LOGIN: "hook:another", "-key": "-kez", "-secret": "-secreu", "c2Vjcm": "c2Vjcn"}
    setting = SETTING
    for ours, theirs in others.items():
        setting = setting.replace(ours, theirs)
    stranger = open_doors(setting, "https://mail.shop.example")
    tried = [({}, body), ({}, b""), (headers, b"[]"), (headers, b"\xff{")]
    if name not in ("postal", "sendgrid"):  # for these the setting is a public key
        tried.append((headers, body))
    for some, content in tried:
        door = stranger if content is body else DOORS
        if (some, content) == (headers, b"[]") and name not in SECRETS and name != "ses":
            continue  # a login does not depend on the body
        if content == b"\xff{" and name not in SECRETS and name != "ses":
            continue
        with pytest.raises(SignatureError, match="AFTERCART_ESP_WEBHOOK_SECRETS"):
            door[name].check(some, content)


@pytest.mark.parametrize("name", HOOKS)
def test_a_signed_body_that_makes_no_sense_is_unclear(name: str) -> None:
    with pytest.raises(UnclearError):
        DOORS[name].read({"content-type": "application/json"}, json.dumps(7).encode())


def test_several_secrets_of_one_service_are_all_good_while_they_change() -> None:
    doors = open_doors(f"postmark=new:login postmark={LOGIN}", "https://x.example")
    doors["postmark"].check(*HOOKS["postmark"](Event("hard", str(SEND))))


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("postmark", "write NAME=SECRET"),
        ("postmark=s3cret", "is a login, as in postmark=user:password"),
        ("pigeon=s3cret", "known are brevo, mailersend"),
        ("scaleway=s3cret", "known are brevo, mailersend"),
        ("sendgrid=s3cret", "none that it gives out"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_without_its_secret(setting: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as fault:
        open_doors(setting, "https://x.example")
    assert "s3cret" not in str(fault.value)
