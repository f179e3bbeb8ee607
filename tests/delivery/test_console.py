import io

import pytest

from aftercart.delivery.console import ConsoleSender
from tests.messages import a_message, always


def test_it_prints_who_gets_what(capsys: pytest.CaptureFixture[str]) -> None:
    list(ConsoleSender().send_batch([a_message()], always))
    printed = capsys.readouterr().out
    for part in ("ada@example.com", "Goes well with your bike", "A lamp, a lock and a bell."):
        assert part in printed


def test_a_product_title_cannot_steer_the_terminal() -> None:
    stream = io.StringIO()
    list(ConsoleSender(stream).send_batch([a_message(subject="Lamp \x1b[2J", text="Bell \x1b]0;owned\x07")], always))
    assert "\x1b" not in stream.getvalue()
    assert "\x07" not in stream.getvalue()


def test_a_price_keeps_the_space_before_its_currency() -> None:
    """A no-break space is no control character, though Python calls it unprintable."""
    stream = io.StringIO()
    list(ConsoleSender(stream).send_batch([a_message(text="12,90\u00a0€, 1\u202f234\u3000円")], always))
    assert "12,90\u00a0€, 1\u202f234\u3000円" in stream.getvalue()
