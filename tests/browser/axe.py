"""What axe-core, the checker that most auditors of accessibility use, finds wrong with a page."""

import json
from pathlib import Path

import pytest

from tests.browser.chromium import Page

SCRIPT = Path(__file__).parents[2] / ".cache" / "node" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page) -> list[str]:
    """A sentence for each; the script is told to the page from outside, past its Content-Security-Policy."""
    if not SCRIPT.exists():
        pytest.fail("axe-core is not installed: make browser brings it")
    page.run(SCRIPT.read_text(encoding="utf-8") + "; 0")
    only = json.dumps({"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]})
    found = page.run(
        f"axe.run(document, {only}).then(found => found.violations.map(one => [one.id, one.help, one.nodes[0].html]))"
    )
    return [f"{rule}: {words} ({html})" for rule, words, html in found]
