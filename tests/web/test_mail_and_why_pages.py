"""A reader looks at their mail in a browser, and asks why they got it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from aftercart.campaigns.live import LOOK_AGAIN_S
from aftercart.db.tables import consents, copies
from tests.cast import ADA, DAY, Shop, clock_of, rows
from tests.web.reader import BODY, DUE, TOPICS, Reader, as_seen, reading

ENGLISH = {**ADA, "locale": "en-GB"}


@pytest.fixture
def ada(tmp_path: Path) -> Iterator[Reader]:
    with reading(tmp_path, ENGLISH) as reader:
        yield reader


# ---------------------------------------------------------------- the mail in a browser


def test_the_mail_in_a_browser_is_the_one_that_was_sent(ada: Reader) -> None:
    assert ada.get("v").text == as_seen(ada.message.html)


def test_it_stays_so_when_template_price_and_brand_have_changed(ada: Reader, tmp_path: Path) -> None:
    Shop(tmp_path / "shop").template("plain", BODY.replace("Leave", "Go")).write(brand=TOPICS.replace("Tips", "Tricks"))
    (tmp_path / "shop" / "campaigns" / "brand.yaml").write_text(
        (tmp_path / "shop" / "campaigns" / "brand.yaml").read_text().replace("Example Bikes", "Other Bikes")
    )
    clock_of(ada.app).step(DAY)
    assert ada.get("v").text == as_seen(ada.message.html)


def test_without_hosts_to_count_clicks_on_its_links_lead_straight_to_the_shop(
    ada: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "shop" / "campaigns" / "brand.yaml"
    file.write_text(file.read_text().replace("link_hosts: [example.com]", "link_hosts: [example.org]"))
    monkeypatch.setattr("aftercart.campaigns.live.monotonic", lambda: monotonic() + LOOK_AGAIN_S)
    html = ada.get("v").text
    assert "/c/" not in html
    assert 'href="https://www.example.com/' in html


def test_a_copy_takes_little_room(ada: Reader) -> None:
    """T35: at most 1 KB a row."""
    (row,) = rows(ada.app, copies)
    assert len(row["content"]) < 1000
    assert b"example" not in row["content"]


# ---------------------------------------------------------------- why


def test_the_page_says_why_in_the_facts_that_it_was_decided_on(ada: Reader) -> None:
    page = ada.get("w").text
    for words in (
        "On 2 March 2026 you ordered from Example Bikes (order 1001).",
        "You bought: Road bike.",
        "This mail is one of those about “What goes with it”, from the campaign “accessories”.",
        "You agreed to our mails on 2 March 2026, in our shop.",
        "It went to ada@example.com on 5 March 2026 at 10:00.",
        "That is by your own time zone, Europe/Paris.",
        "popular with our customers",
    ):
        assert words in page, words


AGREED = "You agreed to our mails"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"basis": "implied"}, "We write to you because you bought from us on 1 March 2026."),
        ({"basis": "implied", "undated": True}, "We write to you because you bought from us."),
        ({"basis": "soft_opt_in"}, "You gave us your address with an order on 1 March 2026, and we write"),
        ({"basis": "double_opt_in", "source": "confirmation:0190"}, "You confirmed on 1 March 2026 that you want our"),
        (
            {"basis": "double_opt_in", "undated": True},
            "You confirmed that you want our mails; the day is not on record.",
        ),
        ({"basis": "double_opt_in", "source": "preferences:0190"}, f"{AGREED} on 1 March 2026, on the page where you"),
        ({"source": "mailchimp"}, f"{AGREED} on 1 March 2026, as our earlier mail system has it."),
        (
            {"source": "import:fair", "undated": True},
            "As our earlier mail system has it, you agreed to our mails; the day",
        ),
        ({"basis": "express"}, f"{AGREED} on 1 March 2026, in our shop."),
        ({"undated": True}, f"{AGREED}, in our shop; the day is not on record."),
        ({"expires_at": DUE - DAY}, "We find no record of when you agreed to our mails."),
        ({"recorded_at": DUE + DAY}, "We find no record of when you agreed to our mails."),
    ],
)
def test_the_page_claims_no_other_consent_than_is_on_record(ada: Reader, said: dict[str, Any], sentence: str) -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    row = {"at": at, "recorded_at": at, "basis": "", "source": "shopify:order", "undated": False, **said}
    with ada.app.db.write() as connection:
        connection.execute(consents.update().values(**row))
    page = ada.get("w").text
    assert sentence in page
    assert "0190" not in page


def test_the_strongest_yes_that_held_is_named(ada: Reader) -> None:
    with ada.app.db.write() as connection:
        (first,) = connection.execute(consents.select()).mappings()
        earlier = datetime(2026, 2, 1, 12, tzinfo=UTC)
        row = {name: value for name, value in first.items() if name != "id"} | {"at": earlier, "basis": "double_opt_in"}
        connection.execute(consents.insert().values(**row))
    assert "You confirmed on 1 February 2026" in ada.get("w").text
    with ada.app.db.write() as connection:
        no = {"state": "denied", "at": earlier + DAY, "basis": ""}
        connection.execute(consents.insert().values(**row | no))
    assert "You agreed to our mails on 2 March 2026, in our shop." in ada.get("w").text


def test_of_what_is_owed_no_consent_is_claimed_and_no_way_out_promised(tmp_path: Path) -> None:
    with reading(tmp_path, {**ENGLISH, "accepts_marketing": False}, is_owed=True) as ada:
        page = ada.get("w").text
        assert "This mail belongs to your order; you get it whether or not you want marketing mail." in page
        assert not any(words in page for words in ("agreed", "leave", "One click", "one click"))
