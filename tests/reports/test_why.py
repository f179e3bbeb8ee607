"""Why did I get this, and `explain`: on which yes a mail rests, for somebody whose address at the shop changed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.consent.statement import Basis
from aftercart.db.tables import sends
from aftercart.reports.explain import explain
from aftercart.reports.why import Why, why
from aftercart.testing import engine, run_until
from tests.cast import ADA, DAY, MONDAY, Shop, campaign, clock_of, order, outbox, rows, tell

NEW = "ada.new@example.com"
SILENT = {name: value for name, value in ADA.items() if name != "accepts_marketing"}


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    files = Shop(tmp_path).write(campaign()).files
    with engine(tmp_path / "data", SteppedClock(MONDAY), database_url=database_url, **files) as app:
        yield app


def why_of_the_mail_to(app: App, email: str) -> Why:
    assert [message.recipient for message in outbox(app).messages] == [email]
    (send,) = (send for send in rows(app, sends) if send["state"] == "sent")
    with app.db.read() as connection:
        found = why(connection, send["recipient_id"], send["id"])
    assert found is not None
    return found


def test_a_mail_to_the_new_address_rests_on_the_yes_that_came_along(app: App) -> None:
    """Also once the record has gone on to a third address."""
    said = {**ADA, "consent": {"basis": "express"}, "consent_at": MONDAY.isoformat()}
    tell(app, "customer.updated", said)
    clock_of(app).step(DAY)
    tell(app, "customer.updated", {**SILENT, "email": NEW})
    order(app, "1", {**SILENT, "email": NEW})
    run_until(app, MONDAY + 9 * DAY)
    for _ in range(2):
        yes = why_of_the_mail_to(app, NEW).consent
        assert yes is not None
        assert (yes.at, yes.basis) == (MONDAY, Basis.EXPRESS)
        tell(app, "customer.updated", {**SILENT, "email": "ada.third@example.com"})


def test_a_yes_that_a_no_at_the_other_address_ended_is_not_what_it_rests_on(app: App) -> None:
    confirmed = {"consent": {"basis": "double_opt_in"}, "consent_at": (MONDAY - 2 * DAY).isoformat()}
    tell(app, "customer.updated", {**ADA, "email": NEW, **confirmed})
    tell(app, "customer.updated", {**SILENT, "accepts_marketing": False, "consent_at": (MONDAY - DAY).isoformat()})
    tell(
        app,
        "customer.updated",
        {**ADA, "email": NEW, "consent": {"basis": "express"}, "consent_at": MONDAY.isoformat()},
    )
    order(app, "1", {**SILENT, "email": NEW})
    run_until(app, MONDAY + 9 * DAY)
    yes = why_of_the_mail_to(app, NEW).consent
    assert yes is not None
    assert (yes.at, yes.basis) == (MONDAY, Basis.EXPRESS)


def test_explain_tells_what_was_said_under_each_address_of_a_person(app: App) -> None:
    """A mail to the one rests on the yes of the other, or does not go for its no."""
    tell(app, "customer.updated", ADA)
    tell(app, "customer.updated", {**SILENT, "email": NEW})
    with app.db.read() as connection:
        told = explain(connection, NEW).people
    assert [story.email for story in told] == [ADA["email"]]
    assert "granted" in told[0].moments[0].sentence
