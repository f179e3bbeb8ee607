"""Subject lines that a campaign gives a template are checked before launch."""

from pathlib import Path

import pytest

from aftercart.rendering.checking.check import subject_line_faults


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("For {{ recipient.first_name or 'you' }}", []),
        ("For {{ recipient.frist_name }}", ["the context has no recipient.frist_name"]),
        ("For {{ recipient.first_name", ["this {{ is never closed"]),
        ("{% if false %}x{% endif %}", ["is empty once it is filled in"]),
        ("{{ order.lines[99].title }}", ["this list has no element 99"]),
        (
            "A bell for you\nand a lock",
            ["the subject has 2 lines and a mail has one, so it would read 'A bell for you and a lock'"],
        ),
        ("x" * 121, ["the subject of the sample has 121 characters"]),
        ("{{ brand.name|upper }} HAS NEWS", ["the subject is all in capital letters, as those of spam are"]),
        (
            "NEWS FOR YOU *|FNAME|*",
            [
                "*|FNAME|* belongs to another mail service and would be printed as it stands",
                "the subject is all in capital letters, as those of spam are",
            ],
        ),
    ],
)
def test_what_is_wrong_with_a_subject_line(shipped: Path, written: str, said: list[str]) -> None:
    found = [fault.message for fault in subject_line_faults(shipped, "accessories", written)]
    assert [message.split(";")[0].split(" (")[0] for message in found] == said
