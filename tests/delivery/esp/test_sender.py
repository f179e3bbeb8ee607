"""Mail services, one by one: what arrives there, and what they may answer (or not)."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from aftercart.delivery.base import Message, Outcome, Receipt, Sender
from aftercart.delivery.esp import answer
from aftercart.delivery.esp.from_url import esp_from_url
from aftercart.delivery.esp.sender import EspSender
from aftercart.delivery.esp.vendors import VENDORS, Timeouts
from aftercart.delivery.headers import marketing_headers
from aftercart.delivery.limits.breaker import Sign, sign_of
from tests.mail_services import BY_NAME, HANGS_UP, SERVICES, SILENT, FakeService, Fault, Says, fake_service
from tests.messages import a_message, always
from tests.ports import closed_port

ACCEPTED, DEFERRED, REJECTED, UNKNOWN = Outcome.ACCEPTED, Outcome.DEFERRED, Outcome.REJECTED, Outcome.UNKNOWN
NAMES = [service.name for service in SERVICES]
CERTIFICATE = Path(__file__).parents[1] / "localhost.pem"
HEADERS = marketing_headers("https://mail.shop.example/u/token", "leave@shop.example", "l.shop.example", "a:b:c")


IMPATIENT = Timeouts(connect=30, answer=0.2)
"""For a service that is silent on purpose. A busy machine may need longer for any other answer."""


@contextmanager
def sender_to(fake: FakeService, timeouts: Timeouts | None = None) -> Iterator[Sender]:
    sender = esp_from_url(fake.url, {}, timeouts=timeouts)
    try:
        yield sender
    finally:
        sender.close()


def answers(name: str, *faults: Fault, count: int = 1) -> list[Receipt]:
    """What comes of `count` messages if these faults meet the first of them."""
    with fake_service(name) as fake, sender_to(fake) as sender:
        fake.next = list(faults)
        return list(sender.send_batch([a_message(recipient=f"p{i}@example.com") for i in range(count)], always))


# ---------------------------------------------------------------- what arrives


@pytest.mark.parametrize("name", NAMES)
def test_everything_of_a_mail_arrives_and_nothing_of_the_vendor_s_own_is_switched_on(name: str) -> None:
    """T28: headers vanish easily; each vendor has a way of its own to be given them."""
    message = a_message(
        sender="Bikes, Café & Co <hello@example.com>",
        subject="Für dein Fahrrad · 自転車",
        headers={**HEADERS, "Reply-To": "Help, now <help@example.com>"},
        campaign="accessories",
    )
    with fake_service(name) as fake, sender_to(fake) as sender:
        (receipt,) = sender.send_batch([message], always)
        (seen,) = fake.seen
    assert receipt.outcome is ACCEPTED
    assert (seen.to, seen.subject, seen.text.strip()) == (message.recipient, message.subject, message.text)
    assert message.html in seen.html
    arrived = {key.lower(): value for key, value in seen.headers.items()}
    for header, value in HEADERS.items():
        if (name, header) == ("mailjet", "List-Id"):
            continue  # Mailjet refuses a mail that brings one, and writes its own
        assert "".join(arrived[header.lower()].split()) == "".join(value.split()), header
    assert seen.metadata["send_id"] == str(message.send_id)
    assert seen.tags == ([] if name == "postal" else ["accessories"])  # Postal: one tag, which is the send's id
    off = BY_NAME[name].off
    assert seen.tracking in (None, off if isinstance(off, tuple) else (off, off))


@pytest.mark.parametrize("name", NAMES)
def test_the_mail_keeps_its_message_id_where_the_vendor_lets_it(name: str) -> None:
    message = a_message()
    with fake_service(name) as fake, sender_to(fake) as sender:
        list(sender.send_batch([message], always))
        ids = [value for key, value in fake.seen[0].headers.items() if key.lower() == "message-id"]
    assert ids == ([] if name in ("mailjet", "mailersend") else [message.message_id])


@pytest.mark.parametrize("name", ["resend", "brevo"])
def test_a_second_attempt_carries_the_same_idempotency_key(name: str) -> None:
    message = a_message()
    with fake_service(name) as fake, sender_to(fake) as sender:
        list(sender.send_batch([message], always))
        list(sender.send_batch([message], always))
        if name == "resend":
            keys = [request.headers["Idempotency-Key"] for request in fake.requests]
        else:
            keys = [request.json["headers"]["idempotencyKey"] for request in fake.requests]
    assert keys == [str(message.send_id)] * 2


@pytest.mark.parametrize("name", NAMES)
def test_one_connection_carries_a_batch_and_the_next_one(name: str) -> None:
    with fake_service(name) as fake, sender_to(fake) as sender:
        for _ in range(2):
            list(sender.send_batch([a_message(), a_message()], always))
        assert (len(fake.requests), fake.connections) == (4, 1)


def test_an_idle_connection_is_replaced() -> None:
    """The vendor may have closed it, and a request into a closed connection leaves its mail in doubt."""
    with fake_service("postmark") as fake:
        options = {"server_token": "KEY", "api_url": fake.api_url}
        sender = EspSender(VENDORS["postmark"], options, renew_after_s=-1)
        list(sender.send_batch([a_message(), a_message()], always))
        sender.close()
        assert fake.connections == 2


# ---------------------------------------------------------------- nothing left, or perhaps


@pytest.mark.parametrize("name", NAMES)
def test_where_nobody_listens_the_batch_is_deferred_and_go_is_not_asked(name: str) -> None:
    """Amazon's library tells us too late for that, but as clearly."""
    asked: list[Message] = []

    def go(*messages: Message) -> set[UUID]:
        asked.extend(messages)
        return always(*messages)

    with closed_port() as port:
        sender = esp_from_url(BY_NAME[name].url(f"http://127.0.0.1:{port}/"), {})
        receipts = list(sender.send_batch([a_message(), a_message()], go))
    assert [(r.outcome, r.fault_is_ours) for r in receipts] == [(DEFERRED, True)] * 2
    assert "refused" in receipts[0].response
    assert len(asked) == (1 if name == "ses" else 0)


@pytest.mark.parametrize("name", ["postmark", "ses"])
def test_a_service_whose_certificate_is_not_trusted_is_given_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_service(name, CERTIFICATE) as fake:
        with sender_to(fake) as sender:
            (refused,) = sender.send_batch([a_message()], always)
        assert (refused.outcome, refused.fault_is_ours) == (DEFERRED, True)
        assert "certificate" in refused.response.lower()
        assert fake.requests == []
        monkeypatch.setenv("AWS_CA_BUNDLE" if name == "ses" else "REQUESTS_CA_BUNDLE", str(CERTIFICATE))
        with sender_to(fake) as sender:
            receipts = list(sender.send_batch([a_message(), a_message()], always))
        assert [r.outcome for r in receipts] == [ACCEPTED] * 2


@pytest.mark.parametrize("name", NAMES)
def test_a_request_without_an_answer_leaves_its_mail_in_doubt_and_the_next_one_goes(name: str) -> None:
    receipts = answers(name, HANGS_UP, count=2)
    assert [r.outcome for r in receipts] == [UNKNOWN, ACCEPTED]
    assert receipts[0].fault_is_ours


@pytest.mark.parametrize("name", NAMES)
def test_a_service_that_stays_silent_does_so_too(name: str) -> None:
    with fake_service(name) as fake, sender_to(fake, IMPATIENT) as sender:
        fake.next = [SILENT]
        receipts = iter(sender.send_batch([a_message(), a_message(recipient="ben@example.com")], always))
        in_doubt = next(receipts)
        assert (in_doubt.outcome, in_doubt.fault_is_ours) == (UNKNOWN, True)
        assert fake.is_silent.wait(30)
        assert next(receipts).outcome in (ACCEPTED, UNKNOWN), "a busy machine is not told from a silent one"
        assert fake.has_taken.acquire(timeout=30)
        assert [seen.to for seen in fake.seen] == ["ben@example.com"]


def test_two_without_an_answer_end_the_batch() -> None:
    receipts = answers("postmark", HANGS_UP, HANGS_UP, count=4)
    assert [r.outcome for r in receipts] == [UNKNOWN, UNKNOWN, DEFERRED, DEFERRED]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("mailersend", "sendgrid")])
def test_an_answer_that_makes_no_sense_leaves_its_mail_in_doubt(name: str) -> None:
    """It was a good answer by its status, so the mail may have been taken. Two vendors say nothing but the status."""
    (receipt,) = answers(name, Says(200, "<html>Welcome to our hotel's Wi-Fi</html>"))
    assert (receipt.outcome, receipt.fault_is_ours) == (UNKNOWN, True)


def test_a_redirect_is_not_followed() -> None:
    """It would be a second POST."""
    with fake_service("postmark") as fake, sender_to(fake) as sender:
        fake.next = [Says(307, headers={"Location": fake.api_url + "email"})]
        (receipt,) = sender.send_batch([a_message()], always)
        assert (receipt.outcome, receipt.fault_is_ours, fake.requests) == (DEFERRED, True, [])


def test_what_go_itself_fails_with_comes_out_and_nothing_leaves() -> None:
    class DatabaseIsAwayError(OSError):
        pass

    def go(*_: Message) -> set[UUID]:
        raise DatabaseIsAwayError

    for name in ("postmark", "ses"):
        with fake_service(name) as fake, sender_to(fake) as sender:
            with pytest.raises(DatabaseIsAwayError):
                list(sender.send_batch([a_message()], go))
            assert [r.outcome for r in sender.send_batch([a_message()], always)] == [ACCEPTED]
            assert len(fake.requests) == 1


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize("status", [503, 429, 401])
@pytest.mark.parametrize("name", NAMES)
def test_what_says_nothing_about_the_recipient_is_tried_again(name: str, status: int) -> None:
    """Out of order, too many requests, a wrong key: somebody mends it, and no customer is lost by it."""
    (receipt,) = answers(name, Says(status, '{"message": "no", "Message": "no", "ErrorCode": 10}'))
    assert (receipt.outcome, receipt.code) == (DEFERRED, status)
    assert receipt.fault_is_ours
    assert not receipt.hard_bounce


def test_too_many_requests_end_the_batch_and_the_wish_of_the_vendor_is_passed_on() -> None:
    receipts = answers("resend", Says(429, '{"name": "rate_limit_exceeded"}', {"Retry-After": "90"}), count=3)
    assert [(r.outcome, r.retry_after) for r in receipts] == [(DEFERRED, timedelta(seconds=90))] * 3


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("9" * 5000, timedelta(days=1)),
        ("0" * 5000 + "90", timedelta(seconds=90)),
        ("86401", timedelta(days=1)),
        ("0", timedelta(0)),
        ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(days=1)),
        ("Fri, 31 Dec 1999 23:59:59 GMT", timedelta(0)),
        ("soon", None),
    ],
    ids=["a long number", "zeros", "a day and a second", "at once", "no year", "a late year", "gone by", "no time"],
)
def test_no_wish_of_a_vendor_is_too_odd_or_longer_than_a_day(header: str, pause: timedelta | None) -> None:
    (receipt,) = answers("resend", Says(429, "{}", {"Retry-After": header}))
    assert (receipt.outcome, receipt.retry_after) == (DEFERRED, pause)


def test_an_answer_that_cannot_be_read_at_all_leaves_its_mail_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """And to be given again, where the vendor would know it. A wish that cannot be read hides no outcome."""

    def stumble(*_: object, **__: object) -> None:
        raise LookupError("an answer that nobody thought of")

    monkeypatch.setattr(answer, "retry_after", stumble)
    (receipt,) = answers("resend", Says(429, "{}"))
    assert (receipt.outcome, receipt.retry_after) == (DEFERRED, None)
    monkeypatch.setattr(answer, "of_code", stumble)
    (receipt,) = answers("resend", Says(429, "{}"))
    assert (receipt.outcome, receipt.known_for) == (UNKNOWN, timedelta(hours=23))


@pytest.mark.parametrize("status", [500, 502, 504, 520, 524])
def test_a_vendor_that_fell_over_a_mail_may_have_taken_it(status: int) -> None:
    """Also where it would know it again: the next attempt may be another mail, or come too late for that."""
    html = "<html>Bad gateway</html>"
    in_doubt = [answers(name, Says(status, html))[0] for name in ("postmark", "ses", "mandrill", "resend")]
    assert [receipt.outcome for receipt in in_doubt] == [UNKNOWN] * 4
    assert [receipt.known_for is not None for receipt in in_doubt] == [False, False, False, True]


@pytest.mark.parametrize("status", [503, 521, 523])
def test_a_gateway_that_did_not_reach_the_vendor_has_passed_nothing_on(status: int) -> None:
    assert [answers(name, Says(status, "{}"))[0].outcome for name in ("postmark", "resend")] == [DEFERRED] * 2


@pytest.mark.parametrize("name", NAMES)
def test_a_receipt_tells_how_long_the_vendor_would_know_the_mail_again(name: str) -> None:
    """Less than it promises: Resend 24 hours, Brevo 15 minutes."""
    known_for = {"resend": timedelta(hours=23), "brevo": timedelta(minutes=10)}
    in_doubt, taken = answers(name, HANGS_UP, count=2)
    assert (in_doubt.known_for, taken.known_for) == (known_for.get(name), None)


DUPLICATE = Says(400, '{"code": "duplicate_request", "message": "Duplicate request"}')


def test_a_mail_that_is_given_again_and_known_already_was_taken() -> None:
    with fake_service("brevo") as fake, sender_to(fake) as sender:
        fake.next = [DUPLICATE]
        (receipt,) = sender.send_batch([a_message(is_repeat=True)], always)
    assert receipt.outcome is ACCEPTED


def test_a_new_mail_whose_key_is_known_is_in_doubt() -> None:
    """An earlier try of its send was taken, or another mail was."""
    (receipt,) = answers("brevo", DUPLICATE)
    assert (receipt.outcome, receipt.known_for) == (UNKNOWN, timedelta(minutes=10))


@pytest.mark.parametrize("is_repeat", [False, True])
def test_a_mail_in_which_something_stands_twice_was_not_taken(is_repeat: bool) -> None:
    with fake_service("brevo") as fake, sender_to(fake) as sender:
        fake.next = [Says(400, '{"code": "duplicate_parameter", "message": "Duplicate parameter"}')]
        (receipt,) = sender.send_batch([a_message(is_repeat=is_repeat)], always)
    assert (receipt.outcome, receipt.fault_is_ours) == (REJECTED, True)


REFUSALS = [
    ("postmark", 422, '{"ErrorCode": 406, "Message": "You tried to send to a recipient that has been marked as '
     'inactive.\\nFound inactive addresses: p0@example.com.\\nInactive recipients are ones that have generated a hard '
     'bounce, a spam complaint, or a manual suppression. "}', REJECTED, False, True),
    ("postmark", 422, '{"ErrorCode": 300, "Message": "Invalid \'To\' address: \'p0@example.com\'."}',
     REJECTED, False, False),
    ("postmark", 422, '{"ErrorCode": 300, "Message": "Invalid \'From\' address: \'hello@example.com\'."}',
     DEFERRED, True, False),
    ("postmark", 422, '{"ErrorCode": 405, "Message": "You have exceeded your account\'s sending limit."}',
     DEFERRED, True, False),
    ("postmark", 422, '{"ErrorCode": 300, "Message": "Invalid \'To\' address: the domain \'x.example\' is over its '
     'limit."}',
     REJECTED, False, False),
    ("postmark", 422, '{"ErrorCode": 412, "Message": "While your account is pending approval, all recipient addresses '
     'must share the same domain as the \'From\' address."}', DEFERRED, True, False),
    ("mailgun", 400, '{"message": "Sandbox subdomains are for test purposes only. Please add the address to authorized '
     'recipients."}', DEFERRED, True, False),
    ("mailersend", 422, '{"message": "The reply to field is not from a verified domain.", "errors": {}}',
     DEFERRED, True, False),
    ("sendgrid", 400, '{"errors": [{"message": "Does not contain a valid address.", '
     '"field": "personalizations.0.to.0.email", "help": null}]}', REJECTED, False, False),
    ("sendgrid", 403, '{"errors": [{"message": "The from address does not match a verified Sender Identity.", '
     '"field": "from"}]}', DEFERRED, True, False),
    ("mailgun", 400, '{"message": "to parameter is not a valid address. please check documentation"}',
     REJECTED, False, False),
    ("mailgun", 404, '{"message": "Domain not found: example.com"}', DEFERRED, True, False),
    ("mailgun", 200, '"Mailgun Magnificent API"', DEFERRED, True, False),
    ("mailersend", 422, '{"message": "The to.0.email must be a valid email address.", '
     '"errors": {"to.0.email": ["The to.0.email must be a valid email address."]}}', REJECTED, False, False),
    ("mailersend", 422, '{"message": "The headers field is not available on your plan.", "errors": {}}',
     DEFERRED, True, False),
    ("mailersend", 202, '{"message": "", "warnings": [{"type": "ALL_SUPPRESSED", "warning": "", "recipients": '
     '[{"email": "p0@example.com", "name": "", "reasons": ["hard_bounced"]}]}]}', REJECTED, False, True),
    ("mailjet", 400, '{"Messages": [{"Status": "error", "Errors": [{"ErrorIdentifier": "1", "ErrorCode": "mj-0013", '
     '"StatusCode": 400, "ErrorMessage": "\\"p0@\\" is an invalid email address.", "ErrorRelatedTo": '
     '["To[0].Email"]}]}]}', REJECTED, False, False),
    ("mandrill", 200, '[{"email": "p0@example.com", "status": "rejected", "reject_reason": "hard-bounce", '
     '"_id": "a"}]', REJECTED, False, True),
    ("mandrill", 200, '[{"email": "p0@example.com", "status": "rejected", "reject_reason": "unsigned", "_id": "a"}]',
     DEFERRED, True, False),
    ("mandrill", 200, '[{"email": "p0@example.com", "status": "rejected", "reject_reason": "unsub", "_id": "a"}]',
     REJECTED, False, False),
    ("mandrill", 500, '{"status": "error", "code": -1, "name": "Invalid_Key", "message": "Invalid API key"}',
     DEFERRED, True, False),
    ("mandrill", 500, '{"status": "error", "code": -4, "name": "GeneralError", "message": "An unexpected error"}',
     UNKNOWN, True, False),
    ("postal", 200, '{"status": "error", "time": 0, "flags": {}, "data": {"code": "InvalidServerAPIKey", '
     '"message": "The API token provided in X-Server-API-Key was not valid."}}', DEFERRED, True, False),
    ("postal", 200, '{"status": "parameter-error", "time": 0, "flags": {}, "data": {"message": "content too long"}}',
     REJECTED, True, False),
    ("resend", 422, '{"statusCode": 422, "name": "validation_error", "message": "Invalid `to` field. The email '
     'address needs to follow the `email@example.com` format."}', REJECTED, False, False),
    ("resend", 403, '{"statusCode": 403, "name": "validation_error", "message": "The shop.example domain is not '
     'verified."}', DEFERRED, True, False),
    ("resend", 409, '{"statusCode": 409, "name": "concurrent_idempotent_requests", "message": "..."}',
     DEFERRED, False, False),
    ("resend", 409, '{"statusCode": 409, "name": "invalid_idempotent_request", "message": "..."}',
     UNKNOWN, True, False),
    ("brevo", 400, '{"code": "invalid_parameter", "message": "email is not valid in to"}', REJECTED, False, False),
    ("brevo", 402, '{"code": "not_enough_credits", "message": "..."}', DEFERRED, True, False),
    ("scaleway", 400, '{"type": "invalid_arguments", "details": [{"argument_name": "to[0].email", '
     '"reason": "constraint"}]}', REJECTED, False, False),
    ("sparkpost", 200, '{"results": {"total_rejected_recipients": 1, "total_accepted_recipients": 0, "id": "1"}}',
     REJECTED, False, False),
    ("unisender_go", 200, '{"status": "success", "job_id": "1", "emails": [], "failed_emails": '
     '{"p0@example.com": "permanent_unavailable"}}', REJECTED, False, True),
    ("unisender_go", 200, '{"status": "success", "job_id": "1", "emails": [], "failed_emails": '
     '{"p0@example.com": "temporary_unavailable"}}', DEFERRED, False, False),
    ("mailtrap", 400, '{"success": false, "errors": ["\'to\' address is invalid"]}', REJECTED, False, False),
    ("ses", 400, '{"__type": "TooManyRequestsException", "message": "Maximum sending rate exceeded."}',
     DEFERRED, True, False),
    ("ses", 400, '{"__type": "MessageRejected", "message": "Email address is not verified. The following identities '
     'failed the check: hello@example.com"}', DEFERRED, True, False),
    ("ses", 400, '{"__type": "SendingPausedException", "message": "paused"}', DEFERRED, True, False),
]  # fmt: skip


@pytest.mark.parametrize(("name", "status", "body", "outcome", "ours", "hard"), REFUSALS)
def test_a_refusal_is_laid_at_the_right_door(
    name: str, status: int, body: str, outcome: Outcome, ours: bool, hard: bool
) -> None:
    headers = {"x-amzn-errortype": body.split('"')[3]} if name == "ses" else {}
    (receipt,) = answers(name, Says(status, body, headers))
    assert (receipt.outcome, receipt.fault_is_ours, receipt.hard_bounce) == (outcome, ours, hard), receipt
    assert len(receipt.response) <= 500


@pytest.mark.parametrize("recipient", ["author@verif.example", "AUTHOR@verif.example", "sender@domain.exämple"])
def test_the_name_of_an_address_is_not_what_the_vendor_says(recipient: str) -> None:
    quoted = recipient.lower().replace("exämple", "xn--exmple-cua")
    with fake_service("postmark") as fake, sender_to(fake) as sender:
        fake.next = [Says(422, json.dumps({"ErrorCode": 300, "Message": f"Error: {quoted}: no such recipient"}))]
        (receipt,) = sender.send_batch([a_message(recipient=recipient)], always)
    assert (receipt.outcome, receipt.fault_is_ours) == (REJECTED, False)
    assert quoted in receipt.response, "kept as it was said"


def test_many_bad_mails_hold_no_other_one_up() -> None:
    """Of one template, say."""
    bad = Says(422, '{"ErrorCode": 300, "Message": "Zero recipients; the sender is not verified"}')
    receipts = answers("postmark", bad, bad, Says(413), Says(400, '{"Message": "bad HTML"}'), count=5)
    assert [r.outcome for r in receipts] == [DEFERRED, DEFERRED, REJECTED, REJECTED, ACCEPTED]
    assert Sign.FAULT not in [sign_of(r) for r in receipts]


def test_a_mailbox_name_outside_ascii_that_a_vendor_does_not_take_is_nobody_s_hard_bounce() -> None:
    with fake_service("scaleway") as fake, sender_to(fake) as sender:
        receipts = list(sender.send_batch([a_message(recipient="дарья@пример.example"), a_message()], always))
    assert [(r.outcome, r.fault_is_ours, r.hard_bounce) for r in receipts] == [
        (REJECTED, False, False),
        (ACCEPTED, False, False),
    ]


def test_nothing_of_a_key_or_an_address_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        answers("postmark", Says(500, "{}"))
    ours = [record for record in caplog.records if record.name.startswith("aftercart")]
    assert not [record for record in ours if "p0@example.com" in record.getMessage() or "KEY" in record.getMessage()]
