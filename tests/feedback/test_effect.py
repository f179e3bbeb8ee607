"""What a report changes, whatever order reports come in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.feedback.effect import State, effect
from aftercart.feedback.told import Kind
from aftercart.ledger.states import SendState
from aftercart.policy.suppression import SuppressionReason

ADA = "ada@example.com"


@pytest.mark.parametrize(
    ("kind", "state", "suppresses"),
    [
        (Kind.DELIVERED, "delivered", None),
        (Kind.HARD_BOUNCE, "bounced", SuppressionReason.HARD_BOUNCE),
        (Kind.SOFT_BOUNCE, "bounced", None),
        (Kind.REFUSED, "bounced", None),
        (Kind.COMPLAINT, "complained", SuppressionReason.COMPLAINT),
        (Kind.UNSUBSCRIBE, None, SuppressionReason.UNSUBSCRIBED),
        (Kind.DELAYED, None, None),
        (Kind.AUTO_REPLY, None, None),
        (Kind.READ, "delivered", None),
        (Kind.OTHER, None, None),
    ],
)
@pytest.mark.parametrize("before", ["sent", "unknown", "sending"])
def test_what_a_report_makes_of_a_mail_that_has_left(
    kind: Kind, state: str | None, suppresses: SuppressionReason | None, before: str
) -> None:
    """A mail in doubt has left, if somebody tells of its arrival."""
    found = effect(kind, ADA, SendState(before), 1, ADA)
    assert (found.state, found.suppress) == (state, suppresses)


STRENGTH = {"sent": 0, "unknown": 0, "sending": 0, "scheduled": 0, "delivered": 1, "bounced": 2, "complained": 3}


@pytest.mark.parametrize("before", ["unknown", "sending", "sent"])
def test_that_a_service_has_a_mail_is_news_where_it_was_in_doubt(before: str) -> None:
    found = effect(Kind.TAKEN, ADA, SendState(before), 1, ADA)
    assert (found.state, found.why) == ((None, "known_already") if before == "sent" else ("sent", ""))


@given(st.lists(st.sampled_from(Kind), max_size=12), st.sampled_from(["sent", "unknown", "sending"]))
def test_reports_in_any_order_end_in_the_strongest(kinds: list[Kind], before: str) -> None:
    state: State = SendState(before)
    for kind in kinds:
        after = effect(kind, ADA, state, 1, ADA).state or state
        assert STRENGTH[after] >= STRENGTH[state]
        state = after
    expected = max((STRENGTH[s] for k in kinds if (s := effect(k, ADA, SendState.SENT, 1, ADA).state)), default=0)
    assert STRENGTH[state] == expected


@given(st.sampled_from(Kind))
def test_a_mail_that_never_left_cannot_have_come_back(kind: Kind) -> None:
    for state in (SendState.SCHEDULED, SendState.SKIPPED, SendState.CANCELED):
        found = effect(kind, ADA, state, 0, ADA)
        assert (found.state, found.suppress) == (None, None)


def test_a_mail_that_was_to_be_tried_again_has_left_if_it_was_delivered() -> None:
    """The provider said "later" and took it all the same; sending it again would be sending it twice."""
    assert effect(Kind.DELIVERED, ADA, SendState.SCHEDULED, 1, ADA).state is SendState.DELIVERED


@pytest.mark.parametrize(
    "told_of", ["Ada <ada@example.com>", "<ADA@Example.com>", " ada@example.com", '"a, b" <ada@example.com>']
)
def test_an_address_is_the_same_in_other_words(told_of: str) -> None:
    assert effect(Kind.COMPLAINT, told_of, SendState.SENT, 1, ADA).suppress is SuppressionReason.COMPLAINT


@pytest.mark.parametrize(
    "told_of", ["ada@exämple.de", "ada@EXÄMPLE.de", "ada@xn--exmple-cua.de", "Ada <ada@exämple.de>"]
)
@pytest.mark.parametrize("ours", ["ada@xn--exmple-cua.de", "ada@exämple.de"])
def test_a_domain_is_the_same_in_both_of_its_scripts(told_of: str, ours: str) -> None:
    assert effect(Kind.COMPLAINT, told_of, SendState.SENT, 1, ours).suppress is SuppressionReason.COMPLAINT


@given(st.sampled_from(Kind))
def test_a_report_about_another_address_changes_nothing(kind: Kind) -> None:
    found = effect(kind, "ben@example.com", SendState.SENT, 1, ADA)
    assert (found.state, found.suppress, found.why) == (None, None, "another_address")


def test_a_bounce_that_is_known_still_tells_of_its_address() -> None:
    """A soft one first, then the hard one."""
    found = effect(Kind.HARD_BOUNCE, ADA, SendState.BOUNCED, 1, ADA)
    assert (found.state, found.suppress) == (None, SuppressionReason.HARD_BOUNCE)
