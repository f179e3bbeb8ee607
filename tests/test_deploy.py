"""What lies under deploy/ fits the code: commands, queues, settings and metrics are those that there are."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from aftercart.clock import SteppedClock
from aftercart.pipeline.sending.dispatch import dispatch
from aftercart.queue.port import QUEUE_OF
from aftercart.recommendation import store
from aftercart.settings import PREFIX, Settings
from aftercart.testing import engine
from aftercart.web.metrics import Metrics
from tests.rows import MONDAY

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def read_yaml(file: Path) -> Any:
    return YAML(typ="safe").load(file.read_text(encoding="utf-8"))


@pytest.fixture
def compose() -> Any:
    return read_yaml(DEPLOY / "compose.yaml")


@pytest.fixture
def metrics(tmp_path: Path) -> set[str]:
    """The names that Prometheus is told."""
    with engine(tmp_path, SteppedClock(MONDAY)) as app:
        with app.db.write() as connection:
            version = store.Version("v1", "checksum")
            store.add_version(connection, version, trained_at=MONDAY, data_until=None, facts={}, serve=True)
        dispatch(app)
        return set(re.findall(r"^# HELP (\w+)", Metrics(app).page().decode(), re.MULTILINE))


def _words(service: Any) -> str:
    return " ".join(service.get("command", []))


def test_every_setting_that_is_passed_is_one(compose: Any) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    texts = [(DEPLOY / name).read_text() for name in ("compose.yaml", "env.example")]
    texts += [file.read_text() for file in UNITS]
    texts += [(ROOT / "docs" / name).read_text() for name in ("deployment.md", "monitoring.md")]
    named = {name for text in texts for name in re.findall(rf"{PREFIX}[A-Z][A-Z_]*[A-Z]", text)}
    assert named - known == set()
    assert compose["services"]["web"]["environment"].keys() & known


def test_every_queue_is_read_by_a_worker(compose: Any) -> None:
    commands = [_words(service) for service in compose["services"].values()]
    read = {queue for words in commands for found in re.findall(r"-Q (\S+)", words) for queue in found.split(",")}
    assert read == set(QUEUE_OF.values())
    told = (ROOT / "docs" / "deployment.md").read_text()
    for place in ("ARGUMENTS=", "`celery -A workers worker "):  # of systemd, and in the table of parts
        named = {queue for found in re.findall(rf"{place}-Q (\S+)", told) for queue in found.split(",")}
        assert named == set(QUEUE_OF.values())


def test_no_work_waits_for_that_of_another_queue(compose: Any) -> None:
    """A mail service that is silent holds `settle` up for half an hour, and a flood of orders `ingest` for minutes."""
    texts = [_words(service) for service in compose["services"].values()]
    texts.append((ROOT / "docs" / "deployment.md").read_text())
    read = [queues for text in texts for queues in re.findall(r"-Q (\S+)", text)]
    assert [queues for queues in read if "," in queues] == []


def test_every_setting_reaches_every_process(compose: Any) -> None:
    """One that is written into `.env` and left out on the way does nothing, and nobody is told."""
    ours = [service for service in compose["services"].values() if service["image"] == "aftercart"]
    assert {service.get("env_file") for service in ours} == {".env"}


def test_whose_address_it_is_comes_from_the_proxy_and_from_nobody_else(compose: Any) -> None:
    """A port that is published shows the container the address of its network's gateway, for every visitor the same:
    limits would be shared by all, and the evidence of every consent would name the gateway."""
    default = compose["services"]["web"]["environment"]["FORWARDED_ALLOW_IPS"]
    proxies = default.removeprefix("${FORWARDED_ALLOW_IPS:-").removesuffix("}")
    assert _seen("172.18.0.1", "198.51.100.7, 203.0.113.9", proxies) == "203.0.113.9", "what the visitor wrote is first"
    assert _seen("198.51.100.7", "203.0.113.9", proxies) == "198.51.100.7"


def _seen(peer: str, forwarded_for: str, proxies: str) -> str:
    """Whom the web app takes a visitor for."""
    seen = []

    async def app(scope: Any, _: Any, __: Any) -> None:
        seen.append(scope["client"][0])

    headers = [(b"x-forwarded-for", forwarded_for.encode())]
    scope: Any = {"type": "http", "client": (peer, 1234), "headers": headers}
    unused: Any = None
    asyncio.run(ProxyHeadersMiddleware(app, proxies)(scope, unused, unused))
    return str(seen[0])


def test_the_schema_comes_before_everything_that_needs_it(compose: Any) -> None:
    services = compose["services"]
    ours = {name: service for name, service in services.items() if service["image"] == "aftercart"}
    assert "db upgrade" in _words(ours.pop("schema"))
    for service in ours.values():
        assert service["depends_on"]["schema"] == {"condition": "service_completed_successfully"}
    assert {"web", "beat", "database", "broker"} <= services.keys()
    assert all("healthcheck" in services[name] for name in ("database", "broker", "deliver", "ingest", "train"))


def test_a_worker_is_given_the_time_that_a_batch_may_take(compose: Any) -> None:
    """`HOLD` and a mail; see docs/deployment.md."""
    assert compose["services"]["deliver"]["stop_grace_period"] == "90s"
    worker = (DEPLOY / "systemd" / "aftercart-worker@.service").read_text()
    assert "TimeoutStopSec=90" in worker
    assert "KillMode=mixed" in worker


def test_what_a_unit_says_to_read_is_put_there() -> None:
    named = {line for unit in UNITS for line in unit.read_text().splitlines() if line.startswith("Documentation=")}
    assert named == {"Documentation=file:///opt/aftercart/docs/deployment.md"}
    assert "cp -r docs /opt/aftercart/" in (ROOT / "docs" / "deployment.md").read_text()


def test_every_unit_is_shut_in() -> None:
    assert len(UNITS) == 3
    for unit in UNITS:
        text = unit.read_text()
        for wanted in ("User=aftercart", "ProtectSystem=strict", "NoNewPrivileges=yes", "CapabilityBoundingSet=\n"):
            assert wanted in text, unit


def test_the_image_runs_as_nobody_special_and_tells_how_it_is() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    instructions = [line.split(" ")[0] for line in lines if line[:1].isupper()]
    assert instructions.count("FROM") == 2
    assert "USER 10001" in lines
    assert "HEALTHCHECK" in instructions
    copied = {
        word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]
    }
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {f"!{name}" for name in copied} == {line for line in ignored if line.startswith("!")}
    assert all((ROOT / name).exists() for name in copied)


def _asked_for() -> Iterator[str]:
    for group in read_yaml(DEPLOY / "monitoring" / "alerts.yaml")["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for panel in json.loads((DEPLOY / "monitoring" / "dashboard.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def test_alerts_and_dashboard_ask_for_what_is_told_and_the_docs_name_all_of_it(metrics: set[str]) -> None:
    asked = {name for expression in _asked_for() for name in re.findall(r"aftercart_\w+", expression)}
    assert asked <= metrics
    table = re.findall(r"^\| `(aftercart_\w+)`", (ROOT / "docs" / "monitoring.md").read_text(), re.MULTILINE)
    assert set(table) == metrics


def test_reasons_in_alerts_are_reasons() -> None:
    from aftercart.policy.reason import Reason

    asked = {name for expression in _asked_for() for name in re.findall(r'reason="(\w+)"', expression)}
    assert asked <= set(Reason)
