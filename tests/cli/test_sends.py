import json

import pytest

from tests.cli.conftest import HOSTILE_ORDER, Typed

pytestmark = pytest.mark.usefixtures("some_sends")

PROMISED = {"send_id", "order_id", "email", "campaign", "step", "state", "reason", "due_at", "sent_at"}
"""What other people's scripts read (DESIGN §6)."""


def test_json_has_a_line_for_each_send_with_what_is_promised(typed: Typed) -> None:
    """T10."""
    result = typed("sends", "--json")
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert all(set(line) >= PROMISED for line in lines)
    assert [line["email"] for line in lines] == ["chika@example.com", "ben@example.com", "ada@example.com"]
    assert [line["state"] for line in lines] == ["scheduled", "skipped", "sent"]
    assert lines[2]["sent_at"] == "2026-03-02T10:00:00+00:00"
    assert (lines[0]["sent_at"], lines[0]["reason"], lines[0]["order_id"]) == (None, None, HOSTILE_ORDER)


@pytest.mark.parametrize(
    ("words", "emails"),
    [
        (("--state", "sent"), ["ada"]),
        (("--reason", "no_consent"), ["ben"]),
        (("--campaign", "accessories", "--limit", "2"), ["chika", "ben"]),
        (("--state", "failed"), []),
    ],
)
def test_the_list_can_be_narrowed(typed: Typed, words: tuple[str, ...], emails: list[str]) -> None:
    result = typed("sends", "--json", *words)
    found = [json.loads(line)["email"].partition("@")[0] for line in result.stdout.splitlines()]
    assert (result.exit_code, found) == (0, emails)


def test_on_screen_there_is_a_table_and_a_sum(typed: Typed) -> None:
    result = typed("sends")
    assert result.exit_code == 0, result.exception
    assert "accessories / complements" in result.stdout
    assert "2026-03-02 10:00" in result.stdout
    assert "3 sends in all: " in result.stdout
    assert "1 skipped (no_consent)" in result.stdout


def test_what_a_shop_wrote_is_shown_as_it_is(typed: Typed) -> None:
    """An order id is no markup for the terminal."""
    assert HOSTILE_ORDER in typed("sends").stdout


def test_a_limit_below_one_is_wrong_usage(typed: Typed) -> None:
    assert typed("sends", "--limit", "0").exit_code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--state", "sended"), "sended"), (("--reason", "no_concent"), "did you mean no_consent?")],
)
def test_a_state_or_reason_that_does_not_exist_is_wrong_usage(typed: Typed, words: tuple[str, ...], said: str) -> None:
    result = typed("sends", *words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", "").split())


def test_a_row_is_one_line_however_narrow_the_terminal(typed: Typed) -> None:
    """An id that is broken over lines cannot be copied, nor found by grep."""
    ids = [json.loads(line)["send_id"] for line in typed("sends", "--json").stdout.splitlines()]
    for send_id in ids:
        (line,) = [line for line in typed("sends").stdout.splitlines() if send_id in line]
        assert "example.com" in line
