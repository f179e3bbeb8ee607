"""Amazon SES against a stand-in that we did not write."""

import boto3
from moto import mock_aws
from moto.ses.models import ses_backends

from aftercart.delivery.base import Outcome
from aftercart.delivery.senders import sender_from_url
from tests.messages import a_message, always


def test_a_mail_goes_once_its_sender_is_verified_and_waits_until_then() -> None:
    with mock_aws():
        sender = sender_from_url("esp://ses?region_name=eu-west-1")
        (before,) = sender.send_batch([a_message()], always)
        assert (before.outcome, before.fault_is_ours) == (Outcome.DEFERRED, True)
        amazon = boto3.client("ses", region_name="eu-west-1")
        amazon.verify_email_identity(EmailAddress="hello@example.com")
        (after,) = sender.send_batch([a_message()], always)
        assert after.outcome is Outcome.ACCEPTED
        assert len(ses_backends["123456789012"]["eu-west-1"].sent_messages) == 1
        amazon.close()
        sender.close()
