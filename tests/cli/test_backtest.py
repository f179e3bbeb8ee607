"""`aftercart backtest`, as it is typed."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aftercart.backtest.sandbox import SAMPLES
from aftercart.cli import app
from aftercart.starter import init
from aftercart.testing import SECRET_KEY, lay_down
from tests.commanded import aftercart


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shop with forty orders of ten customers in March."""
    monkeypatch.chdir(tmp_path)
    init(tmp_path)
    names = ("Lamp", "Lock", "Pump", "Bell", "Bottle", "Cage", "Gloves", "Rack")
    products = "".join(f"P{n},{name},{name}s,20,https://www.example.com/{n}\n" for n, name in enumerate(names))
    (tmp_path / "products.csv").write_text("sku,title,category,price,url\n" + products)
    orders = "".join(
        f"o{n},c{n % 10},2026-03-{n // 2 + 1:02}T09:30:00Z,P{(n + k) % 8},1,20\n" for n in range(40) for k in (0, 3)
    )
    (tmp_path / "orders.csv").write_text("order_id,customer_id,ordered_at,sku,quantity,unit_price\n" + orders)
    lay_down(f"sqlite:///{tmp_path / 'data' / 'aftercart.db'}")
    for what in ("products", "orders"):
        assert aftercart(tmp_path, "import", what, f"{what}.csv").returncode == 0
    return tmp_path


def asked(*words: str) -> str:
    """By a key of ours: by the one that `init` draws, all ten customers may get mail, or none."""
    answer = aftercart(Path.cwd(), "backtest", "campaigns/accessories.yaml", *words, AFTERCART_SECRET_KEY=SECRET_KEY)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_it_says_in_words_what_would_have_happened_and_draws_a_page_of_it(deployment: Path) -> None:
    text = asked("--from", "2026-03-10", "--to", "2026-03-20", "--suppose-consent", "--page", "page.html")
    told = re.search(r"20  orders\n +20  mails planned\n +(\d+)  mails sent, to \d+ people; at most \d each", text)
    assert told, text
    assert int(told[1]) > 1
    assert "best sellers" in text
    assert text.rstrip().splitlines()[-3].endswith("orders a second; 1 training.")
    assert "inf%" not in text, "one mail alone is no difference"
    page = (deployment / "page.html").read_text()
    assert "What would accessories have done?" in page
    assert page.count("<iframe") == min(int(told[1]), SAMPLES)
    outside = page.split("<iframe")[0]
    assert "http" not in outside, "the page itself loads nothing from anywhere"


@pytest.mark.parametrize(
    ("every_s", "said"), [(1e9, "2026-03-15: 10 of 20 orders; learning"), (0, "2026-03-13: 8 of 20 orders\n")]
)
def test_a_run_that_nobody_watches_on_a_terminal_tells_its_log_how_far_it_is(
    deployment: Path, monkeypatch: pytest.MonkeyPatch, every_s: float, said: str
) -> None:
    (deployment / "other.yaml").write_text((deployment / "campaigns" / "accessories.yaml").read_text())
    monkeypatch.setattr("aftercart.cli.backtest.LINE_EVERY_S", every_s)
    monkeypatch.setenv("AFTERCART_SECRET_KEY", SECRET_KEY)
    span = ("--from", "2026-03-10", "--to", "2026-03-20", "--suppose-consent", "--train-every", "5")
    result = CliRunner().invoke(app, ("backtest", "campaigns/accessories.yaml", *span, "--compare", "other.yaml"))
    assert said in result.stderr, result.stderr
    assert result.stderr.count("aftercart: other.yaml: 2026-03-15: ") >= 1
    assert "learning" not in result.stdout


@pytest.mark.usefixtures("deployment")
def test_it_tells_whoever_replays_orders_without_addresses_how_to_go_on() -> None:
    text = asked("--from", "2026-03-10", "--to", "2026-03-20")
    assert "20  no_email" in text
    assert "--suppose-consent tries it as if all had one" in text


def test_two_campaigns_are_tried_on_the_same_orders(deployment: Path) -> None:
    file = deployment / "campaigns" / "accessories.yaml"
    (deployment / "later.yaml").write_text(file.read_text().replace("after: 3d", "after: 5d"))
    span = ("--from", "2026-03-10", "--to", "2026-03-20", "--suppose-consent")
    one, other = map(json.loads, asked(*span, "--compare", "later.yaml", "--json").splitlines())
    assert one["orders"] == other["orders"] == 20
    assert min(one["by_day"]) == "2026-03-13"
    assert min(other["by_day"]) == "2026-03-15"


@pytest.mark.usefixtures("deployment")
def test_two_campaigns_of_one_name_are_told_apart_and_stand_beside_each_other() -> None:
    file = Path("campaigns/accessories.yaml")
    Path("fewer.yaml").write_text(file.read_text().replace("holdout: 10%", "holdout: 60%"))
    text = asked("--from", "2026-03-10", "--to", "2026-03-20", "--suppose-consent", "--compare", "fewer.yaml")
    assert re.search(r"^accessories \(campaigns/accessories\.yaml\): 2026-03-10", text, re.MULTILINE)
    assert re.search(r"^accessories \(fewer\.yaml\): 2026-03-10", text, re.MULTILINE)
    beside = text.partition("Side by side")[2]
    assert re.search(r"accessories\.yaml +fewer\.yaml *\n", beside)
    sent, fewer = re.findall(r"(\d+)  mails sent", text)
    assert int(sent) > int(fewer)
    assert re.search(rf"mails sent +{sent} +{fewer} *\n", beside)
    assert re.search(r"bought within 7 days +\d+\.\d% +(\d+\.\d%|–) *\n", beside)


@pytest.mark.usefixtures("deployment")
@pytest.mark.parametrize("page", ["nowhere/page.html", "campaigns"])
def test_a_page_that_cannot_be_written_is_refused_before_the_run_and_not_after_it(page: str) -> None:
    span = ("--from", "2026-03-10", "--to", "2026-03-20", "--suppose-consent")
    answer = aftercart(Path.cwd(), "backtest", "campaigns/accessories.yaml", *span, "--page", page)
    assert answer.returncode == 2, answer.stderr
    assert "--page" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert "learning" not in answer.stderr


def test_a_campaign_with_a_fault_is_refused_with_its_line(deployment: Path) -> None:
    (deployment / "odd.yaml").write_text("campaign: odd\nstatus: draft\ntriger: order.completed\n")
    answer = aftercart(deployment, "backtest", "odd.yaml", "--from", "2026-03-10", "--to", "2026-03-20")
    assert answer.returncode == 1
    assert "odd.yaml:3" in answer.stderr
