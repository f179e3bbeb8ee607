"""The console script, as a process: what it imports, what it exits with."""

import subprocess
from pathlib import Path

import pytest

from aftercart import __version__
from tests.cli.conftest import aftercart
from tests.commanded import aftercart as at_once
from tests.commanded import ended
from tests.deployment import BIN

HEAVY = ["lightfm", "celery", "sqlalchemy", "numpy", "scipy", "fastapi", "mjml", "jinja2", "pydantic"]


def test_help_comes_at_once(tmp_path: Path) -> None:
    """Nothing heavy is imported before a command runs."""
    code = (
        "import sys; from aftercart.cli import main\n"
        "try: main()\n"
        f"finally: print('heavy:', [name for name in {HEAVY} if name in sys.modules])"
    )
    result = aftercart(tmp_path, "--help", code=code)
    assert result.returncode == 0
    assert "heavy: []" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_version_is_told(tmp_path: Path) -> None:
    result = aftercart(tmp_path, "--version")
    assert (result.returncode, result.stdout) == (0, f"aftercart {__version__}\n")


@pytest.mark.parametrize("words", [("no-such-command",), ("sends", "--no-such-option"), ("up", "--port", "99999")])
def test_wrong_usage_exits_2(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert at_once(tmp_path, *words).returncode == 2


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("up --port many", "'many' is no whole number"),
        ("up --port 70000", "70000 is too much: type 65535 or less"),
        ("sends --limit 0", "0 is too little: type 1 or more"),
        ("sends --state pears", "'pears' is not one of 'scheduled', 'sending'"),
        ("report --from 2026-13-40", "'2026-13-40' is no day: type it as 2026-01-31"),
        ("report --of pears", "'pears' is not one of 'campaigns', 'pairs'"),
        ("train --budget soon", "'soon' is no number"),
        ("train --budget inf", "inf is no number of seconds"),
        ("webhooks resend crm --days 99", "99 is too much: type 30 or less"),
        ("experiments size --effect 10% --window 14d", "'14d' is no whole number"),
    ],
)
def test_what_is_wrong_with_an_option_is_said_in_words_of_ours(tmp_path: Path, typed: str, said: str) -> None:
    result = at_once(tmp_path, *typed.split(), COLUMNS="200", TERMINAL_WIDTH="200")
    assert result.returncode == 2
    assert said in result.stderr
    assert "Value error" not in result.stderr
    assert "Input should" not in result.stderr


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, "aftercart: AFTERCART_SECRET_KEY: is not set (`aftercart init DIR` writes a working .env)\n"),
        ({"AFTERCART_SECRET_KEY": "k" * 40, "AFTERCART_DATABASE_URL": "postgresql://a@127.0.0.1:1/b"}, "127.0.0.1"),
        ({"AFTERCART_SECRET_KEY": "k" * 40, "AFTERCART_DATABASE_URL": "postgresql://a:pw@b:port/c"}, "database URL"),
    ],
)
def test_a_fault_that_a_person_can_mend_is_one_line_and_exits_1(tmp_path: Path, env: dict[str, str], said: str) -> None:
    result = at_once(tmp_path, "sends", **env)
    assert result.returncode == 1
    assert said in result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
    assert ":pw@" not in result.stderr


def test_the_web_process_of_a_fleet_wants_a_broker(tmp_path: Path) -> None:
    result = at_once(tmp_path, "web", AFTERCART_SECRET_KEY="k" * 40)
    assert result.returncode == 1
    assert "AFTERCART_BROKER_URL" in result.stderr
    assert "aftercart up" in result.stderr


def test_one_process_for_everything_wants_none(tmp_path: Path) -> None:
    """It would be ignored, and whoever set it would wait for workers that get nothing."""
    env = {"AFTERCART_SECRET_KEY": "k" * 40, "AFTERCART_BROKER_URL": "redis://:pw@127.0.0.1:1/0"}
    result = at_once(tmp_path, "up", **env)
    assert result.returncode == 1
    assert "takes no AFTERCART_BROKER_URL" in result.stderr
    assert "aftercart web" in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_web_process_without_the_packages_for_its_broker_says_so_in_one_line(tmp_path: Path) -> None:
    at_once(tmp_path, "init", ".")
    broker = {"AFTERCART_BROKER_URL": "redis://127.0.0.1:1/0"}
    result = ended(["aftercart", "web", "--port", "0"], tmp_path, broker, without="packaging")
    assert result.returncode == 1
    assert result.stderr == "aftercart: Redis needs an optional package: pip install 'aftercart[fleet]'\n"


def test_output_that_nobody_reads_to_its_end_is_no_fault(tmp_path: Path) -> None:
    """`aftercart sends --json | head -1`."""
    started = f"{BIN / 'aftercart'} --help | true; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", started], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Traceback" not in result.stderr
