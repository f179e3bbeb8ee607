"""`aftercart doctor`, as it is typed."""

import json
from contextlib import closing
from pathlib import Path

from aftercart.clock import utc_now
from aftercart.db.session import Database
from aftercart.delivery.limits.quota import Limit, Limits, Per
from aftercart.delivery.store import SharedTraffic
from aftercart.starter import init
from tests.commanded import aftercart
from tests.deployment import deployed, init_small


def test_a_fresh_installation_has_no_fault_and_knows_what_is_still_to_be_done(tmp_path: Path) -> None:
    init(tmp_path / "shop")
    told = aftercart(tmp_path / "shop", "doctor")
    assert told.returncode == 0, told.stdout
    assert "Traceback" not in told.stderr
    lines = told.stdout.splitlines()
    assert {line.split()[0] for line in lines} == {"fine", "warn", "→"}
    assert "fine   campaigns   active: accessories" in lines
    assert not (tmp_path / "shop" / "data").exists(), "it changes nothing"


def test_a_running_installation_is_examined_beside_its_engine(tmp_path: Path) -> None:
    shop = deployed(tmp_path / "shop", "console:")
    with shop.up():
        shop.env["AFTERCART_BASE_URL"] = shop.url
        told = shop.run("doctor", "--json")
    found = json.loads(told.stdout)
    assert (told.returncode, found["worst"]) == (0, "warn"), told.stdout
    fine = {one["check"] for one in found["findings"] if one["level"] == "fine"}
    assert {"database", "engine", "backlog", "keys", "disk", "campaigns", "base url", "clock"} <= fine


def test_what_is_broken_is_a_fault_and_the_rest_is_still_told(tmp_path: Path) -> None:
    init_small(tmp_path / "shop")
    (tmp_path / "shop" / "campaigns" / "accessories.yaml").write_text("campaign: [")
    broken = {"AFTERCART_SENDER_URL": "smtp://ada:hunter2@127.0.0.1:1", "AFTERCART_SECRET_KEY": "x" * 40}
    broken["AFTERCART_DATABASE_URL"] = "postgresql://ada:hunter2@127.0.0.1:1/shop"
    told = aftercart(tmp_path / "shop", "doctor", "--json", **broken)
    assert told.returncode == 1
    findings = json.loads(told.stdout)["findings"]
    faults = {one["check"] for one in findings if one["level"] == "fault"}
    assert {"sender", "keys", "database", "campaigns"} <= faults
    assert all(one["do"] for one in findings if one["level"] != "fine")
    assert "hunter2" not in told.stdout + told.stderr


def test_settings_that_cannot_be_read_are_told_in_one_line(tmp_path: Path) -> None:
    told = aftercart(tmp_path, "doctor")
    assert told.returncode == 1
    assert told.stderr.startswith("aftercart: AFTERCART_SECRET_KEY: is not set")


def test_a_limit_that_is_used_up_is_told_of(tmp_path: Path) -> None:
    init_small(tmp_path / "shop")
    brand = tmp_path / "shop" / "campaigns" / "brand.yaml"
    brand.write_text(brand.read_text() + "senders: [{limits: [1 per day]}]\n")
    used = {"AFTERCART_SENDER_URL": "file:out"}
    told = aftercart(tmp_path / "shop", "db", "upgrade", **used)
    assert told.returncode == 0, told.stderr
    with closing(Database(f"sqlite:///{tmp_path / 'shop' / 'data' / 'aftercart.db'}")) as database:
        limits = Limits((Limit(1, Per.DAY),))
        assert SharedTraffic(database, utc_now, ["file"], lambda _: limits).take("file", "example.com") is None
    told = aftercart(tmp_path / "shop", "doctor", "--json", **used)
    limited = [one for one in json.loads(told.stdout)["findings"] if one["check"] == "limits"]
    assert [one["level"] for one in limited] == ["warn"]
    assert "file: the limit is used up (1 of 1 per day) until" in limited[0]["found"]


def test_a_campaign_that_is_paused_is_named_lest_its_mails_expire_unseen(tmp_path: Path) -> None:
    init_small(tmp_path / "shop")
    file = tmp_path / "shop" / "campaigns" / "accessories.yaml"
    file.write_text(file.read_text().replace("status: active", "status: paused"))
    told = aftercart(tmp_path / "shop", "doctor", "--json")
    of_campaigns = [one for one in json.loads(told.stdout)["findings"] if one["check"] == "campaigns"]
    assert of_campaigns[0]["level"] == "warn"
    assert of_campaigns[0]["found"].startswith("paused: accessories")
