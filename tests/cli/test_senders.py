import json
from contextlib import closing
from pathlib import Path

import pytest

from aftercart.clock import utc_now
from aftercart.db.session import Database
from aftercart.delivery.limits.breaker import Sign
from aftercart.delivery.limits.quota import UNLIMITED
from aftercart.delivery.store import SharedTraffic
from tests.cast import Shop, campaign
from tests.commanded import aftercart

pytestmark = pytest.mark.usefixtures("some_sends")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A shop with limits."""
    mailboxes = "mailboxes: [{domains: [gmail.com], limits: [9 per hour]}]"
    brand = f"senders: [{{limits: [14 per second, 50000 per day], {mailboxes}}}]"
    files = Shop(tmp_path / "shop").write(campaign(), brand=brand).files
    return {"AFTERCART_SECRET_KEY": "k" * 40} | {f"AFTERCART_{n.upper()}": str(f) for n, f in files.items()}


def test_senders_are_listed_in_their_order_with_what_is_used_of_their_limits(
    tmp_path: Path, env: dict[str, str]
) -> None:
    env |= {"AFTERCART_SENDER_URL": "smtp://127.0.0.1:1 file:outbox"}
    result = aftercart(tmp_path, "senders", "--json", **env)
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(one["name"], one["state"]) for one in found] == [("smtp:127.0.0.1", "closed"), ("file", "closed")]
    assert found[0]["limits"] == [
        {"most": 14, "per": "second", "used": 0, "domain": ""},
        {"most": 50_000, "per": "day", "used": 0, "domain": ""},
        {"most": 9, "per": "hour", "used": 0, "domain": "gmail.com"},
    ]
    assert result.returncode == 0


def test_one_that_is_out_of_order_says_so_and_what_to_do(tmp_path: Path, env: dict[str, str]) -> None:
    with closing(Database(f"sqlite:///{tmp_path / 'data' / 'aftercart.db'}")) as db:
        for _ in range(5):
            SharedTraffic(db, utc_now, [], lambda _: UNLIMITED).report(
                "smtp:127.0.0.1", Sign.FAULT, "421 4.3.2 too busy"
            )
    result = aftercart(tmp_path, "senders", **env, AFTERCART_SENDER_URL="smtp://127.0.0.1:1")
    assert result.returncode == 1
    assert "421 4.3.2 too busy" in result.stdout
    assert "0 of 14 per second, 0 of 50000 per day, 0 of 9 per hour to gmail.com" in result.stdout
    assert "nothing has to be sent anew" in result.stdout


def test_limits_for_a_sender_that_there_is_not_stop_the_start(tmp_path: Path, env: dict[str, str]) -> None:
    brand = tmp_path / "shop" / "campaigns" / "brand.yaml"
    brand.write_text(brand.read_text().replace("senders: [{", "senders: [{name: 'smtp:mail.example.org', "))
    result = aftercart(tmp_path, "senders", **env, AFTERCART_SENDER_URL="smtp://127.0.0.1:1")
    assert result.returncode == 1
    assert "names no smtp:mail.example.org (it names smtp:127.0.0.1)" in result.stderr
