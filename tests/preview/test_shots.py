"""Pictures of mails, and what changed since somebody signed them."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from aftercart.errors import TemplateError, UnreachableError
from aftercart.preview.shelf import Shelf, Wanted
from aftercart.preview.shots import Change, Shot, changes, shots, take
from tests.rendering.conftest import SHIPPED
from tests.rendering.mjml import in_text


def test_every_sample_width_and_scheme_is_taken_and_every_language_once(tmp_path: Path) -> None:
    names = [shot.name for shot in shots(Shelf(SHIPPED, tmp_path), ["thanks"])]
    assert len(names) == len(set(names)) == (6 + 4) * 2 * 3
    assert {"thanks-largest-en-375-forced", "thanks-sample-ar-600-dark"} < set(names)


def test_a_template_that_is_not_there_or_cannot_be_filled_is_told_and_not_pictured(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="did you mean 'thanks'"):
        list(shots(Shelf(SHIPPED, tmp_path), ["thank"]))
    for file, text in {"subject.txt": "Hello", "body.mjml": in_text("{{ order.lines[7].title }}")}.items():
        (tmp_path / "templates" / "torn").mkdir(parents=True, exist_ok=True)
        (tmp_path / "templates" / "torn" / file).write_text(text, encoding="utf-8")
    shutil.copytree(SHIPPED / "_layout", tmp_path / "templates" / "_layout")
    with pytest.raises(TemplateError, match=r"torn/body\.mjml:1:"):
        list(shots(Shelf(tmp_path / "templates", tmp_path)))


def taken(*names: str) -> list[Shot]:
    return [Shot(Wanted(name, "sample", "en"), 600, "light") for name in names]


def picture(file: Path, points: int = 0, size: tuple[int, int] = (100, 100)) -> None:
    file.parent.mkdir(exist_ok=True)
    image = Image.new("RGB", size, "white")
    for point in range(points):
        image.putpixel((point % 100, point // 100), (250, 255, 255))
    image.save(file)


A = "a-sample-en-600-light.png"
B = "b-sample-en-600-light.png"


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ({"points": 0}, []),
        ({"points": 9}, []),
        ({"points": 200}, [Change(A, 0.02)]),
        ({"size": (100, 101)}, [Change(A, 1.0)]),
    ],
)
def test_a_picture_that_is_not_as_it_was_is_named(now: dict[str, int], found: list[Change], tmp_path: Path) -> None:
    picture(tmp_path / "baseline" / A)
    picture(tmp_path / "now" / A, **now)  # type: ignore[arg-type]
    told = changes(tmp_path / "now", tmp_path / "baseline", taken("a"))
    assert [Change(one.name, round(one.share, 6)) for one in told] == found


def test_new_and_gone_pictures_are_named_whatever_an_earlier_run_left(tmp_path: Path) -> None:
    picture(tmp_path / "baseline" / A)
    picture(tmp_path / "now" / A)
    picture(tmp_path / "now" / B)
    found = [(one.name, one.share) for one in changes(tmp_path / "now", tmp_path / "baseline", taken("b"))]
    assert found == [(A, 1.0), (B, 1.0)]


def test_of_one_template_the_others_are_not_missed(tmp_path: Path) -> None:
    for name in (A, B):
        picture(tmp_path / "baseline" / name)
    picture(tmp_path / "now" / B)
    assert list(changes(tmp_path / "now", tmp_path / "baseline", taken("b"), ["b"])) == []


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
