from pathlib import Path

import pytest

from aftercart.campaigns.fault import Fault
from aftercart.campaigns.yaml_file import Document, read_yaml


def read(tmp_path: Path, text: str | bytes) -> Document | Fault:
    file = tmp_path / "file.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_yaml(file)


def test_a_date_is_text_also_where_it_is_none(tmp_path: Path) -> None:
    document = read(tmp_path, "since: 2026-02-30\nnot_on: [2026-12-25]\n")
    assert isinstance(document, Document)
    assert document.data == {"since": "2026-02-30", "not_on": ["2026-12-25"]}


def test_words_that_yaml_1_1_misreads_stay_what_they_look_like(tmp_path: Path) -> None:
    """By its rules 21:00 is 1260 and `no` is False."""
    document = read(tmp_path, "a: 21:00\nb: no\nc: 21:00-08:00\nd: 10%\ne: 4\nf: 2026-05-05\n")
    assert isinstance(document, Document)
    assert document.data == {"a": "21:00", "b": "no", "c": "21:00-08:00", "d": "10%", "e": 4, "f": "2026-05-05"}
    assert [type(value) for value in document.data.values()] == [str, str, str, str, int, str]


def test_every_key_knows_its_line_and_column(tmp_path: Path) -> None:
    document = read(tmp_path, "a: 1\nsteps:\n  - id: x\n    at: 1\n  - {id: y, at: 2}\n")
    assert isinstance(document, Document)
    places = {
        loc: document.place(loc) for loc in [("a",), ("steps", 0, "at"), ("steps", 1, "at"), ("steps", 0, "gone"), ()]
    }
    assert [(place.line, place.column) for place in places.values()] == [(1, 1), (4, 5), (5, 13), (3, 5), (1, 1)]


def test_anchors_and_merges_are_welcome(tmp_path: Path) -> None:
    document = read(tmp_path, "base: &base {slots: 4}\nstep:\n  <<: *base\n  at: 1\n")
    assert isinstance(document, Document)
    assert document.data["step"] == {"slots": 4, "at": 1}
    assert document.place(("step", "slots")).line == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2\n", "2:1: error: a: stands here for the second time — keep one of the two"),
        ("a:\n\tb: 1\n", "2:1: error: a tab cannot indent YAML — indent with spaces"),
        ("a: 1\n---\nb: 2\n", "2:1: error: a second document begins here (---) — put it in a file of its own"),
        ("b: 1\na: [1\nc: 2", "2:4: error: this [ is never closed — end it with ]"),
        ("a: {b: 1\n", "1:4: error: this { is never closed — end it with }"),
        ("a: 'b\n", "1:4: error: this quote is never closed — end it with another one"),
        ("a: 1\nb:10%\nc: 1", "2:1: error: is no `key: value` — put a space behind the colon"),
        ("a: b: c\n", "1:5: error: a second value begins here — put a text with a colon in quotes"),
        ("a:\n  b: 1\n c: 2\n", "3:2: error: does not fit to the lines before it — indent it like its neighbors"),
        ("a: %b\n", "1:4: error: no value begins with this character — put the value in quotes"),
        ('a: "\\d"\n', "1:6: error: a backslash means something else in double quotes — use single quotes"),
        ("a: *b\n", "1:4: error: there is no anchor of this name — put a text that begins with * in quotes"),
        ("a: " + "[" * 30 + "]" * 30, "error: is nested too deeply"),
        (b"a: \xff\n", "error: is not UTF-8 text (byte 3) — save it as UTF-8"),
        ("a: \x01\n", "error: is no valid YAML"),
    ],
)
def test_what_is_no_yaml_is_said_with_its_place(tmp_path: Path, text: str | bytes, said: str) -> None:
    fault = read(tmp_path, text)
    assert isinstance(fault, Fault)
    assert said in str(fault)


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    assert "cannot be read" in str(read_yaml(tmp_path / "gone.yaml"))
