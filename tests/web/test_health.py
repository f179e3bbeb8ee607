import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.session import Database
from aftercart.db.tables import sends
from aftercart.delivery.limits.breaker import Sign
from aftercart.intake.signing import sign_generic
from aftercart.ledger import store as ledger
from aftercart.pipeline.sending.dispatch import dispatch
from aftercart.policy import store as policy
from aftercart.policy.guard import PauseScope
from aftercart.policy.store import Pause
from aftercart.queue import open_queue
from aftercart.recommendation import store
from aftercart.testing import GENERIC_SECRET, engine
from aftercart.web.app import create_web
from aftercart.web.server import serving
from tests.intake.payloads import body, generic_order
from tests.rows import Rows
from tests.web.conftest import NOW, Site


@contextmanager
def running(folder: Path) -> Iterator[App]:
    """An engine whose dispatcher has just run."""
    with engine(folder, SteppedClock(NOW)) as app:
        dispatch(app)
        yield app


@pytest.fixture
def site(site: Site) -> Site:
    """Its dispatcher has just run."""
    dispatch(site.app)
    return site


def samples(site: Site) -> dict[tuple[str, ...], float]:
    """By name and labels (in the order of their names); where there is no label, an empty one."""
    families = text_string_to_metric_families(site.client.get("/metrics").text)
    found = [sample for family in families for sample in family.samples]
    return {(sample.name, *(sample.labels.values() or ("",))): sample.value for sample in found}


def test_it_is_alive_and_ready(site: Site) -> None:
    assert site.client.get("/healthz").json() == {"status": "ok"}
    assert site.client.get("/readyz").json() == {"status": "ok"}


def test_without_its_database_it_is_alive_but_not_ready(tmp_path: Path) -> None:
    """And says nothing of where the database is or how one logs in."""
    with engine(tmp_path, SteppedClock(NOW)) as app:
        away = Database("postgresql://aftercart:secret@127.0.0.1:1/aftercart")
        with (
            serving(create_web(replace(app, db=away))) as url,
            httpx.Client(base_url=url, verify=False, timeout=30) as client,
        ):
            assert client.get("/healthz").status_code == 200
            answer = client.get("/readyz")
            assert client.get("/metrics").status_code == 503
        assert answer.status_code == 503
        assert answer.json()["status"] == "unavailable"
        assert "database" in answer.json()["amiss"]
        assert not [word for word in ("secret", "127.0.0.1", "aftercart:") if word in answer.text]
        away.close()


def amiss(client: httpx.Client) -> dict[str, str]:
    """What `/readyz` complains of though the doors are open."""
    plain, strict = client.get("/readyz"), client.get("/readyz", params={"strict": "1"})
    assert (plain.status_code, strict.status_code) == (200, 503)
    assert plain.json()["status"] == strict.json()["status"] == "degraded"
    found: dict[str, str] = plain.json()["amiss"]
    return found


def test_an_older_schema_closes_the_doors(site: Site) -> None:
    with site.app.db.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    answer = site.client.get("/readyz")
    assert answer.status_code == 503
    assert list(answer.json()["amiss"]) == ["database"]


def test_a_newer_schema_closes_no_door(site: Site) -> None:
    """While a new version is brought in, this process goes on to store webhooks (docs/deployment.md). A balancer that
    took it away would lose orders: not every shop sends again."""
    with site.app.db.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert "newer version" in amiss(site.client)["schema"]
    content = body(generic_order())
    headers = sign_generic(GENERIC_SECRET, "m", content, NOW)
    assert site.client.post("/webhooks/generic", content=content, headers=headers).status_code == 200


def test_a_broker_that_is_away_is_told_and_closes_no_door(tmp_path: Path) -> None:
    with (
        running(tmp_path) as app,
        closing(open_queue("redis://127.0.0.1:1/0")) as away,
        serving(create_web(replace(app, queue=away))) as url,
        httpx.Client(base_url=url, verify=False, timeout=30) as client,
    ):
        assert list(amiss(client)) == ["broker"]
        assert "aftercart_broker_up 0.0" in client.get("/metrics").text
        content = body(generic_order())
        headers = sign_generic(GENERIC_SECRET, "m", content, NOW)
        assert client.post("/webhooks/generic", content=content, headers=headers).status_code == 200


def test_a_name_server_that_hangs_holds_up_neither_webhooks_nor_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resolver has no time-out that one could set."""
    ends, asked, resolve = threading.Event(), threading.Event(), socket.getaddrinfo

    def hanging(host: Any, *words: Any, **more: Any) -> Any:
        if host == "broker.invalid":
            asked.set()
            ends.wait()
        return resolve(host, *words, **more)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    with (
        running(tmp_path) as app,
        closing(open_queue("redis://broker.invalid:6379/0")) as away,
        serving(create_web(replace(app, queue=away))) as url,
        httpx.Client(base_url=url, verify=False, timeout=30) as client,
    ):
        for number in range(3):
            content = body(generic_order(order_id=str(number)))
            headers = sign_generic(GENERIC_SECRET, f"m{number}", content, NOW)
            assert client.post("/webhooks/generic", content=content, headers=headers).status_code == 200
        assert asked.wait(30)
        assert amiss(client) == {"broker": "does not answer within 3 s"}
        ends.set()


def test_webhooks_that_nobody_takes_in_are_told(site: Site) -> None:
    content = body(generic_order())
    site.post("generic", sign_generic(GENERIC_SECRET, "m", content, NOW), content)
    assert site.client.get("/readyz").json() == {"status": "ok"}
    assert isinstance(site.app.clock, SteppedClock)
    site.app.clock.step(timedelta(seconds=90))
    dispatch(site.app)
    assert amiss(site.client) == {"inbox": "a webhook has waited for 90 s: do the workers read `ingest`?"}


def test_a_dispatcher_that_has_stopped_is_told(site: Site) -> None:
    assert isinstance(site.app.clock, SteppedClock)
    assert site.client.get("/readyz").json() == {"status": "ok"}
    site.app.clock.step(timedelta(minutes=5))
    told = "has not run for 300 s: do beat and a worker for `housekeeping` run?"
    assert amiss(site.client) == {"dispatcher": told}
    assert samples(site)["aftercart_dispatcher_seconds", ""] == 300
    dispatch(site.app)
    assert site.client.get("/readyz").json() == {"status": "ok"}


def test_mail_that_is_held_is_told(site: Site) -> None:
    with site.app.db.write() as connection:
        ledger.hold_all(connection, "this database is a copy", NOW)
    assert "aftercart resume" in amiss(site.client)["dispatcher"]
    assert samples(site)["aftercart_held", ""] == 1


def test_a_campaign_that_has_paused_itself_is_told(site: Site) -> None:
    with site.app.db.write() as connection:
        policy.keep_pauses(connection, [Pause(PauseScope.CAMPAIGN, "accessories", "too many complained", NOW)])
    said = "the campaign accessories has paused itself: too many complained; `aftercart resume accessories`"
    assert said in amiss(site.client)["guard"]
    assert 'aftercart_paused_itself{campaign="accessories"} 1.0' in site.client.get("/metrics").text


def test_mails_that_are_late_are_told(site: Site) -> None:
    """The dispatcher runs, and no worker takes what it hands out."""
    assert isinstance(site.app.clock, SteppedClock)
    rows = Rows(site.app.db)
    recipient = rows.recipient()
    send = rows.send(rows.order(recipient), recipient, None)
    due = {"state": "scheduled", "due_at": NOW, "wake_at": NOW, "valid_until": NOW + timedelta(days=3)}
    with site.app.db.write() as connection:
        connection.execute(update(sends).where(sends.c.id == send).values(due))
    site.app.clock.step(timedelta(minutes=15))
    dispatch(site.app)
    assert amiss(site.client) == {"sends": "mails are 15 minutes late"}
    assert samples(site)["aftercart_lateness_seconds", ""] == 900


def test_a_data_folder_that_cannot_be_written_closes_the_doors(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "a file in its place"
    file.touch()
    settings = site.app.settings.model_copy(update={"data_dir": file})
    with serving(create_web(replace(site.app, settings=settings))) as url:
        answer = httpx.get(f"{url}/readyz", timeout=30)
    assert answer.status_code == 503
    assert answer.json()["amiss"] == {"disk": "the data folder cannot be written: File exists"}


def test_metrics_count_what_waits_and_how_late_it_is(site: Site) -> None:
    content = body(generic_order())
    site.post("generic", sign_generic(GENERIC_SECRET, "m", content, NOW), content)
    assert isinstance(site.app.clock, SteppedClock)
    site.app.clock.step(timedelta(seconds=30))
    found = samples(site)
    assert found["aftercart_events", "waiting"] == 1
    assert found["aftercart_lateness_seconds", ""] == 0
    assert found["aftercart_inbox_oldest_seconds", ""] == 30
    assert found["aftercart_broker_up", ""] == 1
    assert ("aftercart_model_age_seconds", "") not in found
    assert found["aftercart_held", ""] == 0


def test_metrics_tell_how_sends_ended_how_fast_and_how_old_the_model_is(site: Site) -> None:
    rows = Rows(site.app.db)
    recipient = rows.recipient()
    for sent_at, reason in ((NOW, "sent"), (NOW - timedelta(hours=2), "sent"), (None, "provider_deferred")):
        send = rows.send(rows.order(recipient), recipient, sent_at)
        with site.app.db.write() as connection:
            connection.execute(update(sends).where(sends.c.id == send).values(reason=reason))
    with site.app.db.write() as connection:
        version = store.Version("v1", "checksum")
        trained_at = NOW - timedelta(days=2)
        store.add_version(connection, version, trained_at=trained_at, data_until=None, facts={}, serve=True)
    found = samples(site)
    assert found["aftercart_send_reasons", "sent", "sent"] == 2
    assert found["aftercart_send_reasons", "provider_deferred", "sending"] == 1
    assert found["aftercart_handed_over_total", ""] == 2
    assert found["aftercart_model_age_seconds", ""] == 2 * 86_400


def test_metrics_tell_that_all_mail_is_held(site: Site) -> None:
    with site.app.db.write() as connection:
        ledger.beat(connection, "elsewhere", 7, NOW)
        ledger.hold_all(connection, "this database is a copy", NOW)
    assert samples(site)["aftercart_held", ""] == 1


def test_metrics_show_a_sender_that_is_out_of_order(site: Site) -> None:
    for _ in range(5):
        site.app.traffic.report("recording", Sign.FAULT, "421 busy")
    page = site.client.get("/metrics").text
    assert 'aftercart_sender_up{sender="recording"} 0.0' in page
    assert 'aftercart_sender_faults{sender="recording"} 5.0' in page


def test_the_api_describes_itself(site: Site) -> None:
    described = site.client.get("/openapi.json").json()
    assert described["info"]["title"] == "Aftercart"
    assert {"/healthz", "/readyz", "/metrics", "/webhooks/{shop}", "/c/{token}", "/u/{token}"} <= set(
        described["paths"]
    )
    assert set(described["paths"]["/webhooks/{shop}"]["post"]["responses"]) >= {
        "200",
        "401",
        "404",
        "413",
        "422",
        "503",
    }
    assert site.client.get("/docs").status_code == 404


def test_there_is_nothing_at_other_addresses(site: Site) -> None:
    for path in ("/admin", "/webhooks", "/webhooks/", "/.env", "/c/", "/static/../.env"):
        assert site.client.get(path).status_code == 404
