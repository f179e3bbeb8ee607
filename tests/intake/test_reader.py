"""JSON as shops write it."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from aftercart.errors import UnprocessableError
from aftercart.intake.reader import Reader, read_object


def fault(body: bytes) -> str:
    with pytest.raises(UnprocessableError) as caught:
        read_object(body)
    return str(caught.value)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "is not JSON"),
        (b"[1]", "is not a JSON object"),
        (b'"text"', "is not a JSON object"),
        (b"\xff\xfe{}", "is not UTF-8"),
        (b'{"a": NaN}', "NaN is no JSON"),
        (b'{"a": -Infinity}', "-Infinity is no JSON"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a": 1' + b"0" * 5_000 + b"}", "holds a number that is too long to be read; an id"),
        (b'{"a": 1e99999999999999999999}', "holds a number that is too long to be read; an id"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(body: bytes, says: str) -> None:
    assert fault(body).startswith("body: ")
    assert says in fault(body)


def test_a_fault_names_the_path_of_the_field_as_the_shop_writes_it() -> None:
    order = Reader({"line_items": [{"quantity": 1}, {"quantity": 1}, {"quantity": "abc"}]})
    with pytest.raises(UnprocessableError) as caught:
        [line.quantity("quantity", default=1) for line in order.objects("line_items")]
    assert str(caught.value) == 'line_items[2].quantity: "abc" is no number'
    assert caught.value.field == "line_items[2].quantity"


@pytest.mark.parametrize("number", ["1e999", "nan", "-1", "Infinity", "1e400", "10000000000"])
def test_quantities_that_cannot_be_are_refused(number: str) -> None:
    with pytest.raises(UnprocessableError, match=r"^quantity: "):
        Reader({"quantity": number}).quantity("quantity", default=1)


def test_numbers_may_be_strings_and_strings_numbers() -> None:
    reader = read_object(b'{"quantity": "1.5", "price": 0.1, "sku": 123, "flag": "yes", "empty": "", "null": null}')
    assert reader.quantity("quantity", default=1) == 1.5
    assert reader.money("price", "EUR") == 10
    assert reader.id("sku") == "123"
    assert reader.flag("flag") is True
    assert reader.quantity("empty", default=1) == reader.quantity("null", default=1) == 1
    assert reader.money("missing", "EUR") is None
    assert reader.text("null") == ""


@pytest.mark.parametrize(
    ("currency", "written", "minor"), [("JPY", "1200", 1200), ("KWD", "1.2345", 1234), ("EUR", "9.99", 999)]
)
def test_money_knows_the_decimals_of_its_currency(currency: str, written: str, minor: int) -> None:
    assert Reader({"price": written}).money("price", currency) == minor


@pytest.mark.parametrize("written", ["9999-12-31T23:59:59Z", "1989-12-31", "0001-01-01T00:00:00+14:00", "soon", "1e3"])
def test_dates_that_no_order_can_have_are_refused(written: str) -> None:
    with pytest.raises(UnprocessableError, match=r"^created_at: "):
        Reader({"created_at": written}).instant("created_at")


def test_a_date_without_offset_is_read_in_the_zone_given() -> None:
    reader = Reader({"at": "2026-07-01T12:00:00"})
    assert reader.instant("at") == datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert reader.instant("at", ZoneInfo("Europe/Paris")) == datetime(2026, 7, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("value", [True, {"a": 1}, ["x"]])
def test_text_is_not_made_of_what_is_no_text(value: Any) -> None:
    with pytest.raises(UnprocessableError, match=r"title: .* is no text"):
        Reader({"title": value}).text("title")


def test_an_id_too_long_to_be_one_is_refused_and_a_long_title_cut() -> None:
    reader = Reader({"sku": "x" * 201, "title": "y" * 400})
    with pytest.raises(UnprocessableError, match="sku: is longer"):
        reader.need_id("sku")
    assert len(reader.text("title")) == 300


def test_an_empty_php_array_stands_for_an_empty_object() -> None:
    reader = Reader({"shipping": [], "refunds": {}})
    assert reader.object("shipping").text("country") == ""
    assert list(reader.objects("refunds")) == []
