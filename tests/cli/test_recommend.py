"""`train` and `recommend` as they are typed."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from aftercart.cli import models_app
from aftercart.cli import recommend as commands
from aftercart.db.session import Database
from aftercart.errors import AftercartError
from aftercart.testing import lay_down
from tests.recommendation.bike_shop import bike_shop, open_busy_shop

BIKE = "Road-Bike-0"

app = typer.Typer()
app.command("train")(commands.train)
app.command("recommend")(commands.recommend)
app.add_typer(models_app, name="models")


@pytest.fixture(autouse=True)
def a_busy_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AFTERCART_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("AFTERCART_SECRET_KEY", "k" * 40)
    url = f"sqlite:///{tmp_path / 'aftercart.db'}"
    lay_down(url)
    db = Database(url)
    open_busy_shop(db)
    db.close()


def typed(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def batch(tmp_path: Path, *lines: str, raw: bool = True) -> tuple[Result, list[dict[str, Any]]]:
    file = tmp_path / "in.jsonl"
    file.write_text("\n".join(lines) + "\n")
    result = typed("recommend", "--batch", str(file), "-k", "5", *(["--raw"] if raw else []))
    return result, [json.loads(line) for line in result.stdout.splitlines()]


def test_training_reports_in_words_and_as_json() -> None:
    result = typed("train", "--seed", "3")
    assert result.exit_code == 0
    assert "Learned from 200 orders" in result.stdout
    report = json.loads(typed("train", "--json").stdout)
    assert (report["serving"], report["orders"], report["epochs"]) == (True, 200, 30)


def test_picks_are_shown_with_their_reasons() -> None:
    typed("train")
    result = typed("recommend", BIKE, "-k", "2", "--explain")
    assert result.exit_code == 0
    assert "Road" in result.stdout
    assert "turned away" in result.stdout


def test_products_without_a_page_are_ranked_all_the_same_and_told() -> None:
    """The bike shop's products have no web address; a mail would offer none of them."""
    result = typed("recommend", BIKE, "-k", "2", "--explain")
    assert "No mail would offer Road-" in result.stdout
    assert "no_url" in result.stdout


def test_one_order_answers_as_json() -> None:
    answer = json.loads(typed("recommend", BIKE, "-k", "3", "--json").stdout)
    assert len(answer["picks"]) == 3
    assert (answer["served_by"], answer["picks"][0]["source"]) == ("fallback", "bought_together")


def test_an_unknown_product_is_named_and_does_not_stop_the_rest() -> None:
    result = typed("recommend", "unheard-of", BIKE, "--json")
    assert result.exit_code == 0
    assert "unheard-of is not in the catalog" in result.stderr
    assert json.loads(result.stdout)["picks"]


def test_a_file_is_answered_line_by_line_in_order(tmp_path: Path) -> None:
    typed("train")
    lines = [json.dumps({"id": n, "items": [BIKE, "unheard of"]}) for n in range(1_100)]
    result, answers = batch(tmp_path, *lines)
    assert result.exit_code == 0
    assert [answer["id"] for answer in answers] == list(range(1_100))
    assert {len(answer["picks"]) for answer in answers} == {5}
    assert set(answers[0]["picks"][0]) == {"sku", "score", "because"}
    assert answers[0]["picks"][0]["because"] == BIKE


def test_raw_leaves_out_items_and_exclude_and_nothing_else(tmp_path: Path) -> None:
    typed("train")
    asked = {"id": "x", "items": [BIKE], "customer_id": "c7"}
    first = batch(tmp_path, json.dumps(asked))[1][0]["picks"][0]["sku"]
    without = batch(tmp_path, json.dumps(asked | {"exclude": [first]}))[1][0]["picks"]
    assert first not in {pick["sku"] for pick in without}
    file = tmp_path / "all.jsonl"
    file.write_text(json.dumps(asked))
    everything = json.loads(typed("recommend", "--batch", str(file), "-k", "100", "--raw").stdout)["picks"]
    assert len(everything) == 29


def test_without_raw_the_guards_hold(tmp_path: Path) -> None:
    typed("train")
    answers = batch(tmp_path, json.dumps({"id": "x", "items": [BIKE], "customer_id": "nobody"}), raw=False)[1]
    assert answers[0]["picks"]
    assert not any("Bike" in pick["sku"] for pick in answers[0]["picks"])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{not json", "not JSON"),
        ("[]", "an object"),
        ('{"items": []}', '"id" is missing'),
        ('{"id": "x"}', '"items" must be'),
        ('{"id": "x", "items": [1]}', '"items" must be'),
        ('{"id": "x", "items": [], "exclude": "a"}', '"exclude" must be'),
        ('{"id": "x", "items": [], "customer_id": []}', '"customer_id" must be'),
    ],
)
def test_a_bad_line_is_named_and_the_rest_goes_on(tmp_path: Path, line: str, problem: str) -> None:
    typed("train")
    good = json.dumps({"id": "good", "items": [BIKE]})
    result, answers = batch(tmp_path, good, line, good)
    assert result.exit_code == 1
    assert f"in.jsonl:2: {problem}" in result.stderr or f"in.jsonl:2: this is {problem}" in result.stderr
    assert [answer["id"] for answer in answers] == ["good", "good"]


def test_invalid_utf8_is_a_bad_line_and_no_crash(tmp_path: Path) -> None:
    typed("train")
    file = tmp_path / "in.jsonl"
    file.write_bytes(b'{"id": "\xff", "items": []}\n{"id": "y", "items": []}\n')
    result = typed("recommend", "--batch", str(file), "--raw")
    assert (result.exit_code, json.loads(result.stdout)) == (1, {"id": "y", "picks": []})


def test_raw_without_a_model_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text(json.dumps({"id": "x", "items": [BIKE]}))
    result = typed("recommend", "--batch", str(file), "--raw")
    assert isinstance(result.exception, AftercartError)
    assert "aftercart train" in str(result.exception)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = typed("recommend", "--batch", str(tmp_path / "none.jsonl"))
    assert isinstance(result.exception, AftercartError)
    assert "none.jsonl" in str(result.exception)


@pytest.mark.parametrize("words", [("recommend",), ("recommend", BIKE, "--raw"), ("recommend", BIKE, "--batch", "x")])
def test_wrong_usage_exits_with_two(words: tuple[str, ...]) -> None:
    assert typed(*words).exit_code == 2


def test_versions_are_listed_promoted_and_taken_back() -> None:
    assert "None is trained yet" in typed("models", "list").stdout
    first, second = (json.loads(typed("train", "--json").stdout)["version"] for _ in range(2))
    listed = typed("models", "list").stdout
    assert listed.index(second) < listed.index(first)
    assert "In the mails of the last seven days: the model is 0 h old." in listed
    assert typed("models", "rollback").stdout == f"{first} serves again.\n"
    assert typed("models", "promote", second).stdout == f"{second} serves now.\n"
    rows = [json.loads(line) for line in typed("models", "list", "--json").stdout.splitlines()]
    assert [(row["version"], row["state"]) for row in rows] == [(second, "serving"), (first, "retired")]
    assert ["lately" in row for row in rows] == [True, False]
    assert rows[0]["first_scores"]["cases"] > 0


def test_whoever_bars_what_people_own_asks_what_they_buy_next(tmp_path: Path) -> None:
    typed("train")
    owned = json.loads(typed("recommend", BIKE, "--customer", "c1", "--json").stdout)
    assert owned["picks"]
    line = {"id": "a", "items": [BIKE], "customer_id": "c1"}
    barred = json.dumps(line | {"exclude": [product.sku for product in bike_shop() if "Bottle" not in product.sku]})
    answers = {}
    for purpose in ("next", "together", None):
        file = tmp_path / "in.jsonl"
        file.write_text(barred)
        words = ("recommend", "--batch", str(file), "-k", "5", "--raw", *(("--for", purpose) if purpose else ()))
        answers[purpose] = typed(*words).stdout
    assert answers["next"] != answers["together"]
    assert answers[None] == answers["next"]
