"""`aftercart preview --shots DIR`: a picture of every mail, and what changed since pictures that somebody signed."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlencode

from aftercart.errors import MissingExtraError
from aftercart.preview.chromium import Tab, browsing, installed
from aftercart.preview.schemes import SCHEMES
from aftercart.preview.shelf import Shelf, Wanted
from aftercart.rendering.checking.samples import VARIANTS

WIDTHS = (600, 375)
NOTICED = 0.001
"""From this share of different points on a picture is another one."""
_HEIGHT = 800


@dataclass(frozen=True, slots=True)
class Shot:
    wanted: Wanted
    width: int
    scheme: str

    @property
    def name(self) -> str:
        parts = (self.wanted.template, self.wanted.sample, self.wanted.locale, str(self.width), self.scheme)
        return "-".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Change:
    """A picture that is not as it was. `share`: of its points; 1 where it is new, gone, or of another size."""

    name: str
    share: float


def shots(shelf: Shelf, only: Sequence[str] = ()) -> Iterator[Shot]:
    """Every template with every sample in its first language, and with the plain sample in every other.

    Raises TemplateError where there is no such mail: else there would be pictures of the page that says so.
    """
    for template in only or shelf.names:
        first, *others = shelf.locales(template) or [""]
        wanted = [Wanted(template, sample, first) for sample in VARIANTS]
        wanted += [Wanted(template, VARIANTS[0], locale) for locale in others]
        for each in wanted:
            shelf.rendered(each)
        yield from (Shot(each, width, scheme) for each in wanted for width in WIDTHS for scheme in SCHEMES)


def take(base: str, all_shots: Sequence[Shot], folder: Path) -> Iterator[Shot]:
    """Writes a PNG for each shot, and yields it then. `base`: where the preview is served."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile, browsing(installed(), Path(profile)) as socket:
        tab = Tab(socket)
        for shot in all_shots:
            wanted = shot.wanted
            query = urlencode({"sample": wanted.sample, "locale": wanted.locale, "scheme": shot.scheme})
            tab.open(f"{base}/{wanted.template}/mail.html?{query}", (shot.width, _HEIGHT))
            (folder / f"{shot.name}.png").write_bytes(tab.picture())
            yield shot


def refuse_without_pillow() -> None:
    """Raises MissingExtraError where `changes` could not compare. To be asked before a minute of taking pictures."""
    if find_spec("PIL") is None:
        raise MissingExtraError("preview", "--baseline")


def changes(folder: Path, baseline: Path, taken: Sequence[Shot], only: Sequence[str] = ()) -> Iterator[Change]:
    """What is not as in the baseline, by name; of `only` these templates, whatever else the baseline has. Needs
    Pillow.
    """
    of_these = tuple(f"{template}-{sample}-" for template in only for sample in VARIANTS)
    before = {file.name for file in baseline.glob("*.png") if not only or file.name.startswith(of_these)}
    now = {f"{shot.name}.png" for shot in taken}
    for name in sorted(before | now):
        share = _difference(folder / name, baseline / name) if name in before & now else 1.0
        if share >= NOTICED:
            yield Change(name, share)


def _difference(one: Path, other: Path) -> float:
    from PIL import Image, ImageChops

    with Image.open(one) as left, Image.open(other) as right:
        if left.size != right.size:
            return 1.0
        difference = ImageChops.difference(left.convert("RGB"), right.convert("RGB")).convert("L")
        same = difference.histogram()[0]
        return 1 - same / (left.width * left.height)
