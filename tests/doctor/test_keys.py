from pathlib import Path

import pytest

from aftercart.doctor.keys import check_doors, check_keys
from aftercart.starter import init

GOOD = "iR4x0bq8ZpWl2ShN6yFTgUvKcM3oXd7e"


def test_the_secrets_that_the_starter_makes_are_fine(tmp_path: Path) -> None:
    init(tmp_path)
    env = tmp_path / ".env"
    key = env.read_text().partition("AFTERCART_SECRET_KEY=")[2].splitlines()[0]
    assert [one.level for one in check_keys((key,), env)] == ["fine"]


@pytest.mark.parametrize(
    "key", ["a" * 40, "change-me-change-me-change-me-change", "1234" * 10, "my-secret-0123456789abcdef-xyzuvw"]
)
def test_a_key_that_can_be_guessed_is_a_fault_and_is_not_shown(key: str, tmp_path: Path) -> None:
    [found] = check_keys((GOOD, key), tmp_path / ".env")
    assert found.level == "fault"
    assert "number 2" in found.found
    assert key not in found.found + found.do


def test_a_file_that_others_may_read_is_told(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.touch()
    env.chmod(0o644)
    assert [one.level for one in check_keys((GOOD,), env)] == ["fine", "warn"]


def test_an_engine_that_no_shop_can_reach_is_a_fault() -> None:
    assert [one.level for one in check_doors({"shopify": "", "generic": ""})] == ["fault"]


def test_a_placeholder_for_a_shops_secret_is_told() -> None:
    found = list(check_doors({"shopify": "your-client-secret", "woocommerce": GOOD, "generic": ""}))
    assert [one.level for one in found] == ["warn", "fine"]
    assert found[1].found == "open for shopify, woocommerce"
