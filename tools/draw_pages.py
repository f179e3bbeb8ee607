"""Take the pictures of the recipient pages in docs/pictures, as a phone shows them.

Needs Chromium:

    apt-get install chromium && python -m tools.draw_pages
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.browser.chromium import PHONE, browsing
from tests.cast import ADA
from tests.web.reader import reading

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
PAGES = {"p": "preferences", "w": "why", "l": "less"}


def main() -> None:
    chromium = shutil.which("chromium") or "google-chrome"
    with (
        TemporaryDirectory() as data,
        TemporaryDirectory() as profile,
        reading(Path(data), {**ADA, "locale": "en-GB"}) as reader,
        browsing(chromium, Path(profile)) as page,
    ):
        for kind, name in PAGES.items():
            page.open(f"{str(reader.client.base_url).rstrip('/')}{reader.path(kind)}", PHONE)
            (FOLDER / f"{name}.png").write_bytes(page.picture())


if __name__ == "__main__":
    main()
