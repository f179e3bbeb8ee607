"""Whom a text names: an address that ends or begins like another one is somebody else's."""

from pathlib import Path

import pytest

from aftercart.clock import SteppedClock
from aftercart.db.tables import events, orders
from aftercart.pipeline import rights
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
