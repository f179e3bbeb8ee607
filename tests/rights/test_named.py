"""Whom a text names: an address that ends or begins like another one is somebody else's."""

from base64 import encodebytes
from pathlib import Path

import pytest

from aftercart.clock import SteppedClock
from aftercart.db import inbox
from aftercart.db.tables import events, orders
from aftercart.pipeline import rights
from aftercart.pipeline.incoming.ingest import take_in
from aftercart.pipeline.recipients.feedback import accept_mail
from aftercart.rights.person import Person, readable
from aftercart.testing import engine
from tests.cast import ADA, MONDAY, Shop, campaign, order, rows

DA = {"email": "da@example.com", "accepts_marketing": True}


def test_whose_address_is_the_end_of_anothers_sees_and_erases_nothing_of_theirs(
    tmp_path: Path, database_url: str
) -> None:
    files = Shop(tmp_path).write(campaign()).files
    with engine(tmp_path / "data", SteppedClock(MONDAY), database_url=database_url, **files) as app:
        order(app, f"{ADA['email']}-17", ADA)
        order(app, "2", DA)
        told = rights.export(app, str(DA["email"]))
        assert told is not None
        assert "ada@example.com" not in str(told)
        rights.erase(app, str(DA["email"]))
        assert [bool(row["body"]) for row in rows(app, events)] == [True, False]
        assert [row["shop_order_id"] for row in rows(app, orders)] == [f"{ADA['email']}-17", "2"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("ada@example.com", True),
        ("order-of-ADA@example.com-17", True),
        ("<mailto:ada@example.com>, and no more", True),
        ("Write to ada@example.com.", True),
        (readable(b'{"note": "hers:\\nada@example.com\\n"}'), True),
        (readable(b"hers: \\u003cada@example.com\\u003e"), True),
        ("to=3Dada@example.com", True),
        ("cada@example.com", False),
        ("eda.ada@example.com", False),
        ("éada@example.com", False),
        ("ada@example.company", False),
        ("ada@example.com.au", False),
        ("cada@example.com, ada@example.com", True),
    ],
)
def test_an_address_is_named_where_it_stands_whole(text: str, named: bool) -> None:
    assert Person(emails=frozenset({"ada@example.com"})).is_named_in(text) is named


# ---------------------------------------------------------------- in mails


def mail(content: bytes, kind: str = "text/plain", encoding: str = "base64", **fields: str) -> bytes:
    """A report whose second part is of that kind and encoded so."""
    head = {"From": "mailer-daemon@mx.example", "To": "bounces@shop.example", "MIME-Version": "1.0", **fields}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items()).encode()
    return (
        lines + b'Content-Type: multipart/report; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n"
        b"--b\r\nContent-Type: " + kind.encode() + b"\r\nContent-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n"
        + content + b"\r\n--b--\r\n"
    )  # fmt: skip


HERS = "Final-Recipient: rfc822; ada@example.com\r\n"
OTHERS = "Final-Recipient: rfc822; cada@example.com\r\n"
REPORTS = {
    "base64": mail(encodebytes(HERS.encode())),
    "base64 that was cut off": mail(encodebytes((HERS * 9).encode())[:101]),
    "base64 in UTF-16": mail(encodebytes(HERS.encode("utf-16")), "text/plain; charset=utf-16"),
    "base64 in letters of which nobody knows": mail(encodebytes(HERS.encode()), "text/plain; charset=x-odd"),
    "quoted-printable": mail(b"to ada=40example.com", encoding="quoted-printable"),
    "quoted-printable over two lines": mail(b"to ada@exam=\r\nple.com", encoding="Quoted-Printable"),
    "our mail, encoded as a whole": mail(encodebytes(b"To: ada@example.com\r\n\r\nHi"), "message/global"),
    "our mail, encoded within a mail": mail(encodebytes(mail(encodebytes(HERS.encode()))), "application/octet-stream"),
    "base64 in letters that are for hosts": mail(encodebytes(HERS.encode()), "text/plain; charset=punycode"),
    "base64 in what is no letters at all": mail(encodebytes(HERS.encode()), "text/plain; charset=base64"),
    "base64 below a heading that is broken": mail(encodebytes(HERS.encode()), Subject="=?utf-8?B?YWRhQ?="),
    "encoded words": mail(b"x", Subject="=?utf-8?B?YWRhQGV4YW1wbGUuY29t?="),
    "an address cut into two encoded words": mail(b"x", Subject="=?utf-8?B?YWRhQGV4YW1w?=\r\n =?utf-8?q?le=2Ecom?="),
}


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS.keys())
def test_a_report_that_names_somebody_behind_an_encoding_goes_with_them(tmp_path: Path, report: bytes) -> None:
    with engine(tmp_path / "data", SteppedClock(MONDAY), **Shop(tmp_path).write(campaign()).files) as app:
        order(app, "1", ADA)
        others = mail(encodebytes(OTHERS.encode()))
        with app.inbox_db.write() as connection:
            inbox.store(connection, [accept_mail(body, app.clock()) for body in (report, others)])
        take_in(app)
        told = rights.export(app, str(ADA["email"]))
        assert told is not None
        assert [event["shop"] for event in told["tables"]["events"]] == ["generic", "mail"]
        rights.erase(app, str(ADA["email"]))
        assert [bytes(row["body"]) for row in rows(app, events)] == [b"", b"", others]


def test_mails_within_mails_without_end_keep_nobody_from_being_forgotten(tmp_path: Path) -> None:
    deep = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" * 3000
    with engine(tmp_path / "data", SteppedClock(MONDAY), **Shop(tmp_path).write(campaign()).files) as app:
        order(app, "1", ADA)
        with app.inbox_db.write() as connection:
            inbox.store(connection, [accept_mail(deep, app.clock())])
        take_in(app)
        assert rights.erase(app, str(ADA["email"])).known
