"""Faults that others have shipped, each by its number: a test that names it keeps us from shipping it too."""

import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ABOUT_PERMISSION_AND_TIME = [*range(14, 35), 36, 44]


@cache
def cited() -> set[int]:
    """Numbers of pitfalls that the docstrings and comments of tests name."""
    files = [file for file in TESTS.rglob("test_*.py") if file != Path(__file__)]
    return {int(number) for file in files for number in re.findall(r"\bT(\d\d)\b", file.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("number", ABOUT_PERMISSION_AND_TIME)
def test_a_test_names_the_pitfall(number: int) -> None:
    assert number in cited(), f"no test names T{number}"
