import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.delivery.base import Outcome, Receipt
from aftercart.delivery.smtp_reply import Phase, Reply, as_response, refusal
from aftercart.ids import new_id


@pytest.mark.parametrize(
    "words",
    [
        "550 5.1.1 no such user",
        "550 5.1.2 no such domain",
        "553 5.1.3 odd address",
        "551 5.1.6 moved away",
        "556 5.1.10 null MX",
        "550 user unknown",
        "551 not here",
        "553 mailbox name not allowed",
    ],
)
def test_an_address_that_does_not_exist_is_a_hard_bounce(words: str) -> None:
    receipt = refused(words, Phase.RCPT)
    assert receipt.outcome is Outcome.REJECTED
    assert receipt.hard_bounce
    assert not receipt.fault_is_ours


@pytest.mark.parametrize(
    "words", ["550 5.7.1 blocked for spam", "554 5.7.26 unauthenticated mail", "535 5.7.8 who are you"]
)
def test_a_policy_refusal_is_our_fault_and_says_nothing_about_the_address(words: str) -> None:
    receipt = refused(words, Phase.RCPT)
    assert receipt.outcome is Outcome.REJECTED
    assert receipt.fault_is_ours
    assert not receipt.hard_bounce


@pytest.mark.parametrize("words", ["552 5.2.2 mailbox full", "554 transaction failed", "550 5.2.1 disabled"])
def test_other_lasting_refusals_blame_neither(words: str) -> None:
    receipt = refused(words, Phase.RCPT)
    assert (receipt.outcome, receipt.hard_bounce, receipt.fault_is_ours) == (Outcome.REJECTED, False, False)


@pytest.mark.parametrize("words", ["450 4.2.0 greylisted", "451 local error", "452 4.3.1 quota of the day"])
def test_a_4xx_is_deferred_and_never_a_bounce(words: str) -> None:
    """T08: throttling is no failure."""
    receipt = refused(words, Phase.RCPT)
    assert (receipt.outcome, receipt.hard_bounce, receipt.fault_is_ours) == (Outcome.DEFERRED, False, False)


def test_421_is_about_us() -> None:
    assert refused("421 4.3.2 shutting down", Phase.RCPT).fault_is_ours


def test_a_refused_sender_is_our_fault_and_not_the_recipients() -> None:
    receipt = refused("550 5.1.1 sender unknown", Phase.MAIL)
    assert receipt.fault_is_ours
    assert not receipt.hard_bounce


def test_a_message_that_is_too_big_is_not_a_fault_of_the_line() -> None:
    assert not refused("552 5.3.4 too big", Phase.MAIL).fault_is_ours


def test_550_without_an_enhanced_code_after_the_body_speaks_of_the_body() -> None:
    assert not refused("550 looks like spam", Phase.BODY).hard_bounce
    assert refused("550 5.1.1 no such user", Phase.BODY).hard_bounce


@pytest.mark.parametrize("words", ["535 5.7.8 wrong password", "554 no mail from your network", "421 later"])
def test_a_refusal_while_connecting_can_be_mended_so_nothing_is_given_up(words: str) -> None:
    """A mistyped password must not fail a day's sends for good."""
    receipt = refused(words, Phase.CONNECT)
    assert receipt.outcome is Outcome.DEFERRED
    assert receipt.fault_is_ours


def test_an_enhanced_code_counts_only_at_the_start_and_whole() -> None:
    assert Reply(550, "5.1.1 no").enhanced == "5.1.1"
    assert Reply(550, "5.1.1").enhanced == "5.1.1"
    assert Reply(550, "5.1.1.2 is an address").enhanced == ""
    assert Reply(550, "host 5.1.1 said no").enhanced == ""


@given(st.text(max_size=2000))
def test_a_stored_response_is_one_line_of_at_most_500_characters(words: str) -> None:
    response = as_response(words)
    assert len(response) <= 500
    assert "\n" not in response
    assert "\r" not in response


def refused(words: str, phase: Phase) -> Receipt:
    return refusal(new_id(), Reply(int(words[:3]), words[4:]), phase)
