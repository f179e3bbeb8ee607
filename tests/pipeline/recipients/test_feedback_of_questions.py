"""A mail that asks somebody to confirm their yes comes back, or its reader complains."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import update

from aftercart.bootstrap import App
from aftercart.db.tables import confirmations, consents, events, feedback
from aftercart.delivery.base import Outcome
from aftercart.pipeline import rights
from aftercart.reports.explain import explain
from aftercart.testing import run_until
from tests.cast import ADA, DAY, HOUR, MONDAY, answer, order, outbox, rows
from tests.feedback.services import Event
from tests.pipeline.recipients.mails_that_come_back import FULL, bounce, effects, hook, mail_sent, reasons, shop_told


@pytest.fixture
def asking(tmp_path: Path, database_url: str) -> Iterator[App]:
    """Where a new yes has to be confirmed."""
    with shop_told(tmp_path, database_url, brand="double_opt_in: true\n") as app:
        yield app


def asked(app: App) -> UUID:
    """Ada has got the mail that asks her; its id."""
    order(app, "1", ADA)
    run_until(app, MONDAY + HOUR)
    return outbox(app).messages[-1].send_id


def question(app: App) -> tuple[str, str | None]:
    (row,) = rows(app, confirmations)
    return row["state"], row["reason"]


def of_person(app: App) -> list[str]:
    with app.db.read() as connection:
        (person,) = explain(connection, str(ADA["email"])).people
    return [moment.sentence for moment in person.moments if moment.kind in ("confirmation", "feedback")]


def test_a_mail_that_asks_and_comes_back_ends_and_its_address_is_never_mailed_again(asking: App) -> None:
    send_id = asked(asking)
    assert asking.bounces is not None
    assert outbox(asking).messages[-1].bounce_to == asking.bounces.of(send_id)
    bounce(asking, send_id)
    bounce(asking, send_id)
    assert question(asking) == ("bounced", "hard_bounce")
    assert reasons(asking) == ["hard_bounce"]
    assert effects(asking) == ["bounced suppressed_hard_bounce"], "told twice, acted on once"
    assert of_person(asking) == [
        "The mail that asks them to confirm it came back.",
        "A mail to the bounce address told: the mail came back, there is no such address. "
        "The mail has bounced. The address is not mailed any more.",
    ]


@pytest.mark.parametrize(
    ("kind", "state", "suppressed"),
    [("delivered", "delivered", []), ("complaint", "complained", ["complaint"]), ("soft", "bounced", [])],
)
def test_a_mail_service_tells_of_a_mail_that_asks(asking: App, kind: str, state: str, suppressed: list[str]) -> None:
    hook(asking, "postmark", Event(kind, str(asked(asking)), words=FULL["diagnostic"]))
    assert question(asking)[0] == state
    assert reasons(asking) == suppressed


def test_what_is_told_to_have_arrived_was_in_doubt_no_longer(asking: App) -> None:
    outbox(asking).answers[str(ADA["email"])] = [answer(Outcome.UNKNOWN, "connection lost")]
    order(asking, "1", ADA)
    run_until(asking, MONDAY + HOUR)
    assert question(asking) == ("unknown", "unknown_outcome")
    hook(asking, "postmark", Event("delivered", str(rows(asking, confirmations)[0]["id"])))
    assert question(asking) == ("delivered", "delivered")
    run_until(asking, MONDAY + DAY)
    assert outbox(asking).messages == []


def test_a_mail_that_asks_counts_among_soft_bounces_in_a_row(asking: App) -> None:
    bounce(asking, asked(asking), **FULL)
    with asking.db.write() as connection:
        connection.execute(update(consents).values(state="granted"))
    bounce(asking, mail_sent(asking, "2"), **FULL)
    assert [effect.split()[1] for effect in effects(asking)] == ["soft_bounce_1", "soft_bounce_2"]


def test_a_late_report_about_who_was_erased_since_leaves_no_word_of_them(asking: App) -> None:
    send_id = asked(asking)
    rights.erase(asking, str(ADA["email"]))
    bounce(asking, send_id)
    kept = [row["body"] for row in rows(asking, events)]
    assert not [body for body in kept if str(ADA["email"]).encode() in body]
    assert [row["words"] for row in rows(asking, feedback)] == [""]
