"""The picture of a mail: answered at once, counted behind its reader's back, and only where the shop chose so."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import opens, sends
from aftercart.pipeline import rights
from aftercart.reports.earned import report_on
from aftercart.reports.earned.words import opened
from aftercart.testing import engine
from aftercart.tracking.tokens import Purpose
from aftercart.web.app import create_web
from aftercart.web.server import serving
from tests.rows import MONDAY, Rows
from tests.web.conftest import lock_held

APPLE, IPHONE = "Mozilla/5.0", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with engine(tmp_path, SteppedClock(MONDAY + timedelta(hours=1))) as app:
        yield app


def fetched(app: App, *fetches: tuple[str, str]) -> list[httpx.Response]:
    """Pictures (token, agent) are fetched, while the database is busy."""
    with (
        serving(create_web(app)) as url,
        httpx.Client(base_url=url, verify=False, timeout=30) as client,
        lock_held(app.db),
    ):
        return [client.get(f"/o/{token}", headers={"user-agent": agent}) for token, agent in fetches]


def test_opens_are_counted_once_each_and_machines_apart(app: App) -> None:
    rows = Rows(app.db)
    people = [rows.recipient(f"p{number}@example.com") for number in range(2)]
    mails = [rows.send(rows.order(person), person) for person in people]
    ada, ben = (app.tokens.page(Purpose.OPEN, *one) for one in zip(people, mails, strict=True))
    answers = fetched(app, (ada, APPLE), (ada, IPHONE), (ada, IPHONE), (ben, APPLE))
    assert {
        (a.status_code, a.headers["content-type"], a.headers["cache-control"], len(a.content)) for a in answers
    } == {(200, "image/gif", "no-store, private", 42)}
    kept = [(row["send_id"], row["verdict"], row["reason"]) for row in rows.all(opens)]
    assert sorted(kept) == sorted(
        [
            (mails[0], "machine", "apple_proxy"),
            (mails[0], "human", "looks_human"),
            (mails[1], "machine", "apple_proxy"),
        ]
    )
    with app.db.read() as connection:
        told = report_on(connection, "accessories", "EUR", MONDAY + timedelta(days=1)).total
    assert (told.opened, told.opened_unread) == (1, 1)
    assert "1 mail seems to have been opened. Of 1 more only machines" in opened(told)


def test_another_token_and_somebody_elses_mail_count_nothing(app: App) -> None:
    rows = Rows(app.db)
    ada, ben = rows.recipient("ada@example.com"), rows.recipient("ben@example.com")
    mail = rows.send(rows.order(ada), ada)
    wrong = (app.tokens.link(mail, 0), app.tokens.page(Purpose.UNSUBSCRIBE, ada, mail), "nonsense")
    assert {answer.status_code for answer in fetched(app, *((token, IPHONE) for token in wrong))} == {404}
    fetched(app, (app.tokens.page(Purpose.OPEN, ben, mail), IPHONE))
    assert rows.all(opens) == []


def test_a_mail_in_doubt_has_arrived_when_its_picture_is_fetched(app: App) -> None:
    rows = Rows(app.db)
    ada = rows.recipient()
    mail = rows.send(rows.order(ada), ada)
    with app.db.write() as connection:
        connection.execute(sends.update().values(state="unknown", reason="unknown_outcome"))
    fetched(app, (app.tokens.page(Purpose.OPEN, ada, mail), APPLE))
    assert [row["state"] for row in rows.all(sends)] == ["delivered"]
    assert rights.export(app, "ada@example.com") is not None
