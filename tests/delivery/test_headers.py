import pytest

from aftercart.delivery.headers import marketing_headers

URL = "https://mail.shop.example/u/abc-_.def"


def test_a_marketing_mail_has_what_mailbox_providers_ask_for() -> None:
    """T28: the header contract, RFC 2369, 2919, 3834 and 8058."""
    headers = marketing_headers(URL, "leave@shop.example", "accessories.shop.example", "complements:accessories:shop")
    assert headers == {
        "List-Unsubscribe": f"<{URL}>, <mailto:leave@shop.example?subject=unsubscribe>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Id": "<accessories.shop.example>",
        "Feedback-ID": "complements:accessories:shop",
        "Auto-Submitted": "auto-generated",
    }


def test_without_a_mailbox_the_page_alone_is_named() -> None:
    headers = marketing_headers(URL, "", "accessories.shop.example", "a:b:c")
    assert headers["List-Unsubscribe"] == f"<{URL}>"


def test_a_mailbox_outside_ascii_is_named_as_urls_name_it() -> None:
    """RFC 6068 §2."""
    headers = marketing_headers(URL, "käufer@münchen.example", "accessories.shop.example", "a:b:c")
    assert "<mailto:k%C3%A4ufer@xn--mnchen-3ya.example?subject=unsubscribe>" in headers["List-Unsubscribe"]
    assert headers["List-Unsubscribe"].isascii()


@pytest.mark.parametrize("odd", ["", "a\r\nBcc: eve@example.com", "a\nb", "a\x00b", "ä"])
@pytest.mark.parametrize("position", range(4))
def test_no_value_breaks_out_of_its_header(position: int, odd: str) -> None:
    values = [URL, "leave@shop.example", "accessories.shop.example", "a:b:c"]
    values[position] = odd
    if position == 1 and not odd:
        return  # no mailbox is fine
    with pytest.raises(ValueError, match=r"cannot stand in a mail header|is not an address"):
        marketing_headers(*values)


@pytest.mark.parametrize("url", [f"{URL}>", f"{URL}, <https://eve.example>", f"{URL} "])
def test_a_url_cannot_name_a_second_place(url: str) -> None:
    with pytest.raises(ValueError, match="unsubscribe_url"):
        marketing_headers(url, "", "accessories.shop.example", "a:b:c")
