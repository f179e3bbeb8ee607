"""The console in a real browser, on a phone too: charts are drawn there, under the policy of the page."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert

from aftercart.campaigns.schema import Campaign
from aftercart.clock import SteppedClock
from aftercart.db.tables import (
    campaign_versions,
    cohort_days,
    counted_weeks,
    exposures,
    weekly_domains,
    weekly_pairs,
    weekly_sources,
)
from aftercart.testing import engine
from aftercart.web.app import create_web
from aftercart.web.server import serving
from tests.browser.axe import violations
from tests.browser.chromium import Page, Scheme, Screen
from tests.browser.test_pages import every_look
from tests.rows import MONDAY, Rows

pytestmark = pytest.mark.browser

PAGES = ("campaigns/accessories", "cohorts", "domains", "recommendations")

CUT_OFF = """[...document.querySelectorAll('.chart svg')].flatMap(chart => {
  const room = chart.getBoundingClientRect();
  const outside = (box) => box.left < room.left - 1 || box.right > room.right + 1;
  return [...chart.querySelectorAll('text')].filter(text => outside(text.getBoundingClientRect()))
    .map(text => text.textContent);
})"""
"""The words of charts that do not fit into them."""


@pytest.fixture
def console(tmp_path: Path) -> Iterator[str]:
    """Of a shop whose mails were counted; its address, with the password in it."""
    at = {"week": MONDAY.date(), "counted_at": MONDAY, "model": "20260302T000000Z-1a2b3c4d", "source": "lightfm"}
    at |= {"campaign": "accessories", "because": "BIKE", "sku": "LAMP", "basis": "mailed", "day": MONDAY.date()}
    counts = {"sent": 90, "mails": 400, "clicked": 5, "people": 4, "orders": 3, "refused": 1, "picks": 400, "hr10": 0.5}
    with engine(tmp_path, SteppedClock(MONDAY), admin_password="secret-enough") as app:
        rows = Rows(app.db)
        who = rows.recipient()
        rows.send(rows.order(who), who, MONDAY)
        with app.db.write() as connection:
            _try(connection, who)
            for table in (counted_weeks, weekly_pairs, weekly_sources, weekly_domains, cohort_days):
                row = {name: value for name, value in (at | counts | {"ndcg10": 0.25}).items() if name in table.c}
                empty = {name: "" for name in ("domain", "currency") if name in table.c}
                connection.execute(insert(table), row | empty)
            long = {"domain": "a-very-long-name-of-a-mailbox-provider.example.co.uk", "sent": 400}
            connection.execute(insert(weekly_domains), {"week": MONDAY.date(), **long})
            later = {"basis": "mailed", "week": MONDAY.date(), "currency": "EUR", "orders": 2, "revenue_minor": 9_900}
            connection.execute(insert(cohort_days), later | {"day": MONDAY.date().replace(day=12)})
        with serving(create_web(app)) as url:
            yield url.replace("://", "://x:secret-enough@") + "/admin"


def _try(connection: Connection, who: int) -> None:
    """An experiment whose names are as long as authors like them."""
    experiment = {"name": "which_subject", "variants": [{"id": "the_question_that_we_asked_last_year", "subject": "?"}]}
    step = {"id": "complements", "after": "3d", "template": "plain", "experiment": experiment}
    file = {"campaign": "accessories", "status": "active", "trigger": "order.completed", "steps": [step]}
    definition = Campaign.model_validate(file).definition()
    version = {"campaign": "accessories", "version": "v1", "definition": definition, "first_seen_at": MONDAY}
    connection.execute(insert(campaign_versions), version)
    drawn = {"experiment": "step:accessories/complements/which_subject@1", "recipient_id": who, "arm": "control"}
    connection.execute(insert(exposures), {**drawn, "config_hash": "v1", "at": MONDAY, "counted_at": MONDAY})


@every_look
def test_pages_with_charts_are_readable_and_complain_of_nothing(
    page: Page, console: str, screen: Screen, scheme: Scheme
) -> None:
    page.open(console, screen, scheme)
    assert page.faults() == []
    assert "What did accessories earn?" in page.words()
    for name in PAGES:
        page.open(f"{console}/{name}", screen, scheme)
        assert page.faults() == [], name
        bars = page.run("[...document.querySelectorAll('.chart svg')].map(chart => chart.clientWidth)")
        assert bars, f"{name} has no chart"
        assert all(200 < width < screen[0] for width in bars)
        assert page.run(CUT_OFF) == [], name
        assert violations(page) == [], name
