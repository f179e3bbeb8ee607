"""The console: who may enter, and whether the question that brings somebody here is answered in one click."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from aftercart.clock import SteppedClock
from aftercart.db.tables import picks, sends
from aftercart.exchange.rates import Rate, table
from aftercart.exchange.store import keep
from aftercart.pipeline.learning.weeks import count_weeks
from aftercart.pipeline.upkeep.guard import resume
from aftercart.policy.guard import PauseScope
from aftercart.policy.store import Pause, keep_pauses
from aftercart.testing import engine, run_until
from aftercart.web.app import create_web
from aftercart.web.server import serving
from tests.cast import ADA, DAY, MONDAY, Shop, campaign, click, customer, order, outbox
from tests.rows import Rows

PASSWORD = "correct horse battery"


@pytest.fixture
def console(tmp_path: Path) -> Iterator[httpx.Client]:
    """Of a shop with a campaign that holds out half of its people; Ada clicked and ordered again."""
    shop = Shop(tmp_path / "shop").write(campaign(holdout="50%"))
    with engine(tmp_path / "data", SteppedClock(MONDAY), admin_password=PASSWORD, **shop.files) as app:
        for number in range(12):
            order(app, str(number), customer(number))
        order(app, "ada", ADA)
        run_until(app, MONDAY + 4 * DAY)
        message = outbox(app).messages[0]
        click(app, message)
        with serving(create_web(app)) as url, httpx.Client(base_url=url, verify=False, timeout=30) as client:
            yield client


def test_what_a_campaign_earned_is_one_click_away(console: httpx.Client) -> None:
    overview = console.get("/admin", auth=("anybody", PASSWORD))
    assert overview.status_code == 200
    (link,) = re.findall(r'href="(/admin/campaigns/[^"]+)">What did accessories earn\?', overview.text)
    page = console.get(link, auth=("anybody", PASSWORD)).text
    assert "What did accessories earn?" in page
    assert "Too early to say" in page
    assert "to measure what the mails really earn" in page, "why mails did not go: the holdout"
    assert re.search(r"As of 2026-03-06 \d\d:\d\d UTC", page)


def test_a_slash_behind_the_address_of_the_console_does_no_harm(console: httpx.Client) -> None:
    assert "What did accessories earn?" in console.get("/admin/", auth=("anybody", PASSWORD)).text


def test_a_page_loads_nothing_and_may_not_be_framed_or_kept(console: httpx.Client) -> None:
    page = console.get("/admin/campaigns/accessories", auth=("anybody", PASSWORD))
    assert not re.search(r'(src|href)="(?!/admin)', page.text)
    for script in set(re.findall(r'src="([^"]+)"', page.text)):
        assert console.get(script).status_code == 401
        assert "javascript" in console.get(script, auth=("anybody", PASSWORD)).headers["content-type"]
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert "ada@example.com" not in page.text


@pytest.mark.parametrize(
    "authorization", ["", "Basic", "Basic !", "Basic Zm9v", "Bearer x", "Basic OmNvcnJlY3QgaG9yc2U=", "Basic /w=="]
)
def test_nobody_enters_without_the_password(console: httpx.Client, authorization: str) -> None:
    headers = {"authorization": authorization} if authorization else {}
    for path in ("/admin", "/admin/campaigns/accessories"):
        answer = console.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic")
        assert "accessories" not in answer.text


def test_where_no_password_is_set_there_is_no_console(tmp_path: Path) -> None:
    with (
        engine(tmp_path, SteppedClock(MONDAY)) as app,
        serving(create_web(app)) as url,
        httpx.Client(base_url=url, verify=False, timeout=30) as client,
    ):
        for path in ("/admin", "/admin/campaigns/accessories"):
            assert client.get(path, auth=("anybody", "")).status_code == 404


def test_of_a_campaign_that_does_not_exist_nothing_is_told(console: httpx.Client) -> None:
    assert console.get("/admin/campaigns/nothing", auth=("anybody", PASSWORD)).status_code == 404


def test_what_came_of_mails_is_told_week_by_week_in_the_currency_that_one_chooses(tmp_path: Path) -> None:
    with engine(tmp_path, SteppedClock(MONDAY), admin_password=PASSWORD) as app:
        with app.db.write() as connection:
            keep(connection, table("EUR", [Rate("USD", (MONDAY - 9 * DAY).date(), Decimal("0.5"))]), MONDAY)
        story = Rows(app.db)
        who = story.recipient()
        sent = story.send(story.order(who), who, MONDAY - DAY)
        with app.db.write() as connection:
            pick = {"send_id": sent, "slot": 1, "sku": "LAMP", "title": "Lamp", "because": "BIKE", "source": "lightfm"}
            connection.execute(picks.insert(), pick | {"score": 1.0, "evidence": {}})
        story.order(who, MONDAY - 0.9 * DAY, total_minor=3_000, currency="USD")
        count_weeks(app)
        with (
            serving(create_web(app)) as url,
            httpx.Client(base_url=url, verify=False, timeout=30, auth=("x", PASSWORD)) as client,
        ):
            overview = client.get("/admin").text
            links = re.findall(r'href="(/admin/[a-z]+)"', overview)
            pages = {path: client.get(path).text for path in links}
            apart = client.get("/admin/cohorts?in=").text
            unknown = client.get("/admin/cohorts?in=SEK")
    assert sorted(pages) == ["/admin/cohorts", "/admin/domains", "/admin/recommendations"]
    assert "€15.00" in pages["/admin/cohorts"]
    assert "converted by the rates" in pages["/admin/cohorts"]
    assert "$30.00" in apart
    assert 'href="/admin?in="' in apart, "the choice goes along to the next page"
    assert unknown.status_code == 404
    assert "small domains" in pages["/admin/domains"]
    assert "chosen by the model" in pages["/admin/recommendations"]
    assert all("ada@example.com" not in page for page in pages.values())


def test_one_complaint_is_told_in_the_singular(tmp_path: Path) -> None:
    with engine(tmp_path, SteppedClock(MONDAY + DAY), admin_password=PASSWORD) as app:
        who = Rows(app.db).recipient()
        send_id = Rows(app.db).send(Rows(app.db).order(who), who, MONDAY)
        with app.db.write() as connection:
            connection.execute(update(sends).where(sends.c.id == send_id).values(state="complained"))
        with serving(create_web(app)) as url, httpx.Client(base_url=url, verify=False, timeout=30) as client:
            page = client.get("/admin/campaigns/accessories", auth=("anybody", PASSWORD)).text
    assert "0 came back, 1 was called spam." in page


def test_an_experiment_and_the_holdout_of_all_mail_are_told(tmp_path: Path) -> None:
    tried = 'experiment: {name: subject, people: 500, variants: [{id: b, subject: "B"}]}'
    file = campaign().replace("template: plain}", f"template: plain, {tried}}}")
    shop = Shop(tmp_path / "shop").write(file, brand="holdout: 30%\n")
    with engine(tmp_path / "data", SteppedClock(MONDAY), admin_password=PASSWORD, **shop.files) as app:
        for number in range(8):
            order(app, str(number), customer(number))
        run_until(app, MONDAY + 24 * DAY)
        with serving(create_web(app)) as url, httpx.Client(base_url=url, verify=False, timeout=30) as client:
            overview = client.get("/admin", auth=("anybody", PASSWORD)).text
            page = client.get("/admin/campaigns/accessories", auth=("anybody", PASSWORD)).text
    assert "All campaigns together" in overview
    assert "Each group needs at least 30" in overview
    assert "Experiment subject in complements" in page
    assert "b: too few people to say anything" in page
    assert "planned for 500" in page


def test_the_console_says_which_campaigns_write_to_nobody_and_why(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop").write(campaign(), campaign("news", status="draft"))
    before, of_a_draft = _read(shop, tmp_path, "/admin"), _read(shop, tmp_path, "/admin/campaigns/news")
    after = _read(shop.write(campaign(status="paused"), brand="paused: true\n"), tmp_path, "/admin")
    assert "A draft: it writes to nobody." in before
    assert before.count("Nobody is held out yet") == 1, "of a draft there is nothing to compare"
    assert "A draft: it writes to nobody." in of_a_draft
    assert "Nobody is held out yet" not in of_a_draft
    assert "<code>holdout: 10%</code>" in before
    assert "Paused by its file" not in before
    assert "Paused by its file: its mails wait until they expire." in after
    assert "All sending is switched off" not in before
    assert "All sending is switched off: <code>paused: true</code> in <code>brand.yaml</code>." in after


def _read(shop: Shop, folder: Path, path: str) -> str:
    with (
        engine(folder / "data", SteppedClock(MONDAY), admin_password=PASSWORD, **shop.files) as app,
        serving(create_web(app)) as url,
        httpx.Client(base_url=url, auth=("", PASSWORD), timeout=30) as client,
    ):
        return client.get(path).text


@pytest.mark.parametrize("path", ["/admin", "/admin/campaigns/accessories", "/admin/domains"])
def test_what_has_paused_itself_is_said_on_every_page_at_once_until_somebody_lets_it_go_on(
    tmp_path: Path, path: str
) -> None:
    files = Shop(tmp_path / "shop").write(campaign()).files
    with engine(tmp_path / "data", SteppedClock(MONDAY), admin_password=PASSWORD, **files) as app:
        of_all = Pause(PauseScope.BRAND, "", "complaints came to 2%, and the limit is 0.1%", MONDAY)
        of_one = Pause(PauseScope.CAMPAIGN, "accessories", "unsubscribes came to 4%, and the limit is 1%", MONDAY)
        with serving(create_web(app)) as url, httpx.Client(base_url=url, auth=("", PASSWORD), timeout=30) as client:
            before = client.get(path).text
            with app.db.write() as connection:
                keep_pauses(connection, [of_all, of_one])
            paused = client.get(path).text
            for name in (None, "accessories"):
                resume(app, name, by="Grace")
            after = client.get(path).text
    assert "paused itself" not in before + after
    assert "All mail has paused itself: complaints came to 2%, and the limit is 0.1%." in paused
    assert "<code>aftercart resume --brand</code>" in paused
    assert "The campaign accessories has paused itself: unsubscribes came to 4%, and the limit is 1%." in paused
    assert "<code>aftercart resume accessories</code>" in paused
    assert paused.count("Its mails have waited since 2026-03-02 ") == 2
