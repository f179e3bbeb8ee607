from datetime import UTC, datetime

import pytest

from aftercart.policy.suppression import MailClass, Suppression, SuppressionReason, SuppressionScope, blocks

EARLY = datetime(2026, 1, 1, tzinfo=UTC)
LATE = datetime(2026, 2, 1, tzinfo=UTC)
LEFT = Suppression(SuppressionScope.BRAND, SuppressionReason.UNSUBSCRIBED, EARLY)
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
    ],
)
def test_a_suppression_stops_the_mail_it_is_about(
    entries: list[Suppression], mail: MailClass, reason: SuppressionReason | None
) -> None:
    """T16, T23: who unsubscribed from marketing still gets the login link."""
    assert blocks(entries, mail) is reason
