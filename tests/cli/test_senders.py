import json
from pathlib import Path

import pytest

from aftercart.cli.open import working
from aftercart.delivery.base import Outcome, Receipt
from aftercart.ids import new_id
from tests.cast import Shop, campaign
from tests.cli.conftest import Typed

pytestmark = pytest.mark.usefixtures("some_sends", "_shop_s_files")

AWAY = Receipt(new_id(), Outcome.DEFERRED, "421 4.3.2 too busy", code=421, fault_is_ours=True)


@pytest.fixture
def _shop_s_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mailboxes = "mailboxes: [{domains: [gmail.com], limits: [9 per hour]}]"
    brand = f"senders: [{{limits: [14 per second, 50000 per day], {mailboxes}}}]"
    for name, folder in Shop(tmp_path / "shop").write(campaign(), brand=brand).files.items():
        monkeypatch.setenv(f"AFTERCART_{name.upper()}", str(folder))


def test_senders_that_work_are_listed_in_their_order(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCART_SENDER_URL", "smtp://127.0.0.1:1 file:outbox")
    result = typed("senders", "--json")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(one["name"], one["state"]) for one in found] == [("smtp:127.0.0.1", "closed"), ("file", "closed")]
    assert found[0]["limits"] == [
        {"most": 14, "per": "second", "used": 0, "domain": ""},
        {"most": 50_000, "per": "day", "used": 0, "domain": ""},
        {"most": 9, "per": "hour", "used": 0, "domain": "gmail.com"},
    ]
    assert result.exit_code == 0
    assert "0 of 14 per second, 0 of 50000 per day, 0 of 9 per hour to gmail.com" in typed("senders").stdout


def test_one_that_is_out_of_order_says_so_and_what_to_do(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCART_SENDER_URL", "smtp://127.0.0.1:1")
    with working() as app:
        for _ in range(5):
            app.traffic.report("smtp:127.0.0.1", AWAY)
    result = typed("senders")
    assert result.exit_code == 1
    assert "421 4.3.2 too busy" in result.stdout
    assert "nothing has to be sent anew" in result.stdout
