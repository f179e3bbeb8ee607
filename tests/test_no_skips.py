"""Nothing is left out silently (`conftest.py`)."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LEFT_OUT = {
    "test_of_a_package.py": "import pytest\npytest.importorskip('no_such_package')\ndef test_it(): pass",
    "test_marked.py": "import pytest\n@pytest.mark.skip\ndef test_it(): pass",
    "test_in_the_middle.py": "import pytest\ndef test_it(): pytest.skip()",
    "test_without_cases.py": "import pytest\n@pytest.mark.parametrize('case', [])\ndef test_it(case): pass",
}


def test_a_test_that_is_left_out_fails(tmp_path: Path) -> None:
    for name, text in LEFT_OUT.items():
        (tmp_path / name).write_text(text)
    plugins = ["-p", "no:cacheprovider", "-p", "tests.conftest", "-c", str(ROOT / "pyproject.toml")]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "--continue-on-collection-errors", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = [line.split() for line in ran.stdout.splitlines()]
    failed = {Path(words[1].partition("::")[0]).name for words in told if words[:1] in (["ERROR"], ["FAILED"])}
    assert failed == set(LEFT_OUT), ran.stdout
