import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.delivery.base import Outcome, Receipt
from aftercart.delivery.smtp.reply import Phase, Reply, refusal
from aftercart.delivery.words import as_words
from aftercart.ids import new_id


def test_a_refused_sender_is_our_fault_and_not_the_recipients() -> None:
    receipt = refused("550 5.1.1 sender unknown", Phase.MAIL)
    assert receipt.fault_is_ours
    assert not receipt.hard_bounce


def test_a_message_that_is_too_big_is_not_a_fault_of_the_line() -> None:
    assert not refused("552 5.3.4 too big", Phase.MAIL).fault_is_ours
    assert not refused("550 5.2.3 too big", Phase.MAIL).fault_is_ours


@pytest.mark.parametrize("words", ["535 5.7.8 wrong password", "554 no mail from your network", "421 later"])
def test_a_refusal_while_connecting_can_be_mended_so_nothing_is_given_up(words: str) -> None:
    """A mistyped password must not fail a day's sends for good."""
    receipt = refused(words, Phase.CONNECT)
    assert receipt.outcome is Outcome.DEFERRED
    assert receipt.fault_is_ours


def test_an_enhanced_code_counts_only_whole_and_in_its_place() -> None:
    assert Reply(550, "5.1.1 no").enhanced == "5.1.1"
    assert Reply(550, "#5.1.0 Address rejected.").enhanced == "5.1.0"
    assert Reply(550, "sorry, no mailbox here by that name (#5.1.1 - chkuser)").enhanced == "5.1.1"
    assert Reply(550, "5.1.1").enhanced == "5.1.1"
    assert Reply(550, "5.1.1.2 is an address").enhanced == ""
    assert Reply(550, "host 5.1.1 said no").enhanced == ""


@given(st.text(st.characters(exclude_categories=()), max_size=2000))
def test_a_stored_response_is_one_line_of_at_most_500_characters(words: str) -> None:
    response = as_words(words)
    assert len(response) <= 500
    assert "\n" not in response
    assert "\r" not in response
    response.encode()  # also half a character, which no database takes


def refused(words: str, phase: Phase) -> Receipt:
    return refusal(new_id(), Reply(int(words[:3]), words[4:]), phase)
