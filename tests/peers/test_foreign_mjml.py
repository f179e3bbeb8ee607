"""MJML that the makers of the engine wrote for their own tests, and nobody here: given to Jinja piece by piece."""

from collections import Counter
from pathlib import Path

import pytest

from aftercart.errors import TemplateError
from tests.rendering.lifting import Lifted, lifted, wrapped
from tests.rendering.mjml import Bodies

pytestmark = pytest.mark.peers
FOLDER = Path(__file__).parents[2] / ".cache" / "mjml" / "tests" / "testdata"


def test_no_piece_of_a_foreign_mail_comes_out_otherwise_than_without_jinja(tmp_path: Path) -> None:
    """Refused is fine, and said with line and cure; a difference that nobody is told of is not."""
    if not FOLDER.is_dir():
        pytest.fail("the sources of mjml are not there: make peers brings them")
    bodies = Bodies(tmp_path)
    results: Counter[str] = Counter()
    different: list[str] = []
    for file in sorted(FOLDER.glob("*.mjml")):
        mjml = file.read_text(encoding="utf-8")
        for lift in (*lifted(mjml), *wrapped(mjml)):
            found = _compared(bodies, lift)
            results[found] += 1
            if found == "different":
                different.append(f"{file.name}: {lift.what}")
    assert different == []
    assert results["same"] > 300


def _compared(bodies: Bodies, lift: Lifted) -> str:
    try:
        plain, template = bodies.tokens(lift.plain, {}), bodies.tokens(lift.template, lift.values)
    except TemplateError as err:
        return "refused" if err.fix else "different"
    return "same" if plain == template else "different"
