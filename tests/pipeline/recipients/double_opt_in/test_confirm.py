"""Double opt-in: a new yes waits for its confirmation."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from aftercart.bootstrap import App
from aftercart.db.tables import confirmations, consents, preferences, recipients, sends, suppressions
from aftercart.delivery.base import Go, Message, Receipt
from aftercart.ledger import store as ledger
from aftercart.pipeline import rights
from aftercart.pipeline.incoming.ingest import take_in
from aftercart.pipeline.recipients.confirm import ask
from aftercart.pipeline.sending.dispatch import dispatch
from aftercart.pipeline.watch import resume
from aftercart.policy.store import suppress
from aftercart.policy.suppression import SuppressionReason, SuppressionScope
from aftercart.testing import RecordingSender, run_until
from aftercart.web.app import create_web
from aftercart.web.server import serving
from tests.cast import (
    ADA,
    BEN,
    DAY,
    HOUR,
    MONDAY,
    Shop,
    clock_of,
    fates,
    leave,
    only_send,
    order,
    outbox,
    rows,
    tell,
)

EMAIL = str(ADA["email"])
DUE = MONDAY + 3 * DAY
MAY, NO_MORE = "Example Bikes peut vous écrire.", "Ce lien n’est plus valable"
"""What a page says to Ada, who reads French."""


def states(app: App) -> list[str]:
    return [row["state"] for row in rows(app, consents)]


def path_in(html: str) -> str:
    found = re.search(r"/y/[A-Za-z0-9_.\-]+", html)
    assert found
    return found[0]


def page_at(app: App, method: str, path: str) -> httpx.Response:
    with serving(create_web(app)) as url, httpx.Client(base_url=url, timeout=30) as client:
        return client.request(method, path)


def visit(app: App, method: str, path: str) -> int:
    return page_at(app, method, path).status_code


def confirm(app: App, number: int = -1) -> int:
    return visit(app, "POST", path_in(outbox(app).mails_to(EMAIL)[number].html))


def test_who_agrees_is_asked_once_and_gets_marketing_only_after_their_yes(app: App) -> None:
    """T29: confirm once -> active, 0 further mails."""
    order(app, "1", ADA)
    order(app, "2", ADA)
    run_until(app, MONDAY + HOUR)
    (asked,) = outbox(app).mails_to(EMAIL)
    assert states(app) == ["pending"]
    assert "confirm" in asked.html.lower()
    assert visit(app, "HEAD", path_in(asked.html)) == 200
    assert visit(app, "GET", path_in(asked.html)) == 200
    assert states(app) == ["pending"]
    assert confirm(app) == 200
    assert confirm(app) == 200
    assert [(row["state"], row["basis"]) for row in rows(app, consents)][1:] == [("granted", "double_opt_in")]
    order(app, "3", ADA)
    run_until(app, DUE + HOUR)
    mails = outbox(app).mails_to(EMAIL)
    assert sum("/y/" in mail.html for mail in mails) == 1
    assert len(mails) == 1 + 3


def test_an_old_yes_of_another_address_spares_nobody_who_has_left_since_to_confirm(app: App) -> None:
    order(app, "1", ADA)
    run_until(app, MONDAY + HOUR)
    confirm(app)
    clock_of(app).step(DAY)
    tell(app, "customer.updated", {**ADA, "email": "ada.new@example.com", "accepts_marketing": False})
    clock_of(app).step(DAY)
    order(app, "2", {"email": EMAIL, "accepts_marketing": True})
    run_until(app, MONDAY + 9 * DAY)
    assert states(app)[-2:] == ["denied", "pending"]
    assert {state for state, _ in fates(app)} == {"skipped"}
    assert sum("/y/" in mail.html for mail in outbox(app).messages) == 2


def test_who_chose_a_language_is_asked_in_it(small: App) -> None:
    order(small, "1", ADA)  # French at the shop
    chosen = {"locale": "de", "time_zone": "", "at_most": "", "snoozed_until": None, "updated_at": MONDAY}
    with small.db.write() as connection:
        connection.execute(preferences.insert(), {"recipient_id": only_send(small)["recipient_id"], **chosen})
    run_until(small, MONDAY + HOUR)
    (asked,) = outbox(small).messages
    assert 'lang="de"' in asked.html


def test_a_backup_read_back_asks_nobody_a_second_time(app: App) -> None:
    """T11: the question has left since, and the person who lets mail go again knows no more than that."""
    order(app, "1", ADA)
    run_until(app, MONDAY + HOUR)
    with app.db.write() as connection:  # as the backup knows it
        connection.execute(update(confirmations).values(state="scheduled", attempt=0, tries=0, wake_at=MONDAY))
        ledger.hold_all(connection, "this database was set back", app.clock())
    ask(app, [row["id"] for row in rows(app, confirmations)])
    assert len(outbox(app).messages) == 1, "while all is held"
    resume(app, in_doubt=True)
    run_until(app, MONDAY + 2 * HOUR)
    assert len(outbox(app).messages) == 1
    assert [(row["state"], row["reason"]) for row in rows(app, confirmations)] == [("unknown", "may_have_been_sent")]
    assert confirm(app) == 200, "its link works"
    assert states(app) == ["pending", "granted"]


def test_an_answer_after_eleven_minutes_turns_unknown_into_the_truth(small: App) -> None:
    order(small, "1", ADA)
    take_in(small)

    class Late(RecordingSender):
        def _send(self, message: Message, go: Go) -> Receipt:
            receipt = super()._send(message, go)
            clock_of(small).step(timedelta(minutes=12))
            dispatch(small)  # of another process
            assert [row["state"] for row in rows(small, confirmations)] == ["unknown"]
            return receipt

    ask(replace(small, sender=Late()), [row["id"] for row in rows(small, confirmations)])
    assert [(row["state"], row["reason"]) for row in rows(small, confirmations)] == [("sent", "sent")]


def test_who_does_not_answer_gets_no_marketing_mail(app: App) -> None:
    order(app, "1", ADA)
    run_until(app, MONDAY + 20 * DAY)
    assert fates(app) == [("skipped", "no_consent")]
    assert len(outbox(app).messages) == 1


def test_who_said_no_is_not_asked(small: App) -> None:
    order(small, "1", BEN)
    run_until(small, DUE + DAY)
    assert outbox(small).messages == []


def test_a_shop_that_confirms_itself_needs_no_second_mail(small: App) -> None:
    order(small, "1", {**ADA, "consent": {"basis": "double_opt_in", "ip": "192.0.2.1"}})
    run_until(small, DUE + HOUR)
    assert states(small) == ["granted"]
    assert len(outbox(small).messages) == 1


@pytest.mark.parametrize(
    ("scope", "reason", "mails"),
    [("brand", "unsubscribed", 1), ("all", "hard_bounce", 0), ("all", "complaint", 0)],
    ids=["left", "bounced", "complained"],
)
def test_the_question_passes_a_suppression_of_marketing_and_no_other(
    small: App, scope: str, reason: str, mails: int
) -> None:
    """T23"""
    with small.db.write() as connection:
        suppress(connection, [EMAIL], SuppressionReason(reason), "test", MONDAY, SuppressionScope(scope))
    order(small, "1", ADA)
    run_until(small, MONDAY + HOUR)
    assert len(outbox(small).messages) == mails
    assert rows(small, confirmations)[0]["state"] == ("sent" if mails else "skipped")


def test_who_had_left_comes_back_by_confirming_and_not_before(small: App) -> None:
    with small.db.write() as connection:
        suppress(connection, [EMAIL], SuppressionReason.UNSUBSCRIBED, "test", MONDAY, SuppressionScope.BRAND)
    order(small, "1", ADA)
    run_until(small, MONDAY + HOUR)
    assert len(rows(small, suppressions)) == 1
    assert confirm(small) == 200
    assert rows(small, suppressions) == []
    run_until(small, DUE + HOUR)
    assert fates(small) == [("sent", "sent")]


def test_an_old_link_brings_nobody_back_who_left_later(small: App) -> None:
    order(small, "1", ADA)
    run_until(small, MONDAY + HOUR)
    send = only_send(small)
    clock_of(small).step(HOUR)
    leave(small, send["recipient_id"], send["id"])
    assert NO_MORE in page_at(small, "GET", path_in(outbox(small).messages[0].html)).text
    assert NO_MORE in page_at(small, "POST", path_in(outbox(small).messages[0].html)).text
    assert states(small) == ["pending", "denied"]
    assert len(rows(small, suppressions)) == 1


def test_after_a_confirmation_and_a_leave_the_same_link_does_nothing(small: App) -> None:
    order(small, "1", ADA)
    run_until(small, MONDAY + HOUR)
    path = path_in(outbox(small).messages[0].html)
    assert "Example Bikes peut‑il vous écrire\u202f?" in page_at(small, "GET", path).text
    assert MAY in page_at(small, "POST", path).text
    assert MAY in page_at(small, "GET", path).text
    clock_of(small).step(HOUR)
    leave(small, only_send(small)["recipient_id"], only_send(small)["id"])
    for method in ("GET", "POST"):
        assert NO_MORE in page_at(small, method, path).text
    assert states(small) == ["pending", "granted", "denied"]
    assert len(rows(small, suppressions)) == 1


@pytest.mark.parametrize("token", ["", "x", "A.B", "%00", "a" * 3000], ids=["none", "short", "odd", "nul", "long"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_link_that_is_not_ours_is_404_and_changes_nothing(small: App, method: str, token: str) -> None:
    assert visit(small, method, f"/y/{token}") == 404
    assert rows(small, consents) == []


def test_a_link_cannot_be_widened_to_another_person(small: App) -> None:
    order(small, "1", ADA)
    run_until(small, MONDAY + HOUR)
    (question,) = rows(small, confirmations)
    forged = small.tokens.confirm(question["recipient_id"] + 1, question["id"])
    assert visit(small, "POST", f"/y/{forged}") == 404
    unsubscribe = small.tokens.unsubscribe(question["recipient_id"], question["id"])
    assert visit(small, "POST", f"/y/{unsubscribe}") == 404
    assert states(small) == ["pending"]


def test_who_was_erased_is_asked_nothing_and_can_confirm_nothing(small: App) -> None:
    order(small, "1", ADA)
    run_until(small, MONDAY + HOUR)
    rights.erase(small, EMAIL)
    assert confirm(small) == 404
    assert rows(small, consents) == []
    order(small, "2", ADA)
    run_until(small, MONDAY + DAY)
    assert len(outbox(small).messages) == 1


def test_the_question_is_asked_in_their_language_and_by_the_shops_own_template(small: App, shop: Shop) -> None:
    order(small, "1", ADA)
    run_until(small, MONDAY + HOUR)
    assert "Confirmer" in outbox(small).messages[0].html
    own = '<mjml><mj-body><mj-section><mj-column><mj-text><a href="{{ links.confirm }}">Oui</a></mj-text>'
    shop.template("confirm", own + "</mj-column></mj-section></mj-body></mjml>")
    (shop.folder / "templates" / "confirm" / "subject.txt").write_text("Vraiment ?")
    order(small, "2", {**ADA, "id": "9", "email": "zoe@example.com"})
    run_until(small, MONDAY + 2 * HOUR)
    assert outbox(small).messages[1].subject == "Vraiment ?"


def test_a_form_may_say_it_too(small: App) -> None:
    said: dict[str, Any] = {
        "customer": {"email": "new@example.com"},
        "accepts_marketing": True,
        "consent": {"basis": "express", "wording": "Yes, write to me", "ip": "192.0.2.7", "source": "footer"},
    }
    tell(small, "consent.changed", said)
    run_until(small, MONDAY + HOUR)
    assert [mail.recipient for mail in outbox(small).messages] == ["new@example.com"]
    (kept,) = rows(small, consents)
    assert (kept["state"], kept["basis"], kept["wording"], kept["ip"], kept["source"]) == (
        "pending",
        "express",
        "Yes, write to me",
        "192.0.2.7",
        "generic:footer",
    )
    assert rows(small, sends) == []
    assert len(rows(small, recipients)) == 1
