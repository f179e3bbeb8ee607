"""The bounce address of each mail: nobody makes one up, and servers that fold its case do no harm."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.errors import ConfigError
from aftercart.feedback.verp import LONGEST_LOCAL_PART, BounceAddresses

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
OLD, NEW = "o" * 32, "n" * 32
OURS = BounceAddresses("bounce-*@mail.shop.example", [NEW, OLD])
ids = st.uuids()


@given(ids)
def test_an_address_names_its_mail(send_id: UUID) -> None:
    assert OURS.read(OURS.of(send_id)) == send_id


@given(ids, st.data())
def test_it_survives_any_change_of_case(send_id: UUID, data: st.DataObject) -> None:
    address = OURS.of(send_id)
    upper = data.draw(st.lists(st.booleans(), min_size=len(address), max_size=len(address)))
    folded = "".join(c.upper() if up else c for c, up in zip(address, upper, strict=True))
    assert OURS.read(folded) == send_id


@given(ids, st.data())
def test_no_letter_of_it_can_be_changed(send_id: UUID, data: st.DataObject) -> None:
    address = OURS.of(send_id)
    start, end = len("bounce-"), address.index("@")
    place = data.draw(st.integers(start, end - 1))
    other = data.draw(st.sampled_from(ALPHABET.replace(address[place], "")))
    assert OURS.read(address[:place] + other + address[place + 1 :]) is None


@given(ids)
def test_another_secret_s_address_is_not_ours(send_id: UUID) -> None:
    assert OURS.read(BounceAddresses("bounce-*@mail.shop.example", ["x" * 32]).of(send_id)) is None


@given(ids)
def test_an_address_of_the_secret_before_is_still_read(send_id: UUID) -> None:
    before = BounceAddresses("bounce-*@mail.shop.example", [OLD])
    assert OURS.read(before.of(send_id)) == send_id
    assert before.read(OURS.of(send_id)) is None


@given(st.text(max_size=80))
def test_anything_else_is_not_ours(text: str) -> None:
    assert OURS.read(text) is None
    assert OURS.read(f"bounce-{text}@mail.shop.example") is None


@pytest.mark.parametrize("address", ["bounces@shop.example", "b*x@shop.example", "Bounce+*@Shop.Example"])
@given(send_id=ids)
def test_the_mailbox_name_is_no_longer_than_mail_allows(address: str, send_id: UUID) -> None:
    addresses = BounceAddresses(address, [NEW])
    made = addresses.of(send_id)
    assert len(made.partition("@")[0]) <= LONGEST_LOCAL_PART
    assert addresses.read(made) == send_id


def test_a_plain_address_gets_its_token_behind_a_plus() -> None:
    assert BounceAddresses("bounces@shop.example", [NEW]).of(UUID(int=0)).startswith("bounces+aaaaaaa")


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("shop.example", "is not an address"),
        ("bounce@", "is not an address"),
        ("*-*@shop.example", "write one \\*"),
        ("every-bounce-of-our-shop-*@shop.example", "only 22 characters"),
        ("a b*@shop.example", "is not an address"),
    ],
)
def test_an_address_that_cannot_work_is_refused(address: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        BounceAddresses(address, [NEW])
