"""`aftercart bench` as it is typed: not how fast, but that each figure stands beside its floor."""

import json
from pathlib import Path

import pytest

from aftercart.bench.claim import claim
from tests.cli.conftest import aftercart


def test_each_figure_comes_as_json_beside_its_floor(tmp_path: Path) -> None:
    """Sending and claiming are left to people: one trains a model first, the other plans a million mails."""
    result = aftercart(tmp_path, "bench", "ingest", "gate", "recommend", "render", "--rounds", "1", "--json")
    assert result.returncode == 0, result.stderr
    figures = [json.loads(line) for line in result.stdout.splitlines()]
    told = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8").splitlines()
    assert [figure["name"] for figure in figures] == [
        "ingest",
        "gate, ready",
        "gate",
        "gate, claim",
        "recommend",
        "render",
    ]
    for figure in figures:
        assert figure["floor"]
        assert figure["ratio"] == pytest.approx(figure["per_second"] / figure["floor_per_second"])
        assert 0 < figure["ratio"] < 1
        assert any(f"`{figure['name']}`" in line and figure["floor"] in line for line in told), "what it is beside"
    assert list(tmp_path.iterdir()) == []


def test_claiming_is_measured_beside_few_that_wait(tmp_path: Path) -> None:
    """T13: here with a few thousand; `aftercart bench claim` has a million."""
    measured = claim(1, tmp_path, many=5_000)
    assert (measured.name, measured.floor) == ("claim", "with 1,000 waiting")
    assert measured.ratio > 0.3
    assert measured.note.startswith("5,000 waiting, ")


def test_people_get_a_table(tmp_path: Path) -> None:
    result = aftercart(tmp_path, "bench", "render", "--rounds", "1")
    head, line = result.stdout.splitlines()
    assert [head.split()[:3], line.split()[0]] == [["ours", "beside", "ratio"], "render"]
    assert line.endswith("escape + join")


def test_a_measurement_that_there_is_not_is_wrong_usage(tmp_path: Path) -> None:
    result = aftercart(tmp_path, "bench", "sned")
    assert result.returncode == 2
    assert "ingest, claim, gate, recommend, render, send" in " ".join(result.stderr.replace("│", " ").split())
