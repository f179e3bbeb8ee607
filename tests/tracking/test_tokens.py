import hashlib
import string
import struct
from uuid import UUID

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from itsdangerous import Signer
from itsdangerous.encoding import base64_encode

from aftercart.errors import BadTokenError
from aftercart.tracking.tokens import MAX_POSITION, Purpose, TokenSigner

OLD, NEW, FOREIGN = "o" * 32, "n" * 32, "f" * 32
TOKENS = TokenSigner([NEW, OLD])
SEND = UUID("0190c2f0-5b6a-7c3d-8e4f-112233445566")


@given(st.uuids(), st.integers(0, MAX_POSITION))
def test_a_link_is_read_as_it_was_written(send_id: UUID, position: int) -> None:
    assert TOKENS.read_link(TOKENS.link(send_id, position)) == (send_id, position)


@given(st.integers(0, 2**63 - 1), st.uuids())
def test_an_unsubscribe_link_is_read_as_it_was_written(recipient_id: int, send_id: UUID) -> None:
    assert TOKENS.read_unsubscribe(TOKENS.unsubscribe(recipient_id, send_id)) == (recipient_id, send_id)


@given(st.uuids(), st.integers(0, MAX_POSITION))
def test_a_token_stands_in_a_url_as_it_is_and_is_short(send_id: UUID, position: int) -> None:
    token = TOKENS.link(send_id, position)
    assert token.replace(".", "").replace("-", "").replace("_", "").isalnum()
    assert token.isascii()
    assert len(token) <= 80
    assert not token.endswith("."), "mail programs leave a final dot out of a link"


@given(st.data())
def test_a_token_with_one_character_changed_is_not_ours(data: st.DataObject) -> None:
    """T40."""
    token = TOKENS.link(SEND, 3)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.one_of(st.sampled_from("ABCDwxyz0189-_.="), st.characters()))
    assume(other != token[at])
    with pytest.raises(BadTokenError):
        TOKENS.read_link(token[:at] + other + token[at + 1 :])


def test_a_token_has_one_spelling() -> None:
    """T40. The last character of a base64 text holds two bits that mean nothing."""
    token = TOKENS.link(SEND, 3)
    for character in set(string.ascii_letters + string.digits + "-_=.") - {token[-1]}:
        with pytest.raises(BadTokenError):
            TOKENS.read_link(token[:-1] + character)
    with pytest.raises(BadTokenError):
        TOKENS.read_link(token + "=")


@given(st.integers(0, len(TOKENS.link(SEND, 3)) - 1))
def test_a_token_that_was_cut_off_is_not_ours(length: int) -> None:
    with pytest.raises(BadTokenError):
        TOKENS.read_link(TOKENS.link(SEND, 3)[:length])


@given(st.text())
@example("")
@example(".")
@example("a.b.c")
@example("https://evil.example")
@example("\ud800")
def test_anything_else_is_not_ours(text: str) -> None:
    for read in (TOKENS.read_link, TOKENS.read_unsubscribe):
        with pytest.raises(BadTokenError):
            read(text)


@given(st.uuids(), st.integers(0, MAX_POSITION))
def test_a_foreign_key_signs_nothing_of_ours(send_id: UUID, position: int) -> None:
    """T40."""
    with pytest.raises(BadTokenError):
        TOKENS.read_link(TokenSigner([FOREIGN]).link(send_id, position))


@given(st.integers(0, MAX_POSITION), st.uuids())
def test_a_token_is_good_for_one_purpose_only(number: int, send_id: UUID) -> None:
    with pytest.raises(BadTokenError):
        TOKENS.read_unsubscribe(TOKENS.link(send_id, number))
    with pytest.raises(BadTokenError):
        TOKENS.read_link(TOKENS.unsubscribe(number, send_id))


def test_after_a_new_key_came_old_mails_still_work_and_new_ones_carry_the_new_key() -> None:
    before = TokenSigner([OLD]).link(SEND, 1)
    assert TOKENS.read_link(before) == (SEND, 1)
    assert TokenSigner([NEW]).read_link(TOKENS.link(SEND, 1)) == (SEND, 1)


def test_after_an_old_key_is_dropped_its_mails_no_longer_work() -> None:
    with pytest.raises(BadTokenError):
        TokenSigner([NEW]).read_link(TokenSigner([OLD]).link(SEND, 1))


def test_without_a_key_nothing_can_be_signed() -> None:
    with pytest.raises(ValueError, match="key"):
        TokenSigner([])


# ---------------------------------------------------------------- one purpose each


PAGES = [Purpose.UNSUBSCRIBE, Purpose.PREFERENCES, Purpose.VIEW, Purpose.WHY]
SAYS = [Purpose.LESS, Purpose.HAVE]
people = st.integers(0, 2**64 - 1)


@given(people, st.uuids(), st.sampled_from(PAGES), st.sampled_from(list(Purpose)))
def test_a_token_of_a_page_opens_that_page_for_that_person_and_no_other(
    person: int, send: UUID, page: Purpose, other: Purpose
) -> None:
    token = TOKENS.page(page, person, send)
    assert TOKENS.read_page(page, token) == (person, send)
    if other is not page:
        with pytest.raises(BadTokenError):
            TOKENS.read_page(other, token)


@given(people, st.uuids(), st.integers(0, 2**16 - 1), st.sampled_from(SAYS), st.sampled_from(list(Purpose)))
def test_a_word_about_a_pick_is_good_for_that_word_and_that_pick(
    person: int, send: UUID, slot: int, say: Purpose, other: Purpose
) -> None:
    token = TOKENS.pick(say, person, send, slot)
    assert TOKENS.read_pick(say, token) == (person, send, slot)
    if other is not say:
        with pytest.raises(BadTokenError):
            TOKENS.read_pick(other, token)


@given(people, people, st.uuids(), st.sampled_from(PAGES))
def test_the_halves_of_two_tokens_make_no_third(one: int, other: int, send: UUID, page: Purpose) -> None:
    body, _, _ = TOKENS.page(page, one, send).rpartition(".")
    _, _, signature = TOKENS.page(page, other, send).rpartition(".")
    if one != other:
        with pytest.raises(BadTokenError):
            TOKENS.read_page(page, f"{body}.{signature}")


def test_a_new_key_signs_and_old_links_work_until_their_key_is_dropped() -> None:
    send = UUID(int=7)
    old, rotated, dropped = TokenSigner(["o" * 32]), TokenSigner(["n" * 32, "o" * 32]), TokenSigner(["n" * 32])
    for page in PAGES:
        token = old.page(page, 1, send)
        assert rotated.read_page(page, token) == (1, send)
        assert rotated.page(page, 1, send) != token
        with pytest.raises(BadTokenError):
            dropped.read_page(page, token)


def test_tokens_of_mails_from_before_still_open() -> None:
    """As they were signed before a purpose had a key of its own that was derived once."""
    signer = Signer("k" * 32, salt="aftercart.unsubscribe", digest_method=hashlib.sha256, key_derivation="hmac")
    token = signer.sign(base64_encode(struct.pack(">Q16s", 5, UUID(int=9).bytes))).decode()
    assert TokenSigner(["k" * 32]).read_unsubscribe(token) == (5, UUID(int=9))
