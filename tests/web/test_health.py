from dataclasses import replace
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from aftercart.clock import SteppedClock
from aftercart.db.session import Database
from aftercart.delivery.base import Outcome, Receipt
from aftercart.ids import new_id
from aftercart.intake.signing import sign_generic
from aftercart.testing import GENERIC_SECRET, engine
from aftercart.web.app import create_web
from aftercart.web.server import serving
from tests.intake.payloads import body, generic_order
from tests.web.conftest import NOW, Site


def samples(site: Site) -> dict[tuple[str, str], float]:
    families = text_string_to_metric_families(site.client.get("/metrics").text)
    return {
        (sample.name, sample.labels.get("state", "")): sample.value for family in families for sample in family.samples
    }


def test_it_is_alive_and_ready(site: Site) -> None:
    assert site.client.get("/healthz").json() == {"status": "ok"}
    assert site.client.get("/readyz").json() == {"status": "ok"}


def test_without_its_database_it_is_alive_but_not_ready(tmp_path: Path) -> None:
    """And says nothing of where the database is or how one logs in."""
    with engine(tmp_path, SteppedClock(NOW)) as app:
        away = Database("postgresql://aftercart:secret@127.0.0.1:1/aftercart")
        with serving(create_web(replace(app, db=away))) as url, httpx.Client(base_url=url, verify=False) as client:
            assert client.get("/healthz").status_code == 200
            answer = client.get("/readyz")
            assert client.get("/metrics").status_code == 503
        assert answer.status_code == 503
        assert answer.json() == {"status": "unavailable"}
        away.close()


def test_metrics_count_what_waits_and_how_late_it_is(site: Site) -> None:
    content = body(generic_order())
    site.post("generic", sign_generic(GENERIC_SECRET, "m", content, NOW), content)
    found = samples(site)
    assert found["aftercart_events", "waiting"] == 1
    assert found["aftercart_lateness_seconds", ""] == 0


def test_metrics_show_a_sender_that_is_out_of_order(site: Site) -> None:
    away = Receipt(new_id(), Outcome.DEFERRED, "421 busy", code=421, fault_is_ours=True)
    for _ in range(5):
        site.app.traffic.report("recording", away)
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
