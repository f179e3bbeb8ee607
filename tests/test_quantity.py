"""Counts in words."""

from aftercart.quantity import counted


def test_one_is_one_and_anything_else_is_several() -> None:
    assert [counted(count, "mail") for count in (0, 1, 2, 1200)] == ["0 mails", "1 mail", "2 mails", "1,200 mails"]


def test_several_may_have_a_name_of_their_own() -> None:
    assert [counted(count, "person", "people") for count in (1, 2)] == ["1 person", "2 people"]
