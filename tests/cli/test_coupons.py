"""`import coupons`, `coupons`, and what `check` and `doctor` say of pools."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from aftercart.campaigns.schema import Campaign
from aftercart.coupons.coupon import Code
from aftercart.coupons.store import add_codes
from aftercart.db.session import Database
from aftercart.db.tables import coupons
from aftercart.doctor.coupons import check_coupons
from tests.cli.conftest import Typed
from tests.deployment import init_small
from tests.rows import MONDAY, Rows


@pytest.fixture
def deployment(tmp_path: Path) -> Path:
    """The shipped one, whose mail is to carry a code."""
    init_small(tmp_path)
    (tmp_path / ".env").unlink()
    file = tmp_path / "campaigns" / "accessories.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("    template:", "    coupon: {pool: thanks}\n    template:"), encoding="utf-8")
    return tmp_path


def test_codes_come_in_once_and_bad_rows_are_told(typed: Typed, deployment: Path) -> None:
    (deployment / "codes.csv").write_text("Coupon,Expires\nA1,2026-12-31\nA2,\ntwo words,\nA1,\n")
    words = ("import", "coupons", "codes.csv", "--pool", "thanks", "--expires", "2027-06-30")
    result = typed(*words)
    assert result.exit_code == 1
    assert "4 codes: 2 added, 0 there already, 2 bad." in result.stdout
    assert "codes.csv:4: code: 'two words' holds a space" in result.stderr
    assert 'codes.csv:5: code: "A1" stands twice in this file' in result.stderr
    with closing(Database(f"sqlite:///{deployment / 'data' / 'aftercart.db'}")) as database, database.read() as found:
        ends = {row.code: f"{row.expires_at:%Y-%m-%d}" for row in found.execute(select(coupons))}
    assert ends == {"A1": "2026-12-31", "A2": "2027-06-30"}
    assert "0 added, 2 there already" in typed(*words).stdout


def test_a_code_of_another_pool_is_a_bad_row(typed: Typed, deployment: Path) -> None:
    (deployment / "codes.csv").write_text("code\nA1\n")
    typed("import", "coupons", "codes.csv", "--pool", "thanks")
    result = typed("import", "coupons", "codes.csv", "--pool", "other")
    assert (result.exit_code, 'codes.csv:2: code: "A1" stands in another pool' in result.stderr) == (1, True)


@pytest.mark.parametrize("words", [("--pool", "Two Words"), (), ("--pool", "a", "--expires", "some day")])
def test_wrong_usage_is_said(typed: Typed, deployment: Path, words: tuple[str, ...]) -> None:
    (deployment / "codes.csv").write_text("code\nA1\n")
    assert typed("import", "coupons", "codes.csv", *words).exit_code == 2


def test_the_pools_are_listed_and_an_empty_one_is_a_fault(typed: Typed, deployment: Path) -> None:
    empty = typed("coupons")
    assert empty.exit_code == 1
    assert "The pool thanks is empty" in empty.stdout
    (deployment / "codes.csv").write_text("code\nA1\nA2\n")
    typed("import", "coupons", "codes.csv", "--pool", "thanks")
    listed = typed("coupons", "--json")
    assert listed.exit_code == 0
    assert json.loads(listed.stdout) == {
        "name": "thanks", "left": 2, "given": 0, "ended": 0, "wanted": 0, "used_by": ["accessories"],
    }  # fmt: skip


def two_are_planned(url: str) -> None:
    """Two mails of the campaign are planned, and there is one code."""
    with closing(Database(url)) as database:
        shop = Rows(database)
        ada = shop.recipient()
        for _ in range(2):
            shop.send(shop.order(ada), ada, sent_at=None)
        with database.write() as connection:
            connection.exec_driver_sql("UPDATE sends SET state = 'scheduled'")
            add_codes(connection, "thanks", [Code("A1", None)], MONDAY)


@pytest.mark.usefixtures("deployment")
def test_check_warns_of_a_pool_that_will_not_last(
    typed: Typed, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERCART_DATABASE_URL", database_url)
    two_are_planned(database_url)
    result = typed("check")
    assert "warning: steps[0].coupon.pool: left in it: 1 code for 2 mails" in result.stdout, result.stdout
    assert "aftercart import coupons FILE --pool thanks" in result.stdout


@pytest.mark.parametrize(("codes", "level"), [(0, "fault"), (1, "warn"), (9, "fine")])
def test_the_doctor_looks_at_pools(database_url: str, codes: int, level: str) -> None:
    two_are_planned(database_url)
    with closing(Database(database_url)) as database, database.write() as connection:
        connection.exec_driver_sql("DELETE FROM coupons")
        add_codes(connection, "thanks", [Code(f"C{number}", None) for number in range(codes)], MONDAY)
    step = {"id": "complements", "after": "3d", "template": "accessories", "coupon": {"pool": "thanks"}}
    about = {"campaign": "accessories", "status": "active", "trigger": "order.completed", "steps": [step]}
    campaign = Campaign.model_validate(about)
    (found,) = check_coupons(database_url, [campaign], MONDAY)
    assert found.level == level


@pytest.mark.parametrize(
    ("coupon", "fault"),
    [
        ("", "shows a coupon, and the step has none"),
        ("    coupon: {pool: thanks, if_empty: go_without}\n", "lets it go without one"),
        ("    coupon: {pool: thanks}\n", ""),
    ],
)
def test_check_finds_a_template_that_needs_a_code_it_may_not_get(
    typed: Typed, tmp_path: Path, coupon: str, fault: str
) -> None:
    init_small(tmp_path)
    (tmp_path / ".env").unlink()
    campaign, body = tmp_path / "campaigns" / "accessories.yaml", tmp_path / "templates" / "accessories" / "body.mjml"
    campaign.write_text(campaign.read_text().replace("    template:", f"{coupon}    template:"))
    shown = "{% block content %}<mj-section><mj-column><mj-text>{{ coupon.code }}</mj-text></mj-column></mj-section>"
    body.write_text(body.read_text().replace("{% block content %}", shown))
    result = typed("check")
    assert (result.exit_code == 1, fault in result.stdout) == (bool(fault), True), result.stdout
