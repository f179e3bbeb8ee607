"""The bytes of a message say what the message says, as Python's own `email` reads them."""

import email
from datetime import UTC, datetime
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr, parsedate_to_datetime
from uuid import UUID

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from aftercart.delivery.address import wire_address
from aftercart.delivery.base import Message
from aftercart.delivery.mime import to_bytes

SEND = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

body = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=300)


def message(**changes: object) -> Message:
    fields: dict[str, object] = {
        "send_id": SEND,
        "message_id": f"<{SEND}@mail.example.com>",
        "sender": "Northwheel Bikes <hello@example.com>",
        "recipient": "ada@example.com",
        "subject": "Made for your bike",
        "html": "<p>Hi</p>",
        "text": "Hi\n",
        "date": NOON,
    }
    return Message(**{**fields, **changes})  # type: ignore[arg-type]


def read(data: bytes) -> EmailMessage:
    """As RFC 6532 has it: headers are UTF-8. (`message_from_bytes` takes them for ASCII.)"""
    parsed = email.message_from_string(data.decode(), policy=policy.SMTPUTF8)
    assert isinstance(parsed, EmailMessage)
    assert not parsed.defects
    return parsed


def content(parsed: EmailMessage, kind: str) -> str:
    part = parsed.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def lines_of(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@given(subject=words, html=body, text=body)
@example(subject="=?utf-8?q?x?=", html=".\r\n..\n", text="From here\n.")
@example(subject="word " * 40, html="", text="")
@example(subject="x" * 1200, html="a\rb", text="\ufeff")
@example(subject="two  spaces and " + "more   " * 30 + "end", html="é", text="日本")
def test_email_reads_back_subject_text_and_html(subject: str, html: str, text: str) -> None:
    """T39: nothing is lost on the way through base64 and encoded words."""
    parsed = read(to_bytes(message(subject=subject, html=html, text=text)))
    assert parsed["Subject"] == subject
    assert lines_of(content(parsed, "html")) == lines_of(html)
    assert lines_of(content(parsed, "plain")) == lines_of(text)


@given(subject=words, html=body)
def test_every_line_ends_in_crlf_and_is_within_the_law(subject: str, html: str) -> None:
    data = to_bytes(message(subject=subject, html=html))
    assert data.count(b"\n") == data.count(b"\r\n") == data.count(b"\r")
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert data.isascii()


@pytest.mark.parametrize(
    ("sender", "name", "address"),
    [
        ("hello@example.com", "", "hello@example.com"),
        ("Northwheel Bikes <hello@example.com>", "Northwheel Bikes", "hello@example.com"),
        ('"Smith, Ada" <hello@example.com>', "Smith, Ada", "hello@example.com"),
        ("Smith, Ada <hello@example.com>", "Smith, Ada", "hello@example.com"),
        ("Räder für alle <hello@example.com>", "Räder für alle", "hello@example.com"),
        ("自転車" * 12 + " <hello@example.com>", "自転車" * 12, "hello@example.com"),
        ("Bücher <hello@bücher.example>", "Bücher", "hello@xn--bcher-kva.example"),
    ],
)
def test_the_display_name_of_the_sender_survives(sender: str, name: str, address: str) -> None:
    """Read by the older parser: the newer one (3.11) puts a space between two encoded words of a name."""
    parsed = email.message_from_bytes(to_bytes(message(sender=sender)), policy=policy.compat32)
    encoded, found = parseaddr(parsed["From"].replace("\r\n", ""))
    assert (str(make_header(decode_header(encoded))), found) == (name, address)


def test_headers_are_complete_and_each_stands_once() -> None:
    """T28: whatever is handed over as a header arrives."""
    further = {
        "List-Unsubscribe": "<https://mail.example.com/u/" + "x" * 120 + ">, <mailto:leave@example.com>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Id": "Northwheel <news.example.com>",
    }
    parsed = read(to_bytes(message(headers=further)))
    assert {name: parsed.get_all(name) for name in further} == {name: [value] for name, value in further.items()}
    assert parsed["To"] == "ada@example.com"
    assert parsed["Message-ID"] == f"<{SEND}@mail.example.com>"
    assert parsed["MIME-Version"] == "1.0"
    assert parsedate_to_datetime(parsed["Date"]) == NOON
    assert parsed.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in parsed.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize("field", ["subject", "sender", "recipient", "message_id"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\0"])
def test_a_line_break_in_a_header_is_refused(field: str, end: str) -> None:
    value = f"ada@example.com{end}Bcc: eve@example.com"
    with pytest.raises(ValueError, match=r"character|address"):
        to_bytes(message(**{field: value}))


@pytest.mark.parametrize(
    "headers",
    [{"X-A": "b\r\nBcc: eve@example.com"}, {"X-A\r\nBcc": "x"}, {"Subject": "twice"}, {"": "x"}, {"X A": "x"}],
)
def test_a_further_header_cannot_become_another_one(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"character|name|belongs"):
        to_bytes(message(headers=headers))


@pytest.mark.parametrize(
    "recipient", ["ada", "ada@", "ada@example.com, eve@example.com", "a b@example.com", "ä@", "дарья@exa mple.com"]
)
def test_what_is_no_single_address_is_refused(recipient: str) -> None:
    with pytest.raises(ValueError, match="address"):
        to_bytes(message(recipient=recipient))


DOMAINS = ["example.com", "münchen.example", "пример.example", "例え.example", "faß.example"]
mailbox_names = st.text(st.characters(categories=["Ll", "Lo", "Nd"]), min_size=1, max_size=20)


@given(name=mailbox_names, domain=st.sampled_from(DOMAINS), shown=words, subject=words, text=body)
@example(name="дарья", domain="пример.example", shown='Дарья "D" <x>', subject="Für dich", text="Größe")
@example(name="o\u0308", domain="example.com", shown="", subject="", text="")
@example(name="käufer", domain="example.com", shown='Smith, "Ada"', subject="", text="")
def test_email_reads_back_addresses_of_any_script(name: str, domain: str, shown: str, subject: str, text: str) -> None:
    """RFC 6532: a mailbox name outside ASCII stands in UTF-8, a domain never does."""
    address = f"{name}@{domain}"
    try:
        travels = wire_address(address)
    except ValueError:
        assume(False)
    sender = f"{shown.replace('<', '').replace('>', '')} <{address}>"
    headers = {"Reply-To": address}
    data = to_bytes(message(sender=sender, recipient=address, subject=subject, text=text, headers=headers))
    parsed = read(data)
    assert [header.addresses[0].addr_spec for header in (parsed["From"], parsed["To"], parsed["Reply-To"])] == [
        travels
    ] * 3
    assert parsed["Subject"] == subject
    assert lines_of(content(parsed, "plain")) == lines_of(text)
    assert data.isascii() == name.isascii()
    assert travels.rpartition("@")[2].isascii()


def test_a_date_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        to_bytes(message(date=NOON.replace(tzinfo=None)))


def test_the_same_message_is_the_same_bytes() -> None:
    """A retry hands over what the first attempt did."""
    assert to_bytes(message()) == to_bytes(message())
