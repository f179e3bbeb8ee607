"""Mails as bytes, and back again."""

from aftercart.delivery.kept import packed, unpacked
from tests.messages import a_message


def test_a_mail_is_kept_to_the_letter() -> None:
    message = a_message(subject="Für dich · 自転車", headers={"List-Unsubscribe": "<https://mail.shop.example/u/x>"})
    assert unpacked(packed(message)) == message
