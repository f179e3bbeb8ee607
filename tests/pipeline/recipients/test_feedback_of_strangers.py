"""Reports that name somebody of whom nothing else is on record, and who is forgotten."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from aftercart.bootstrap import App
from aftercart.db import inbox
from aftercart.db.tables import events
from aftercart.ids import new_id
from aftercart.pipeline import rights
from aftercart.pipeline.incoming.ingest import take_in
from aftercart.pipeline.recipients.collect import store_mails
from aftercart.pipeline.recipients.feedback import accept_webhook
from tests.cast import rows
from tests.feedback.letters import POISON_MAIL, POSTFIX, letter
from tests.feedback.services import HOOKS, Event
from tests.pipeline.recipients.mails_that_come_back import FORGERY, shop_told
from tests.rights.everywhere import everywhere

EVE = "eve+shop@example.com"
"""Of whom nothing else is on record."""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with shop_told(tmp_path, f"sqlite:///{tmp_path / 'aftercart.db'}") as app:
        yield app


def about_eve(app: App, name: str) -> None:
    """A report about a mail that we do not know: another program sends by the same account."""
    if name == "mail":
        store_mails(app, [letter(POSTFIX, to=FORGERY, return_path=FORGERY, recipient=EVE, original=EVE)])
    elif name == "a reply":
        store_mails(app, [f"From: Eve <{EVE.title()}>\nTo: bounces@shop.example\n\nThank you!\n".encode()])
    else:
        headers, body = HOOKS[name](Event("hard", str(new_id()), recipient=EVE, words=f"550 no {EVE}"))
        with app.inbox_db.write() as connection:
            inbox.store(connection, [accept_webhook(app.services[name], headers, body, app.clock())])
    take_in(app)


def names_eve(app: App) -> list[str]:
    return [
        place
        for place, text in everywhere(app)
        if "eve+shop@" in unquote(text).lower() or "eve%2bshop" in unquote(text).lower()
    ]


@pytest.mark.parametrize("name", ["mail", "a reply", *HOOKS])
def test_a_report_about_a_mail_that_is_not_ours_is_emptied_with_whom_it_names(app: App, name: str) -> None:
    about_eve(app, name)
    assert names_eve(app)
    rights.erase(app, EVE)
    assert names_eve(app) == []


@pytest.mark.parametrize("name", ["mail", "a reply", *HOOKS])
def test_one_that_comes_after_they_were_forgotten_is_kept_empty(app: App, name: str) -> None:
    rights.erase(app, EVE)
    about_eve(app, name)
    assert names_eve(app) == []


def test_what_nobody_can_read_is_kept_empty_too_where_it_names_them(app: App) -> None:
    rights.erase(app, EVE)
    store_mails(app, [f"From: {EVE}\n".encode() + POISON_MAIL])
    take_in(app)
    assert names_eve(app) == []
    assert [row["state"] for row in rows(app, events)] == ["ignored"]
