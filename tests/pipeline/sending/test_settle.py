"""Sends of which nobody knows whether they left: settled by a word, and never sent again without one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, update

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import attempts, decisions, sends
from aftercart.delivery.base import Found, Outcome
from aftercart.errors import ConfigError, DeliveryError
from aftercart.ledger.states import Word
from aftercart.ledger.store import Choice
from aftercart.pipeline.sending.retry import retry
from aftercart.pipeline.sending.settle import Settlement, settle_by_hand, settle_by_provider
from aftercart.reports.explain import explain
from aftercart.testing import RecordingSender, engine, run_due, run_until
from tests.cast import ADA, DAY, MONDAY, Shop, answer, campaign, customer, fates, order, outbox, rows

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
IN_DOUBT = answer(Outcome.UNKNOWN, "connection lost after the body")
EVERY = Choice()


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    """Three orders; one mail in doubt, two were sent."""
    shop = Shop(tmp_path / "shop").write(campaign(quiet="null", valid_for="2d"))
    with engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        outbox(app).answers["ada@example.com"] = [IN_DOUBT]
        order(app, "1", ADA)
        order(app, "2", customer(2))
        order(app, "3", customer(3))
        run_until(app, DUE)
        yield app


def in_doubt(app: App) -> dict[str, object]:
    (row,) = [row for row in rows(app, sends) if row["sent_at"] is None or row["reason"] == "settled_sent"]
    return row


def settled(app: App, word: Word, choice: Choice = EVERY, **how: bool) -> list[Settlement]:
    return list(settle_by_hand(app, choice, word, **how))


def test_a_mail_that_had_gone_is_sent_since_its_hand_over(app: App) -> None:
    """It goes on holding its place under the caps, and clicks on it count from then."""
    assert [told.word for told in settled(app, Word.SENT)] == [Word.SENT]
    row = in_doubt(app)
    assert (row["state"], row["reason"], row["sent_at"], row["counted_at"]) == ("sent", "settled_sent", DUE, DUE)


def test_a_mail_that_had_not_gone_is_failed_and_free_to_be_planned_anew(app: App) -> None:
    settled(app, Word.NOT_SENT)
    row = in_doubt(app)
    assert (row["state"], row["reason"], row["counted_at"]) == ("failed", "settled_not_sent", None)
    run_until(app, DUE + DAY)
    assert {mail.recipient for mail in outbox(app).messages} == {"customer2@example.com", "customer3@example.com"}
    list(retry(app, Choice(reason="settled_not_sent")))
    run_due(app)
    assert fates(app) == [("sent", "sent")] * 3
    assert len(outbox(app).mails_to("ada@example.com")) == 1


def test_one_that_is_left_in_doubt_is_left_once_and_never_sent(app: App) -> None:
    assert len(settled(app, Word.LEAVE)) == 1
    assert [told.word for told in settled(app, Word.LEAVE)] == [None]
    row = in_doubt(app)
    assert (row["state"], row["reason"], row["counted_at"]) == ("unknown", "left_unknown", DUE)
    assert len([row for row in rows(app, decisions) if row["stage"] == "operator"]) == 1
    assert list(retry(app, EVERY)) == []
    assert len(settled(app, Word.SENT)) == 1, "whoever finds out later may still say so"


def test_a_settlement_is_on_record_and_explained(app: App) -> None:
    settled(app, Word.NOT_SENT)
    (kept,) = [row for row in rows(app, decisions) if row["stage"] == "operator"]
    assert (kept["outcome"], kept["reason"], kept["inputs"]["settled_by"]) == ("settle", "settled_not_sent", "hand")
    with app.db.read() as connection:
        (story,) = explain(connection, "1").orders
    assert "it has not, as was found out" in story.moments[-1].sentence


def test_only_what_is_in_doubt_can_be_settled(app: App) -> None:
    sent = [row["id"] for row in rows(app, sends) if row["state"] == "sent"]
    assert settled(app, Word.NOT_SENT, Choice(ids=sent)) == []
    assert settled(app, Word.NOT_SENT, Choice(campaign="other")) == []
    assert settled(app, Word.NOT_SENT, only_tell=True)[0].word is Word.NOT_SENT
    assert in_doubt(app)["state"] == "unknown"


# ---------------------------------------------------------------- asking the provider


@dataclass
class Asked(RecordingSender):
    """A provider whose log can be read."""

    knows: Found = Found.CANNOT_TELL

    def look_up(self, message_ids: Sequence[str]) -> Mapping[str, Found]:
        return dict.fromkeys(message_ids, self.knows)


def asking(app: App, *senders: Asked) -> App:
    """The engine with senders that can be asked."""
    return replace(app, senders={sender.name: sender for sender in senders})


@pytest.mark.parametrize(
    ("knows", "state", "reason"),
    [
        (Found.TAKEN, "sent", "settled_sent"),
        (Found.NEVER_CAME, "failed", "settled_not_sent"),
        (Found.CANNOT_TELL, "unknown", "unknown_outcome"),
    ],
)
def test_a_provider_that_can_be_asked_settles_what_it_knows(app: App, knows: Found, state: str, reason: str) -> None:
    told = list(settle_by_provider(asking(app, Asked(knows=knows)), EVERY))
    assert [settlement.word is None for settlement in told] == [knows is Found.CANNOT_TELL]
    assert (in_doubt(app)["state"], in_doubt(app)["reason"]) == (state, reason)


def test_of_several_providers_each_is_asked_about_its_own_mails(app: App) -> None:
    other, own = Asked(name="another", knows=Found.NEVER_CAME), Asked(knows=Found.TAKEN)
    list(settle_by_provider(asking(app, other, own), EVERY))
    assert in_doubt(app)["state"] == "sent"


@dataclass
class Silent(Asked):
    def look_up(self, message_ids: Sequence[str]) -> Mapping[str, Found]:
        raise DeliveryError(f"no answer about {len(message_ids)}", permanent=False)


def test_one_that_does_not_answer_keeps_nobody_from_asking_the_others(app: App) -> None:
    with app.db.write() as connection:
        sent = select(sends.c.id).where(sends.c.state == "sent").limit(1).scalar_subquery()
        connection.execute(update(attempts).where(attempts.c.send_id == sent).values(provider="silent"))
        connection.execute(update(sends).where(sends.c.id == sent).values(state="unknown"))
    told = list(settle_by_provider(asking(app, Silent(name="silent"), Asked(knows=Found.TAKEN)), EVERY))
    assert sorted(str(settlement.word) for settlement in told) == ["None", "sent"]
    with pytest.raises(DeliveryError, match="no answer"):
        list(settle_by_provider(asking(app, Silent(name="silent")), EVERY))


def test_an_answer_about_an_earlier_hand_over_says_nothing_of_a_later_one(app: App) -> None:
    @dataclass
    class Overtaken(Asked):
        def look_up(self, message_ids: Sequence[str]) -> Mapping[str, Found]:
            with app.db.write() as connection:
                connection.execute(update(sends).where(sends.c.state == "unknown").values(attempt=2))
            return dict.fromkeys(message_ids, Found.NEVER_CAME)

    list(settle_by_provider(asking(app, Overtaken()), EVERY))
    assert in_doubt(app)["state"] == "unknown"


def test_a_provider_that_cannot_be_asked_says_what_to_do(app: App) -> None:
    with pytest.raises(ConfigError, match="recording cannot look a mail up: look into its log yourself"):
        settle_by_provider(app, EVERY)


def test_what_a_machine_took_with_it_can_be_settled_too(app: App) -> None:
    """Its attempt has no Message-ID: nothing can be looked up, but a person may know."""
    with app.db.write() as connection:
        connection.exec_driver_sql("DELETE FROM attempts")
    asked = asking(app, Asked(knows=Found.TAKEN))
    assert [told.word for told in settle_by_provider(asked, EVERY)] == [None]
    assert [told.word for told in settled(app, Word.NOT_SENT)] == [Word.NOT_SENT]
