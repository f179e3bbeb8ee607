from datetime import UTC, datetime

import pytest

from aftercart.policy.suppression import MailClass, Suppression, SuppressionReason, SuppressionScope, blocks

EARLY = datetime(2026, 1, 1, tzinfo=UTC)
LATE = datetime(2026, 2, 1, tzinfo=UTC)
LEFT = Suppression(SuppressionScope.BRAND, SuppressionReason.UNSUBSCRIBED, EARLY)
LEFT_REVIEWS = Suppression(SuppressionScope.TOPIC, SuppressionReason.UNSUBSCRIBED, EARLY, "reviews")
BOUNCED = Suppression(SuppressionScope.ALL, SuppressionReason.HARD_BOUNCE, LATE)


@pytest.mark.parametrize(
    ("entries", "mail", "reason"),
    [
        ([], MailClass.MARKETING, None),
        ([LEFT], MailClass.MARKETING, SuppressionReason.UNSUBSCRIBED),
        ([LEFT], MailClass.TRANSACTIONAL, None),
        ([BOUNCED], MailClass.TRANSACTIONAL, SuppressionReason.HARD_BOUNCE),
        ([BOUNCED, LEFT], MailClass.MARKETING, SuppressionReason.UNSUBSCRIBED),
        ([BOUNCED, LEFT], MailClass.TRANSACTIONAL, SuppressionReason.HARD_BOUNCE),
        ([LEFT_REVIEWS], MailClass.MARKETING, None),
        ([LEFT_REVIEWS], MailClass.TRANSACTIONAL, None),
    ],
)
def test_a_suppression_stops_the_mail_it_is_about(
    entries: list[Suppression], mail: MailClass, reason: SuppressionReason | None
) -> None:
    """T16, T23: who unsubscribed from marketing still gets the login link."""
    assert blocks(entries, mail, "recommendations") is reason


def test_who_left_a_topic_gets_no_more_marketing_about_it_and_still_their_receipts() -> None:
    """T23, T24: the smallest thing that they left is what ends."""
    assert blocks([LEFT_REVIEWS], MailClass.MARKETING, "reviews") is SuppressionReason.UNSUBSCRIBED
    assert blocks([LEFT_REVIEWS], MailClass.TRANSACTIONAL, "reviews") is None
