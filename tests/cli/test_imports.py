"""`import` as it is typed."""

import json
from pathlib import Path

from tests.cli.conftest import Typed


def test_products_without_a_web_address_are_told_and_are_no_fault(typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    file.write_text("sku,title,url\nBELL,Bell,https://shop.example/bell\nBIKE,Bike,\n")
    result = typed("import", "products", str(file))
    assert result.exit_code == 0
    assert result.stdout == "2 products: 2 added, 0 there already.\n"
    assert result.stderr == "aftercart: without a web address (url), so not offered in mails: 1 of 2 products\n"
    report = json.loads(typed("import", "products", str(file), "--json").stdout)
    assert report["notes"] == ["without a web address (url), so not offered in mails: 1 of 2 products"]
