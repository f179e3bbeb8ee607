"""Our own drawings: one for everything that the bike shop sells, small enough for mail."""

import struct

from aftercart.demo.catalog import catalog
from aftercart.demo.pictures import FOLDER


def test_every_product_has_its_picture_and_every_picture_its_product() -> None:
    wanted = {product.picture for variants in catalog().values() for product in variants}
    assert {file.name for file in FOLDER.glob("*.png")} == wanted


def test_pictures_are_sharp_on_good_screens_and_still_small() -> None:
    files = list(FOLDER.glob("*.png"))
    for file in files:
        width, height = struct.unpack(">II", file.read_bytes()[16:24])
        assert (width, height) == (440, 440), file.name
        assert file.stat().st_size < 10_000, file.name
    assert sum(file.stat().st_size for file in files) < 400_000
