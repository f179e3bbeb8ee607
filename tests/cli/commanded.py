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
    """Run it in a folder, with no setting but those given."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AFTERCART_")}
    with TemporaryDirectory() as said:
        files = [Path(said) / name for name in ("stdout", "stderr")]
        process = FORKED.Process(target=_run, args=(folder, words, {**clean, **env}, files))
        process.start()
        process.join(LONGEST_S)
        if process.exitcode is None:
            process.kill()
            raise AssertionError(f"aftercart {' '.join(words)} does not end")
        out, err = (file.read_text(encoding="utf-8") for file in files)
        return subprocess.CompletedProcess(["aftercart", *words], process.exitcode, out, err)


def _run(folder: Path, words: Sequence[str], env: Mapping[str, str], files: Sequence[Path]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    for descriptor, file in enumerate(files, start=1):
        with file.open("wb") as opened:
            os.dup2(opened.fileno(), descriptor)
    sys.argv = ["aftercart", *words]
    main()
