import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aftercart.delivery.mime import to_bytes
from aftercart.delivery.smtp.envelope import dot_stuffed, envelope_of
from aftercart.delivery.smtp.opening import Server
from tests.messages import a_message


@given(st.lists(st.sampled_from([".", "..", "a", "", ".a", "\r", "\n", "\r\n", "\r\n.\r\n", "\n.\n"]), max_size=12))
def test_no_bare_cr_or_lf_leaves_the_house(pieces: list[str]) -> None:
    """Servers that take a bare LF for a line end could be made to see a second message."""
    text = "".join(pieces)
    rest = envelope_of(a_message(), to_bytes(a_message(html=text, text=text))).body.replace(b"\r\n", b"")
    assert b"\r" not in rest
    assert b"\n" not in rest


@given(st.lists(st.sampled_from([b".", b"..", b"a", b"", b".a"]), max_size=12))
@example([b".", b"."])
def test_a_receiver_reads_exactly_the_body_that_was_meant(lines: list[bytes]) -> None:
    """T39: dots at the start of a line survive, and no line of the body ends the message early (RFC 5321 §4.5.2)."""
    meant = b"".join(line + b"\r\n" for line in lines)
    heard = (dot_stuffed(meant) + b".\r\n").split(b"\r\n")
    assert heard.index(b".") == len(heard) - 2, "the first line that is a dot is the last one"
    assert b"".join(line.removeprefix(b".") + b"\r\n" for line in heard[:-2]) == meant


def test_the_bounce_address_is_the_envelope_sender_and_from_is_its_stand_in() -> None:
    assert envelope_of(a_message(bounce_to="bounces@example.com"), b"").mail_from == "bounces@example.com"
    assert envelope_of(a_message(sender='"A <b>" <hello@example.com>'), b"").mail_from == "hello@example.com"
    assert envelope_of(a_message(sender="hello@example.com"), b"").mail_from == "hello@example.com"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "ada@example.com\r\nRCPT TO:<eve@example.com>",
        "ada@example.com> NOTIFY=NEVER",
        "a da@example.com",
        "ä@",
    ],
)
def test_an_address_that_would_break_out_of_its_command_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        envelope_of(a_message(recipient=address), b"")


def test_a_foreign_domain_goes_out_in_ascii_and_only_a_foreign_mailbox_needs_smtputf8() -> None:
    assert envelope_of(a_message(recipient="ada@münchen.example"), b"").rcpt_to == "ada@xn--mnchen-3ya.example"
    assert not envelope_of(a_message(recipient="ada@münchen.example"), b"").needs_smtputf8
    assert envelope_of(a_message(recipient="дарья@example.com"), b"").needs_smtputf8


def test_a_sender_outside_ascii_needs_smtputf8_though_the_envelope_is_plain() -> None:
    message = a_message(sender="Bücher <käufer@example.com>", bounce_to="bounces@example.com")
    assert envelope_of(message, to_bytes(message)).needs_smtputf8
    assert not envelope_of(a_message(), to_bytes(a_message(text="Größe"))).needs_smtputf8


def test_a_server_never_prints_its_password() -> None:
    assert "geheim" not in repr(Server("mail.example.com", 587, user="ada", password="geheim"))
