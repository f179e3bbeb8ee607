import pytest

from aftercart.delivery.address import wire_address
from aftercart.intake.clean import clean_email


@pytest.mark.parametrize(
    ("address", "travels"),
    [
        ("Ada@Example.com", "Ada@Example.com"),
        ("ada@münchen.example", "ada@xn--mnchen-3ya.example"),
        ("ada@MÜNCHEN.example", "ada@xn--mnchen-3ya.example"),
        ("ada@faß.example", "ada@xn--fa-hia.example"),
        ("дарья@пример.example", "дарья@xn--e1afmkfd.example"),
        ("o\u0308@example.com", "ö@example.com"),
    ],
)
def test_a_domain_travels_in_ascii_and_a_mailbox_name_as_it_is(address: str, travels: str) -> None:
    assert wire_address(address) == travels
    assert wire_address(travels) == travels


@pytest.mark.parametrize("address", ["ada@münchen.example", "Ada@MÜNCHEN.Example", "ada@xn--mnchen-3ya.example"])
def test_a_person_is_one_recipient_however_their_domain_is_written(address: str) -> None:
    """Intake keeps the address in the form in which it travels."""
    kept = clean_email(address)
    assert kept == "ada@xn--mnchen-3ya.example"
    assert wire_address(kept) == kept


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ä@",
        "ä@b c.example",
        "ada@example.com>",
        "a,b@example.com",
        "ä\n@example.com",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        wire_address(address)
