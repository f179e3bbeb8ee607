"""MJML that nobody here wrote, given to Jinja piece by piece: of the engine's own tests, and MJML's own templates."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from aftercart.errors import TemplateError
from tests.rendering.lifting import Lifted, lifted, wrapped
from tests.rendering.mjml import Bodies

pytestmark = pytest.mark.peers
CACHE = Path(__file__).parents[2] / ".cache"
OF_THE_ENGINE = CACHE / "mjml" / "tests" / "testdata"
OFFICIAL = CACHE / "email-templates" / "templates"
_OF_ANOTHER_SERVICE = re.compile(r"\[\[\w+\]\]|\{\{\w+\}\}")


def test_no_piece_of_a_foreign_mail_comes_out_otherwise_than_without_jinja(tmp_path: Path) -> None:
    """Refused is fine, and said with line and cure; a difference that nobody is told of is not."""
    if not OF_THE_ENGINE.is_dir():
        pytest.fail("the sources of mjml are not there: make peers brings them")
    mails = {file.name: file.read_text(encoding="utf-8") for file in sorted(OF_THE_ENGINE.glob("*.mjml"))}
    results, different = _compared(Bodies(tmp_path), mails.items())
    assert different == []
    assert results["same"] > 300


def test_each_of_mjmls_own_templates_compiles_and_no_piece_comes_out_otherwise(tmp_path: Path) -> None:
    """Values stand where they have merge tags of Mailjet's, which nobody but Mailjet fills."""
    if not OFFICIAL.is_dir():
        pytest.fail("MJML's own templates are not there: make peers fetches them from github.com")
    mails = {file.name: _OF_ANOTHER_SERVICE.sub("https://e.com/", file.read_text("utf-8")) for file in _templates()}
    bodies = Bodies(tmp_path)
    assert len(mails) >= 25
    assert {name: _why_not(bodies, mjml) for name, mjml in mails.items()} == dict.fromkeys(mails, "")
    results, different = _compared(bodies, mails.items())
    assert different == []
    assert results["same"] > 1000


def _templates() -> list[Path]:
    return sorted(OFFICIAL.glob("*.mjml"))


def _why_not(bodies: Bodies, mjml: str) -> str:
    try:
        bodies.tokens(mjml, {})
    except TemplateError as err:
        return str(err)
    return ""


def _compared(bodies: Bodies, mails: Iterable[tuple[str, str]]) -> tuple[Counter[str], list[str]]:
    """How many pieces came out the same, differently, or were refused; and those that came out differently."""
    results: Counter[str] = Counter()
    different: list[str] = []
    for name, mjml in mails:
        for lift in (*lifted(mjml), *wrapped(mjml)):
            found = _result(bodies, lift)
            results[found] += 1
            if found == "different":
                different.append(f"{name}: {lift.what}")
    return results, different


def _result(bodies: Bodies, lift: Lifted) -> str:
    try:
        plain, template = bodies.tokens(lift.plain, {}), bodies.tokens(lift.template, lift.values)
    except TemplateError as err:
        return "refused" if err.fix else "different"
    return "same" if plain == template else "different"
