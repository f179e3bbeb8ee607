"""`aftercart check` and `aftercart init`, as a person types them."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from aftercart import starter
from aftercart.campaigns.schema import Campaign
from aftercart.cli import app
from tests.deployment import init_small


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def deployment(tmp_path: Path) -> Path:
    init_small(tmp_path)
    return tmp_path


def test_init_says_what_it_wrote_and_what_is_next(tmp_path: Path) -> None:
    result = run("init", tmp_path / "new")
    assert result.exit_code == 0
    assert "campaigns/brand.yaml" in result.stdout
    assert "aftercart up" in result.stdout


def test_a_new_deployment_passes(tmp_path: Path) -> None:
    starter.init(tmp_path)
    result = run("check", tmp_path)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "0 errors, 0 warnings, 1 note"


def test_a_fault_is_told_with_its_place_and_the_exit_code_is_1(deployment: Path) -> None:
    line = edit(deployment / "campaigns" / "accessories.yaml", "holdout: 10%", "holdot: 10%")
    result = run("check", deployment)
    assert result.exit_code == 1
    assert f"accessories.yaml:{line}:1: error: holdot: there is no such key — did you mean holdout?" in result.stdout


def test_a_fault_in_a_template_is_told_with_its_line(deployment: Path) -> None:
    body = deployment / "templates" / "accessories" / "body.mjml"
    body.write_text(body.read_text(encoding="utf-8").replace("{% endblock %}", ""), encoding="utf-8")
    result = run("check", deployment)
    assert result.exit_code == 1
    assert "templates/accessories/body.mjml" in result.stdout


WORDS = "accessories/words/en.txt"


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("_layout/card.mjml", "{% endfor %}\n</mj-section>", "</mj-section>", "{% for pick in row %} does not end"),
        ("accessories/body.mjml", "{% for row", "{% endif %}{% for row", "{% endif %} closes nothing"),
        (WORDS, "order.placed_at|date", "order.", "{{ order. }} cannot be read"),
        ("accessories/body.mjml", "{% for row", "{% foo %}{% for row", "there is no tag {% foo %}"),
        (
            WORDS,
            "{{ order.placed_at|date }}",
            "{{ order.placed_at|date",
            "this {{ is never closed",
        ),
        (WORDS, "{% endif %}\npreview", "\npreview", "{% if not picks[0].because %} is never closed"),
        ("_layout/header.mjml", "{% endif %}", "", "{% if brand.logo_url %} does not end"),
    ],
)
def test_a_tag_that_cannot_be_read_is_a_fault_and_no_crash(
    deployment: Path, file: str, old: str, new: str, said: str
) -> None:
    edit(deployment / "templates" / file, old, new)
    result = run("check", deployment)
    assert result.exit_code == 1
    [fault] = [line for line in result.stdout.splitlines() if " error: " in line]
    assert re.match(rf".*templates/{file}:\d+:\d+: error: {re.escape(said)}.* — ", fault)


def test_a_fault_of_a_shared_file_is_told_once(deployment: Path) -> None:
    shutil.copytree(deployment / "templates" / "accessories", deployment / "templates" / "again")
    edit(deployment / "templates" / "_layout" / "header.mjml", "{% endif %}", "")
    assert run("check", deployment).stdout.count("header.mjml") == 1


def test_a_step_that_recommends_nothing_for_a_template_of_products_is_an_error(deployment: Path) -> None:
    file = deployment / "campaigns" / "accessories.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text[: text.index("    recommend:")] + text[text.index("limits:") :], encoding="utf-8")
    result = run("check", deployment)
    assert result.exit_code == 1
    assert "error: steps[0].template: shows products, and the step has no `recommend` (" in result.stdout
    assert "this list has no element 0) — add recommend, or choose with" in result.stdout


def test_a_template_for_which_the_step_lets_too_few_products_through_is_a_warning(deployment: Path) -> None:
    words = deployment / "templates" / "accessories" / "words" / "en.txt"
    edit(words, "{% if picks|length > 1 %}, {{ picks[1].title }}{% endif %}", ", {{ picks[1].title }}")
    assert " 0 warnings" in run("check", deployment).stdout
    edit(deployment / "campaigns" / "accessories.yaml", "at_least: 2 ", "at_least: 1 ")
    result = run("check", deployment)
    assert result.exit_code == 0
    assert "warning: steps[0].template: cannot be filled with 1 product, and `at_least` lets that" in result.stdout


def test_only_mail_that_one_can_leave_must_lead_out(deployment: Path) -> None:
    body = (
        "<mjml><mj-body><mj-section><mj-column><mj-text>Thank you</mj-text></mj-column></mj-section></mj-body></mjml>"
    )
    receipt = deployment / "templates" / "receipt"
    receipt.mkdir()
    (receipt / "body.mjml").write_text(body, encoding="utf-8")
    (receipt / "subject.txt").write_text("Your order", encoding="utf-8")
    (receipt / "sample.json").write_text(
        (deployment / "templates" / "_layout" / "sample.json").read_text(encoding="utf-8"), encoding="utf-8"
    )
    assert "the HTML has no link to {{ links.unsubscribe }}" in run("check", deployment).stdout
    campaign = deployment / "campaigns" / "receipt.yaml"
    campaign.write_text(
        "campaign: receipt\nstatus: active\nclass: transactional\ntrigger: order.completed\n"
        "steps: [{id: one, after: 1h, template: receipt}]\n",
        encoding="utf-8",
    )
    assert "links.unsubscribe" not in run("check", deployment).stdout
    edit(campaign, "class: transactional\n", "")
    assert "the HTML has no link to {{ links.unsubscribe }}" in run("check", deployment).stdout


def test_a_template_that_is_only_begun_says_what_is_missing(deployment: Path) -> None:
    (deployment / "templates" / "accessories" / "body.mjml").unlink()
    (deployment / "templates" / "New Mail").mkdir()
    (deployment / "templates" / "New Mail" / "subject.txt").touch()
    said = run("check", deployment).stdout
    assert "templates/accessories/body.mjml: error: the file is missing — add it" in said
    assert "templates/New Mail: error: 'New Mail' is no plain name — use lower-case letters" in said


def test_one_file_can_be_checked_alone(deployment: Path) -> None:
    mine = deployment / "campaigns" / "mine.yaml"
    mine.write_text("campaign: mine\n")
    edit(deployment / "campaigns" / "accessories.yaml", "holdout: 10%", "holdot: 10%")
    result = run("check", mine)
    assert result.exit_code == 1
    assert "mine.yaml:1:1: error: status: is missing" in result.stdout
    assert "holdot" not in result.stdout


def test_a_mail_that_can_never_go_out_is_an_error(deployment: Path) -> None:
    """The night moves both to one morning, and a mail never waits beyond the next one."""
    file = deployment / "campaigns" / "accessories.yaml"
    edit(file, "after: 3d ", "after: 4d ")
    edit(file, 'at: "10:00"', "at: 02:00")
    first = "  - {id: early, after: 3d, at: 23:00, valid_for: 1h, template: accessories}\n"
    line = edit(file, "steps:\n", f"steps:\n{first}") + 1
    result = run("check", deployment)
    assert result.exit_code == 1
    assert f"{file}:{line}:28: error: steps[0].at: can never go out: when it may, the step 'complement" in result.stdout


def test_machines_read_json(deployment: Path) -> None:
    line = edit(deployment / "campaigns" / "accessories.yaml", "after: 3d", "after: three days")
    result = run("check", deployment, "--json")
    first: dict[str, Any] = json.loads(result.stdout)["faults"][0]
    assert first == {
        "file": str(deployment / "campaigns" / "accessories.yaml"),
        "line": line,
        "column": 5,
        "severity": "error",
        "key": "steps[0].after",
        "message": "'three days' is no time span",
        "fix": "write it as 3d, 2w, 72h, 90m or 5s",
    }
    assert result.exit_code == 1


def test_machines_read_faults_of_templates_too(deployment: Path) -> None:
    (deployment / "templates" / "accessories" / "subject.txt").write_text("{{ brand.nmae }}")
    [fault] = [f for f in json.loads(run("check", deployment, "--json").stdout)["faults"] if f["severity"] == "error"]
    assert fault == {
        "file": str(deployment / "templates" / "accessories" / "subject.txt"),
        "line": 1,
        "column": 10,
        "severity": "error",
        "key": "",
        "message": "the context has no brand.nmae",
        "fix": "did you mean brand.name?",
    }


def test_github_shows_annotations(deployment: Path) -> None:
    line = edit(deployment / "campaigns" / "accessories.yaml", "holdout: 10%", "holdout: 100%")
    result = run("check", deployment, "--github")
    assert f",line={line},col=1::holdout: a holdout of 100%25 sends nothing" in result.stdout


def test_the_schema_can_be_printed() -> None:
    result = run("check", "--schema")
    assert json.loads(result.stdout)["properties"].keys() == {
        field.alias or name for name, field in Campaign.model_fields.items()
    }
    assert "postal_address" in json.loads(run("check", "--brand-schema").stdout)["properties"]


def test_a_folder_without_campaigns_is_wrong_usage(tmp_path: Path) -> None:
    result = run("check", tmp_path)
    assert result.exit_code == 2
    assert "aftercart init DIR" in result.stderr


def test_without_a_path_this_deployment_is_checked_even_without_secrets(
    deployment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (deployment / ".env").unlink()
    monkeypatch.chdir(deployment)
    assert run("check").exit_code == 0


def edit(file: Path, old: str, new: str) -> int:
    """Replace `old`; returns its line."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1
