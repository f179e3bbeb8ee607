"""Each import contract breaks over what it forbids: all of that is planted in one copy of the code, and told."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.deployment import BIN

ROOT = Path(__file__).parent.parent
PLANTS: Mapping[str, Sequence[tuple[str, str]]] = {
    "imports point down the house and never up": [
        ("aftercart.policy.decision", "aftercart.pipeline.sending.send"),
        ("aftercart.delivery.smtp.sender", "aftercart.rendering.renderer"),
        ("aftercart.money", "aftercart.campaigns.schema"),
    ],
    "and so they do within the story": [
        ("aftercart.pipeline.planning.enroll", "aftercart.pipeline.sending.send"),
        ("aftercart.pipeline.recipients.record", "aftercart.pipeline.incoming.ingest"),
    ],
    "and within the room of mails": [
        ("aftercart.rendering.running.runtime", "aftercart.rendering.compiling.compiler"),
        ("aftercart.rendering.compiling.engine", "aftercart.rendering.renderer"),
    ],
    "and within the room of picks": [
        ("aftercart.recommendation.ranking.scoring", "aftercart.recommendation.learning.tuning"),
        ("aftercart.recommendation.inputs.catalog", "aftercart.recommendation.asking.request"),
    ],
    "the workers stand below the commands that start them": [("workers.tasks", "aftercart.demo.run")],
    "and above the rest of the engine": [("aftercart.web.app", "workers.embedded"), ("aftercart.starter", "workers")],
    "Celery stays in workers and queue": [("aftercart.ledger.states", "celery"), ("aftercart.cli.serve", "kombu")],
    "the web framework stays in web": [
        ("aftercart.queue.port", "fastapi"),
        ("workers.app", "starlette"),
        ("aftercart.bootstrap", "uvicorn"),
    ],
    "LightFM stays in recommendation, and arrays there and in statistics": [
        ("aftercart.ledger.states", "numpy"),
        ("aftercart.cli.recommend", "scipy"),
        ("aftercart.bootstrap", "lightfm"),
    ],
    "Jinja and MJML stay in rendering": [
        ("aftercart.web.app", "mjml"),
        ("aftercart.ledger.states", "jinja2"),
        ("aftercart.reports.explain", "markupsafe"),
    ],
    "in a room only store touches the database": [
        ("aftercart.policy.quiet_hours", "sqlalchemy"),
        ("aftercart.intake.shopify", "aftercart.db.tables"),
        ("aftercart.web.webhooks", "aftercart.db.session"),
        ("aftercart.campaigns.schema", "sqlmodel"),
        ("workers.tasks", "alembic"),
    ],
    "rooms get values, not settings": [
        ("aftercart.rendering.renderer", "aftercart.settings"),
        ("aftercart.pipeline.sending.send", "aftercart.settings"),
        ("aftercart.web.app", "aftercart.settings"),
    ],
    "the environment is read in one place": [
        ("aftercart.policy.decision", "pydantic_settings"),
        ("aftercart.cli.serve", "dotenv"),
    ],
    "Django and Anymail stay where mail services are spoken to": [
        ("aftercart.delivery.smtp.sender", "requests"),
        ("aftercart.pipeline.recipients.feedback", "anymail"),
        ("aftercart.web.webhooks", "django"),
    ],
    "OpenTelemetry stays in tracing": [("aftercart.web.webhooks", "opentelemetry")],
    "public holidays are known in one place": [("aftercart.policy.send_times", "holidays")],
    "LMTP is spoken in one place": [("aftercart.feedback.mail", "aiosmtpd"), ("aftercart.cli.feedback", "aiosmtpd")],
}
NEW_ROOM = "aftercart.utils"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `lint-imports` says of a copy of the code with all plants in it."""
    copy = tmp_path_factory.mktemp("contracts")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for package in ("aftercart", "workers"):
        for file in (ROOT / package).rglob("*.py"):
            target = copy / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    for importer, imported in (plant for plants in PLANTS.values() for plant in plants):
        with (copy / f"{importer.replace('.', '/')}.py").open("a") as file_:
            file_.write(f"\nimport {imported}\n")
    (copy / f"{NEW_ROOM.replace('.', '/')}.py").touch()
    ran = subprocess.run(
        [str(BIN / "lint-imports"), "--no-cache"],
        cwd=copy, env={"PYTHONPATH": str(copy), "COLUMNS": "300"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 1, ran.stderr
    return ran.stdout


def test_every_contract_is_put_to_the_proof() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert [contract["name"] for contract in contracts] == list(PLANTS)


@pytest.mark.parametrize("contract", PLANTS)
def test_a_forbidden_import_breaks_its_contract(told: str, contract: str) -> None:
    _, *titled = re.split(r"^(.+)\n-{5,}\n", told, flags=re.MULTILINE)
    sections = dict(zip(titled[::2], titled[1::2], strict=True))
    for importer, imported in PLANTS[contract]:
        assert f"{importer} -> {imported} " in sections[contract]


def test_a_room_without_a_place_in_the_house_is_told(told: str) -> None:
    assert f"- {NEW_ROOM}" in told
