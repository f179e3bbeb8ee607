"""Mails to the bounce address: what they tell, and about which mail, if that is signed."""

import re
from base64 import encodebytes
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.feedback.mail import MailReader
from aftercart.feedback.told import Kind, Told, UnclearError
from aftercart.feedback.verp import BounceAddresses
from aftercart.ids import new_id
from aftercart.tracking.tokens import TokenSigner
from tests.feedback.letters import AWAY, EXCHANGE, EXIM, FEEDBACK_LOOP, PERSON, POSTFIX, QMAIL, letter

TOKENS = TokenSigner(["k" * 32])
ADDRESSES = BounceAddresses("bounces@shop.example", ["k" * 32])
READER = MailReader(ADDRESSES, TOKENS.read_unsubscribe)
SEND = new_id()
OURS = ADDRESSES.of(SEND)
SUBJECT = b"Subject: Re: Goes well with your bike"
INTERNATIONAL = POSTFIX.replace("message/delivery", "message/global-delivery")
LINK = f"List-Unsubscribe: <https://mail.shop.example/u/{TOKENS.unsubscribe(7, SEND)}>,\r\n <mailto:x@shop.example>"


def ada(send_id: UUID) -> str | None:
    return "ada@example.com" if send_id == SEND else None


def read(form: str, **facts: str) -> Told:
    return READER.read(letter(form, **facts), ada)


def reason(form: str, **facts: str) -> str:
    with pytest.raises(UnclearError) as fault:
        read(form, **facts)
    return fault.value.reason


@pytest.mark.parametrize("form", [POSTFIX, EXCHANGE])
@pytest.mark.parametrize(
    ("status", "diagnostic", "kind"),
    [
        ("5.1.1", "550 5.1.1 <ada@example.com>: Recipient address rejected: User unknown", Kind.HARD_BOUNCE),
        ("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found", Kind.HARD_BOUNCE),
        ("5.0.0", "550 5.1.1 The email account that you tried to reach does not exist", Kind.HARD_BOUNCE),
        ("5.0.0", "550 No such user here", Kind.HARD_BOUNCE),
        ("5.2.2", "552 5.2.2 The email account that you tried to reach is over quota", Kind.SOFT_BOUNCE),
        ("5.4.4", "554 5.4.4 Unable to look up example.com", Kind.SOFT_BOUNCE),
        ("4.4.7", "451 4.4.7 delivery time expired", Kind.SOFT_BOUNCE),
        ("4.1.1", "450 4.1.1 user unknown for now", Kind.SOFT_BOUNCE),
        ("5.7.1", "554 5.7.1 Service unavailable; client [192.0.2.1] blocked using zen.spamhaus.org", Kind.REFUSED),
        ("5.1.1", "550 5.1.1 blocked by our policy, see spamhaus", Kind.REFUSED),
    ],
)
def test_a_bounce_is_told_by_its_status_and_its_words(form: str, status: str, diagnostic: str, kind: Kind) -> None:
    told = read(form, to=OURS, status=status, diagnostic=diagnostic)
    assert (told.kind, told.send_id, told.recipient) == (kind, SEND, "ada@example.com")
    assert diagnostic in told.words


@pytest.mark.parametrize("form", [QMAIL, EXIM])
@pytest.mark.parametrize(
    ("diagnostic", "kind"),
    [
        ("Sorry, no mailbox here by that name. (#5.1.1)", Kind.HARD_BOUNCE),
        ("550 5.1.1 The email account that you tried to reach does not exist", Kind.HARD_BOUNCE),
        ("Unrouteable address", Kind.SOFT_BOUNCE),
        ("552 5.2.2 mailbox full", Kind.SOFT_BOUNCE),
        ("550 5.7.1 blocked using zen.spamhaus.org", Kind.REFUSED),
    ],
)
def test_a_bounce_of_a_server_that_writes_for_people_is_one_all_the_same(
    form: str, diagnostic: str, kind: Kind
) -> None:
    """It was kept as a letter by a person, or as an auto-reply, and the address was mailed for ever."""
    told = read(form, to=OURS, diagnostic=diagnostic)
    assert (told.kind, told.send_id, told.recipient) == (kind, SEND, "ada@example.com")
    assert diagnostic in told.words
    assert read(form, to=OURS, diagnostic=diagnostic, recipient="ada@work.example").kind is not Kind.HARD_BOUNCE


@pytest.mark.parametrize("named", ["utf-8; jörg@example.com", r"utf-8; j\x{F6}rg@example.com"])
def test_a_bounce_of_a_mail_to_an_address_outside_ascii_is_one_too(named: str) -> None:
    """RFC 6533: another content type, and Python's reader does not split it. It was an auto-reply."""
    notice = letter(INTERNATIONAL, recipient="jörg@example.com", to=OURS, return_path=OURS)
    for old, new in (("rfc822; jörg@example.com", named), ("text/rfc822-headers", "message/global-headers")):
        notice = notice.replace(old.encode(), new.encode())
    told = READER.read(notice, lambda _: "jörg@example.com")
    assert (told.kind, told.status, told.recipient) == (Kind.HARD_BOUNCE, "5.1.1", "jörg@example.com")
    elsewhere = notice.replace(f"To: {OURS}".encode(), b"To: bounces@shop.example")
    assert READER.read(elsewhere, lambda _: "jörg@example.com").send_id == SEND


def test_a_notice_that_is_encoded_or_commented_on_is_read() -> None:
    """Neither is allowed, or usual."""
    plain = letter(POSTFIX, to=OURS)
    begins = plain.index(b"Reporting-MTA")
    fields = plain[begins : plain.index(b"\r\n\r\n--4XyZ", begins)]
    encoded = plain.replace(b"\r\n" + fields, b"Content-Transfer-Encoding: base64\r\n\r\n" + encodebytes(fields))
    assert encoded != plain
    for notice in (encoded, letter(POSTFIX, to=OURS, action="failed (no such user)")):
        assert READER.read(notice, ada).kind is Kind.HARD_BOUNCE


@pytest.mark.parametrize(
    ("action", "kind"),
    [("delayed", Kind.DELAYED), ("delivered", Kind.DELIVERED), ("relayed", Kind.OTHER), ("expanded", Kind.OTHER)],
)
def test_not_every_notice_is_a_bounce(action: str, kind: Kind) -> None:
    assert read(POSTFIX, to=OURS, action=action, status="4.0.0", diagnostic="451 4.0.0 busy").kind is kind


def test_a_mail_that_failed_where_it_was_forwarded_to_bounces_softly() -> None:
    """The address that is gone is one that we never wrote to."""
    told = read(POSTFIX, to=OURS, recipient="ada@work.example", original="ada.old@work.example")
    assert told.kind is Kind.SOFT_BOUNCE
    assert read(POSTFIX, to=OURS, recipient="ada@work.example", original="ada@example.com").kind is Kind.HARD_BOUNCE


@pytest.mark.parametrize("named", ["ada@exämple.de", "ada@xn--exmple-cua.de", "Ada <ADA@exämple.de>"])
def test_a_bounce_names_its_recipient_in_either_script(named: str) -> None:
    told = READER.read(letter(POSTFIX, to=OURS, recipient=named), lambda _: "ada@xn--exmple-cua.de")
    assert (told.kind, told.recipient) == (Kind.HARD_BOUNCE, "ada@xn--exmple-cua.de")


@pytest.mark.parametrize("to", [OURS, OURS.upper(), f"Bounces <{OURS}>"], ids=["as it is", "in capitals", "named"])
def test_the_case_of_the_address_does_not_matter(to: str) -> None:
    assert read(POSTFIX, to=to).send_id == SEND


def test_a_bounce_that_came_to_another_address_is_known_by_the_link_that_it_quotes() -> None:
    for form in (POSTFIX, EXCHANGE):
        assert read(form, to="postmaster@shop.example", headers=LINK).send_id == SEND


@pytest.mark.parametrize(("feedback_type", "kind"), [("abuse", Kind.COMPLAINT), ("fraud", Kind.COMPLAINT),
                         ("opt-out", Kind.UNSUBSCRIBE), ("not-spam", Kind.OTHER), ("virus", Kind.OTHER),
                         ("auth-failure", Kind.OTHER)])  # fmt: skip
def test_a_feedback_report_tells_what_its_reader_wants(feedback_type: str, kind: Kind) -> None:
    told = read(FEEDBACK_LOOP, feedback_type=feedback_type, return_path=OURS)
    assert (told.kind, told.send_id) == (kind, SEND)
    assert read(FEEDBACK_LOOP, feedback_type=feedback_type, headers=LINK).kind is kind


def test_an_out_of_office_reply_is_no_more_than_that() -> None:
    """T22: it was recorded as an unsubscribe elsewhere. Its text may say anything."""
    assert read(AWAY, to=OURS).kind is Kind.AUTO_REPLY


@pytest.mark.parametrize(
    "subject",
    [
        "unsubscribe",
        "Unsubscribe",
        "Re: UNSUBSCRIBE me",
        "=?utf-8?b?dW5zdWJzY3JpYmU=?=",
        pytest.param(f"=?utf-8?b?dW5zdWJzY3JpYmU=?= =?punycode?q?{'9a' * 1_000}?=", id="with a long tail"),
    ],
)
def test_who_writes_to_the_address_of_their_mail_to_leave_leaves(subject: str) -> None:
    told = READER.read(letter(PERSON, to=OURS).replace(SUBJECT, f"Subject: {subject}".encode()), ada)
    assert (told.kind, told.send_id, told.recipient) == (Kind.UNSUBSCRIBE, SEND, "ada@example.com")


@pytest.mark.parametrize("mark", ["Auto-Submitted: auto-generated", "X-Auto-Response-Suppress: All"])
def test_a_mail_program_that_leaves_for_its_reader_may_say_that_it_did(mark: str) -> None:
    """By its own button, with the subject that the header asks for; an answer by a machine has ours in its own."""
    written = letter(PERSON, to=OURS).replace(SUBJECT, f"{mark}\r\nSubject: unsubscribe".encode())
    assert READER.read(written, ada).kind is Kind.UNSUBSCRIBE
    answer = letter(PERSON, to=OURS).replace(SUBJECT, f"{mark}\r\nSubject: Unsubscribe from boredom".encode())
    assert READER.read(answer, ada).kind is Kind.AUTO_REPLY


@pytest.mark.parametrize(
    "subject",
    ["How do I unsubscribe?", "unsubscribed", "=?no-such-set?b?dW5zdWJzY3JpYmU=?=", "=?utf-8?b?dW5zd?=", ""],
)
def test_a_letter_that_does_not_say_so_is_no_leaving(subject: str) -> None:
    with pytest.raises(UnclearError) as fault:
        READER.read(letter(PERSON, to=OURS).replace(SUBJECT, f"Subject: {subject}".encode()), ada)
    assert fault.value.reason == "no_report"


def test_nobody_leaves_by_what_another_one_s_mail_quotes_nor_by_an_auto_reply() -> None:
    quoting = letter(POSTFIX, to="x@shop.example", return_path=OURS).replace(b"delivery-status", b"something-else")
    with pytest.raises(UnclearError):
        READER.read(
            re.sub(rb"Subject: .*", b"Subject: unsubscribe", quoting, count=1).replace(b"Auto-Submitted", b"X"), ada
        )
    away = re.sub(rb"Subject: .*", b"Subject: unsubscribe", letter(AWAY, to=OURS), count=1)
    assert READER.read(away, ada).kind is Kind.AUTO_REPLY


def test_what_nobody_signed_is_unclear() -> None:
    stranger = BounceAddresses("bounces@shop.example", ["x" * 32]).of(SEND)
    for form in (POSTFIX, EXCHANGE, FEEDBACK_LOOP, AWAY, PERSON):
        assert reason(form, to=stranger, return_path=stranger) == "not_signed"
    assert reason(POSTFIX, headers=LINK[:60]) == "not_signed"


def test_a_complaint_is_not_known_by_the_address_that_it_came_to() -> None:
    """That is the one where complaints come in; only what it quotes says which mail it is about."""
    assert reason(FEEDBACK_LOOP, to=OURS) == "not_signed"


def test_a_letter_by_a_person_and_one_about_a_mail_that_is_gone_are_unclear() -> None:
    assert reason(PERSON, to=OURS) == "no_report"
    assert reason(POSTFIX, to=ADDRESSES.of(new_id())) == "no_such_mail"


@given(st.binary(max_size=400))
def test_no_bytes_make_it_stumble(noise: bytes) -> None:
    with pytest.raises(UnclearError):
        READER.read(noise, ada)


def test_a_field_of_a_notice_may_hold_any_bytes() -> None:
    whole = letter(POSTFIX, to=OURS)
    for field in (b"Status: ", b"Action: ", b"Final-Recipient: ", b"Diagnostic-Code: "):
        assert READER.read(whole.replace(field, field + b"\x80"), ada).send_id == SEND


@given(st.sampled_from([POSTFIX, INTERNATIONAL, QMAIL, EXIM]), st.integers(0, 1500), st.binary(min_size=1, max_size=8))
def test_a_damaged_notice_is_read_or_unclear(form: str, place: int, noise: bytes) -> None:
    whole = letter(form, to=OURS)
    try:
        told = READER.read(whole[:place] + noise + whole[place + len(noise) :], ada)
    except UnclearError:
        return
    assert told.send_id == SEND
