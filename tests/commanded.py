"""A command as a process of its own that starts at once. The console script itself is started in
`cli/test_main.py`."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.forked import fork

LONGEST_S = 300


def aftercart(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run it in a folder, with no setting but those given, and nothing to read."""
    return fed(folder, b"", *words, **env)


def fed(folder: Path, given: bytes, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The same, with something to read as its input."""
    return ended(["aftercart", *words], folder, env, given)


def ended(
    command: Sequence[str], folder: Path, env: Mapping[str, str], given: bytes = b"", without: str = ""
) -> subprocess.CompletedProcess[str]:
    """What came of `aftercart ...` or `celery ...`, as if a package were not installed (`without`)."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AFTERCART_")}
    with TemporaryDirectory() as said:
        files = [Path(said) / name for name in ("stdin", "stdout", "stderr")]
        files[0].write_bytes(given)
        code = fork(command, folder, {**clean, **env}, files, without).wait(LONGEST_S)
        out, err = (file.read_text(encoding="utf-8") for file in files[1:])
        return subprocess.CompletedProcess(command, code, out, err)
