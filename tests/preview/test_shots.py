"""Pictures of mails, and what changed since somebody signed them."""

from pathlib import Path

import pytest
from PIL import Image

from aftercart.errors import UnreachableError
from aftercart.preview.shelf import Shelf, Wanted
from aftercart.preview.shots import Change, Shot, changes, shots, take
from tests.rendering.conftest import SHIPPED


def test_every_sample_width_and_scheme_is_taken_and_every_language_once(tmp_path: Path) -> None:
    names = [shot.name for shot in shots(Shelf(SHIPPED, tmp_path, None), ["thanks"])]
    assert len(names) == len(set(names)) == (6 + 4) * 2 * 3
    assert {"thanks-largest-en-375-forced", "thanks-sample-ar-600-dark"} < set(names)


def picture(file: Path, points: int = 0, size: tuple[int, int] = (100, 100)) -> None:
    file.parent.mkdir(exist_ok=True)
    image = Image.new("RGB", size, "white")
    for point in range(points):
        image.putpixel((point % 100, point // 100), (250, 255, 255))
    image.save(file)


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ({"points": 0}, []),
        ({"points": 9}, []),
        ({"points": 200}, [Change("a.png", 0.02)]),
        ({"size": (100, 101)}, [Change("a.png", 1.0)]),
    ],
)
def test_a_picture_that_is_not_as_it_was_is_named(now: dict[str, int], found: list[Change], tmp_path: Path) -> None:
    picture(tmp_path / "baseline" / "a.png")
    picture(tmp_path / "now" / "a.png", **now)  # type: ignore[arg-type]
    assert [Change(one.name, round(one.share, 6)) for one in changes(tmp_path / "now", tmp_path / "baseline")] == found


def test_new_and_gone_pictures_are_named(tmp_path: Path) -> None:
    picture(tmp_path / "baseline" / "gone.png")
    picture(tmp_path / "now" / "new.png")
    found = [(one.name, one.share) for one in changes(tmp_path / "now", tmp_path / "baseline")]
    assert found == [("gone.png", 1.0), ("new.png", 1.0)]


@pytest.mark.parametrize(
    ("chromium", "said"),
    [
        ("echo 'no display' >&2; exit 1", "Chromium did not start: no display"),
        ("echo 'DevTools listening on ws://127.0.0.1:9/' >&2; exec sleep 60", "Chromium does not answer"),
    ],
)
def test_a_browser_that_fails_is_told_in_a_line(
    chromium: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "chromium"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{chromium}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    shot = Shot(Wanted("review", "sample", "en"), 600, "light")
    with pytest.raises(UnreachableError, match=said):
        list(take("http://127.0.0.1:9", [shot], tmp_path / "pictures"))
