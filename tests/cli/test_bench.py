"""`aftercart bench` as it is typed: not how fast, but that each figure stands beside its floor."""

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, func, select

from aftercart.bench.claim import claim
from aftercart.bench.recommend import CATALOGS, recommend
from aftercart.bench.tidy import add_mails, tidy
from aftercart.bootstrap import build
from aftercart.clock import SteppedClock
from aftercart.db.tables import sends
from aftercart.testing import settings_for
from tests.commanded import aftercart

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
ROWS_OF_A_MAIL = 6
"""Person, order, enrollment, send, decision, attempt."""


def test_each_figure_comes_as_json_beside_its_floor(tmp_path: Path) -> None:
    """Sending and claiming are left to people: one trains a model first, the other plans a million mails."""
    result = aftercart(tmp_path, "bench", "ingest", "gate", "render", "click", "--rounds", "1", "--json")
    assert result.returncode == 0, result.stderr
    figures = [json.loads(line) for line in result.stdout.splitlines()]
    told = told_of_figures()
    assert [figure["name"] for figure in figures] == [
        "ingest",
        "gate, ready",
        "gate",
        "gate, claim",
        "render",
        "render/mjml",
        "render/escape",
        "render/guard",
        "click",
    ]
    for figure in figures:
        assert figure["floor"]
        assert figure["ratio"] == pytest.approx(figure["per_second"] / figure["floor_per_second"])
        assert figure["ratio"] > 0
        assert any(f"`{figure['name']}`" in line and figure["floor"] in line for line in told), "what it is beside"
    assert list(tmp_path.iterdir()) == []


def test_recommending_is_measured_beside_two_floors(tmp_path: Path) -> None:
    """Here with a few thousand products; `aftercart bench recommend` goes up to a million."""
    measured = {each.name: each for each in recommend(1, tmp_path, catalogs=(2_000,), shared=2_000)}
    ranked = ("rank", "predict", "predict first")
    kinds = [*(f"{kind} {count}" for count in (1, 512) for kind in ranked), "mail 1", "mail 512"]
    assert [*measured] == [*(f"{kind}, 2k" for kind in kinds), "memory, 2k", "api", "api, again"]
    assert all(each.ratio > 0 for each in measured.values())
    assert CATALOGS == (10_000, 100_000, 1_000_000)
    assert re.fullmatch(r"one process \d+ MB, 4 together \d+ MB", measured["memory, 2k"].note)
    assert re.fullmatch(r"matrix product \+ argpartition alone: \d+ times", measured["predict 1, 2k"].note)
    for kind in kinds:
        floor = measured[f"{kind}, 2k"].floor
        assert any(f"`{kind}, 10k`" in line and floor in line for line in told_of_figures()), "what it is beside"


def told_of_figures() -> list[str]:
    return (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def steps() -> Iterator[Callable[[], float]]:
    """A clock that ticks with every hundred steps of SQLite, however busy the machine is."""
    ticks = count()

    def watch(connection: sqlite3.Connection, _: object) -> None:
        connection.set_progress_handler(lambda: bool(next(ticks) < 0), 100)

    event.listen(Engine, "connect", watch)
    yield lambda: next(ticks)
    event.remove(Engine, "connect", watch)


def test_claiming_is_measured_beside_few_that_wait(tmp_path: Path, steps: Callable[[], float]) -> None:
    """T13: here with a few thousand; `aftercart bench claim` has a million."""
    measured = claim(1, tmp_path, many=5_000, clock=steps)
    assert (measured.name, measured.floor) == ("claim", "with 1,000 waiting")
    assert measured.ratio > 0.9
    assert measured.note.startswith("5,000 waiting, ")


def test_a_pass_of_the_housekeeping_is_measured_beside_one_over_few(tmp_path: Path, steps: Callable[[], float]) -> None:
    """T13: here with a few thousand; `aftercart bench tidy` has a million."""
    measured = tidy(1, tmp_path, many=4_000, clock=steps)
    assert (measured.name, measured.floor) == ("tidy", "among 1,000 mails")
    assert measured.ratio > 0.3
    assert measured.note.startswith("4,000 mails, ")


def test_a_mail_takes_less_than_a_kilobyte_in_its_table_and_one_in_a_hundred_is_refused(tmp_path: Path) -> None:
    """T35: elsewhere 350,000 took three gigabytes, and the send stopped at the first refusals."""
    with closing(build(settings_for(tmp_path), clock=SteppedClock(NOW))) as app:

        def pages() -> int:
            with app.db.read() as connection:
                return int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())

        before = pages()
        with app.db.write() as connection:
            add_mails(connection, NOW, range(5_000))
            size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
        with app.db.read() as connection:
            by_state = select(sends.c.state, func.count()).group_by(sends.c.state)
            states = {row.state: row[1] for row in connection.execute(by_state)}
        taken = (pages() - before) * size
    assert states == {"sent": 4_950, "failed": 50}
    assert taken / 5_000 < ROWS_OF_A_MAIL * 1024, "each of a mail's rows, with all that finds it again"


def test_people_get_a_table(tmp_path: Path) -> None:
    result = aftercart(tmp_path, "bench", "render", "--rounds", "1")
    head, line, *_ = result.stdout.splitlines()
    assert [head.split()[:3], line.split()[0]] == [["ours", "beside", "ratio"], "render"]
    assert line.endswith("escape + join")


def test_a_measurement_that_there_is_not_is_wrong_usage(tmp_path: Path) -> None:
    result = aftercart(tmp_path, "bench", "sned")
    assert result.returncode == 2
    assert "ingest, claim, tidy, gate, recommend, render, send" in " ".join(result.stderr.replace("│", " ").split())
