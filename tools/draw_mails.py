"""Take the pictures of a mail and of the demo's inbox in docs/pictures.

Needs Chromium and a demo that has played its week:

    apt-get install chromium && aftercart demo &
    python -m tools.draw_mails http://127.0.0.1:8000 NUMBER    # of a mail, as in its address /mail/NUMBER
"""

import sys
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from aftercart.preview.chromium import Tab, browsing, installed

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
MAIL = (640, 1500)
INBOX = (1280, 860)
COLORS = 128


def main(demo: str, number: str) -> None:
    with TemporaryDirectory() as profile, browsing(installed(), Path(profile)) as socket:
        tab = Tab(socket)
        for name, page, screen in (("mail", f"mail/{number}/body.html", MAIL), ("inbox", f"mail/{number}", INBOX)):
            tab.open(f"{demo}/{page}", screen)
            picture = Image.open(BytesIO(tab.picture())).convert("RGB").crop((0, 0, *screen))
            few = picture.quantize(COLORS, kmeans=2, dither=Image.Dither.NONE)
            few.save(FOLDER / f"{name}.png", "PNG", optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
