"""A command as a process of its own that starts at once. The console script itself is started in `test_main.py`."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from aftercart.cli import main
from tests.forked import FORKED

LONGEST_S = 60


def aftercart(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run it in a folder, with no setting but those given, and nothing to read."""
    return fed(folder, b"", *words, **env)


def fed(folder: Path, given: bytes, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The same, with something to read as its input."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AFTERCART_")}
    with TemporaryDirectory() as said:
        files = [Path(said) / name for name in ("stdin", "stdout", "stderr")]
        files[0].write_bytes(given)
        process = FORKED.Process(target=_run, args=(folder, words, {**clean, **env}, files))
        process.start()
        process.join(LONGEST_S)
        if process.exitcode is None:
            process.kill()
            raise AssertionError(f"aftercart {' '.join(words)} does not end")
        out, err = (file.read_text(encoding="utf-8") for file in files[1:])
        return subprocess.CompletedProcess(["aftercart", *words], process.exitcode, out, err)


def _run(folder: Path, words: Sequence[str], env: Mapping[str, str], files: Sequence[Path]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    for descriptor, file in enumerate(files):
        with file.open("wb" if descriptor else "rb") as opened:
            os.dup2(opened.fileno(), descriptor)
    sys.stdin = os.fdopen(0)  # the forked process has closed its own
    sys.argv = ["aftercart", *words]
    main()
