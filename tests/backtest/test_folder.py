"""The copy of a backtest lies where the next one finds it."""

import subprocess
import sys
from pathlib import Path

from aftercart.backtest.folder import own_folder

KILLED = """
import os, signal, sys
from pathlib import Path
from aftercart.backtest.folder import own_folder

with own_folder(Path(sys.argv[1])) as folder:
    (folder / "source.db").write_text("addresses")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_run_has_left_is_gone_with_the_next_and_a_living_one_keeps_its_own(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert ended.returncode == -9
    assert [file.read_text() for file in tmp_path.glob("*/source.db")] == ["addresses"]
    with own_folder(tmp_path) as one, own_folder(tmp_path) as other:
        assert set(tmp_path.iterdir()) == {one, other}
    assert list(tmp_path.iterdir()) == []
