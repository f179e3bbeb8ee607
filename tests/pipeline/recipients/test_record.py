from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from aftercart.db.session import Database
from aftercart.db.tables import attempts, attributions, clicks, consents, recipients, suppressions
from aftercart.errors import BadTokenError
from aftercart.ids import new_id
from aftercart.pipeline.attribute import attribute
from aftercart.pipeline.recipients.record import (
    Click,
    Leaver,
    Leaving,
    Visit,
    find_link,
    keep_clicks,
    keep_leaving,
    who_leaves,
)
from aftercart.tracking.links import TRAP
from aftercart.tracking.tokens import TokenSigner
from tests.rows import MONDAY, Rows, a_database

TOKENS = TokenSigner(["k" * 32])
FIREFOX = Visit("GET", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
LATER = MONDAY + timedelta(hours=1)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = a_database(tmp_path)
    yield db
    db.close()


@pytest.fixture
def rows(db: Database) -> Rows:
    return Rows(db)


# ---------------------------------------------------------------- clicks


def click(db: Database, token: str, visit: Visit, at: datetime) -> str | None:
    """A link is opened, and that is kept at once; where it leads."""
    link = find_link(db, TOKENS, token)
    if link is None:
        return None
    with db.write() as connection:
        keep_clicks(connection, [Click(link, visit, at)], {}, at)
    return link.url


def test_a_click_leads_to_the_stored_address_and_is_kept(db: Database, rows: Rows) -> None:
    ada = rows.recipient()
    send = rows.send(rows.order(ada), ada)
    rows.link(send, "https://shop.example/lamp?utm_source=aftercart")
    assert click(db, TOKENS.link(send, 0), FIREFOX, LATER) == "https://shop.example/lamp?utm_source=aftercart"
    (kept,) = rows.all(clicks)
    assert (kept["send_id"], kept["position"], kept["recipient_id"], kept["at"]) == (send, 0, ada, LATER)
    assert (kept["verdict"], kept["reason"], kept["user_agent"]) == ("human", "looks_human", FIREFOX.user_agent)


def test_machines_are_led_on_too_and_kept_as_what_they_are(db: Database, rows: Rows) -> None:
    ada = rows.recipient()
    send = rows.send(rows.order(ada), ada)
    rows.link(send)
    for visit in (Visit("HEAD", FIREFOX.user_agent), Visit("GET", "curl/8.5.0"), Visit("GET", "")):
        assert click(db, TOKENS.link(send, 0), visit, LATER) is not None
    assert [(c["verdict"], c["reason"]) for c in rows.all(clicks)] == [
        ("machine", "not_get"),
        ("machine", "known_agent"),
        ("machine", "no_agent"),
    ]


def test_a_scanner_that_comes_before_the_server_answered_us_comes_too_soon(db: Database, rows: Rows) -> None:
    ada = rows.recipient()
    send = rows.send(rows.order(ada), ada, sent_at=None)
    rows.link(send)
    begun = {
        "send_id": send,
        "attempt": 1,
        "provider": "smtp",
        "message_id": "<1>",
        "outcome": "started",
        "response": "",
    }
    with db.write() as connection:
        connection.execute(attempts.insert(), begun | {"started_at": MONDAY})
    click(db, TOKENS.link(send, 0), FIREFOX, MONDAY + timedelta(seconds=3))
    click(db, TOKENS.link(send, 0), FIREFOX, MONDAY + timedelta(days=1))
    assert [c["reason"] for c in rows.all(clicks)] == ["too_soon", "looks_human"]


def test_a_burst_unmasks_the_clicks_it_began_with(db: Database, rows: Rows) -> None:
    """T42: each of the first two looked like a person when it came."""
    ada = rows.recipient()
    send = rows.send(rows.order(ada), ada)
    for position in range(4):
        rows.link(send, f"https://shop.example/{position}", position)
    click(db, TOKENS.link(send, 0), FIREFOX, LATER - timedelta(seconds=30))
    for position in range(1, 4):
        click(db, TOKENS.link(send, position), FIREFOX, LATER + timedelta(seconds=position))
    assert [c["verdict"] for c in rows.all(clicks)] == ["human", "machine", "machine", "machine"]


def test_the_same_link_again_and_again_is_a_person(db: Database, rows: Rows) -> None:
    ada = rows.recipient()
    send = rows.send(rows.order(ada), ada)
    rows.link(send)
    for second in range(4):
        click(db, TOKENS.link(send, 0), FIREFOX, LATER + timedelta(seconds=second))
    assert {c["verdict"] for c in rows.all(clicks)} == {"human"}


def test_a_token_that_is_not_ours_leads_nowhere(db: Database) -> None:
    """T40."""
    with pytest.raises(BadTokenError):
        click(db, TokenSigner(["f" * 32]).link(new_id(), 0), FIREFOX, LATER)


def test_a_link_that_is_no_longer_stored_leads_nowhere(db: Database) -> None:
    assert click(db, TOKENS.link(new_id(), 0), FIREFOX, LATER) is None


def test_a_burst_is_one_however_many_are_kept_at_once(db: Database, rows: Rows) -> None:
    """And two mails that are opened in the same instant are none."""
    ada = rows.recipient()
    sends_ = [rows.send(rows.order(ada), ada) for _ in range(2)]
    for send in sends_:
        for position in range(3):
            rows.link(send, f"https://shop.example/{position}", position)
    opened = [(sends_[0], 0), (sends_[1], 0), (sends_[0], 1), (sends_[1], 1), (sends_[0], 2)]
    found = [find_link(db, TOKENS, TOKENS.link(*which)) for which in opened]
    with db.write() as connection:
        keep_clicks(connection, [Click(link, FIREFOX, LATER) for link in found if link], {}, LATER)
    assert sorted((c["send_id"] == sends_[0], c["verdict"]) for c in rows.all(clicks)) == [
        (False, "human"),
        (False, "human"),
        (True, "machine"),
        (True, "machine"),
        (True, "machine"),
    ]


def test_a_click_that_is_kept_late_is_not_thrown_together_with_those_long_after_it(db: Database, rows: Rows) -> None:
    ada = rows.recipient()
    send = rows.send(rows.order(ada), ada)
    for position in range(3):
        rows.link(send, f"https://shop.example/{position}", position)
    click(db, TOKENS.link(send, 0), FIREFOX, LATER + timedelta(seconds=12))
    click(db, TOKENS.link(send, 1), FIREFOX, LATER + timedelta(seconds=24))
    click(db, TOKENS.link(send, 2), FIREFOX, LATER)
    assert {c["verdict"] for c in rows.all(clicks)} == {"human"}


@pytest.mark.parametrize("order", ["before", "after"])
def test_an_order_is_credited_whether_its_click_is_kept_before_or_after_it_came_in(
    db: Database, rows: Rows, order: str
) -> None:
    """A click may wait for the database longer than its reader for the checkout."""
    ada = rows.recipient()
    send = rows.send(rows.order(ada), ada)
    rows.link(send)
    if order == "before":
        click(db, TOKENS.link(send, 0), FIREFOX, LATER)
    bought = rows.order(ada, LATER + timedelta(seconds=20))
    with db.write() as connection:
        attribute(connection, [bought], {}, LATER)
    if order == "after":
        click(db, TOKENS.link(send, 0), FIREFOX, LATER)
    assert [(a["order_id"], a["send_id"]) for a in rows.all(attributions)] == [(bought, send)]


def test_a_click_that_is_kept_late_credits_an_order_under_another_address(db: Database, rows: Rows) -> None:
    old, now = rows.recipient("old-ada@example.com"), rows.recipient("ada@example.com")
    with db.write() as connection:
        connection.execute(update(recipients).where(recipients.c.id == old).values(merged_into=now))
    send = rows.send(rows.order(old), old)
    rows.link(send)
    bought = rows.order(now, LATER + timedelta(seconds=20))
    click(db, TOKENS.link(send, 0), FIREFOX, LATER)
    assert [(a["order_id"], a["send_id"]) for a in rows.all(attributions)] == [(bought, send)]


def test_a_machine_that_is_unmasked_loses_the_credit_that_it_had(db: Database, rows: Rows) -> None:
    """T42: its reader ordered while a scanner was at their mail."""
    ada = rows.recipient()
    send = rows.send(rows.order(ada), ada)
    for position in range(3):
        rows.link(send, f"https://shop.example/{position}", position)
    click(db, TOKENS.link(send, 0), FIREFOX, LATER)
    bought = rows.order(ada, LATER + timedelta(seconds=2))
    with db.write() as connection:
        assert attribute(connection, [bought], {}, LATER) == 1
    for position in (1, 2):
        click(db, TOKENS.link(send, position), FIREFOX, LATER + timedelta(seconds=2 + position))
    assert rows.all(attributions) == []


def test_an_endless_user_agent_is_cut(db: Database, rows: Rows) -> None:
    ada = rows.recipient()
    send = rows.send(rows.order(ada), ada)
    rows.link(send)
    click(db, TOKENS.link(send, 0), Visit("GET", "x\x00" * 5000), LATER)
    assert rows.all(clicks)[0]["user_agent"] == "x" * 500


# ---------------------------------------------------------------- leaving


def leave(db: Database, token: str, source: str, at: datetime) -> Leaver | None:
    with db.write() as connection:
        return keep_leaving(connection, Leaving(*TOKENS.read_unsubscribe(token), source, at))


def test_who_unsubscribes_gets_no_more_marketing_mail(db: Database, rows: Rows) -> None:
    ben = rows.recipient("ben@example.com")
    send = new_id()
    leaver = leave(db, TOKENS.unsubscribe(ben, send), "one_click", LATER)
    assert leaver is not None
    assert leaver.email == "ben@example.com"
    (suppression,) = rows.all(suppressions)
    assert {k: suppression[k] for k in ("email", "scope", "reason", "source", "at")} == {
        "email": "ben@example.com",
        "scope": "brand",
        "reason": "unsubscribed",
        "source": f"one_click:{send}",
        "at": LATER,
    }
    assert [(c["recipient_id"], c["state"], c["at"]) for c in rows.all(consents)] == [(ben, "denied", LATER)]


def test_unsubscribing_again_changes_nothing(db: Database, rows: Rows) -> None:
    """T26."""
    token = TOKENS.unsubscribe(rows.recipient(), new_id())
    for day in range(3):
        leave(db, token, "page", LATER + timedelta(days=day))
    assert [s["at"] for s in rows.all(suppressions)] == [LATER]
    assert len(rows.all(consents)) == 1


def test_who_came_back_may_leave_again_by_an_old_link(db: Database, rows: Rows) -> None:
    ada = rows.recipient()
    token = TOKENS.unsubscribe(ada, new_id())
    leave(db, token, "page", LATER)
    back = LATER + timedelta(days=1)
    yes = {"recipient_id": ada, "state": "granted", "source": "form", "at": back, "recorded_at": back}
    with db.write() as connection:
        connection.execute(consents.insert(), yes)
    leave(db, token, "page", LATER + timedelta(days=2))
    assert [c["state"] for c in rows.all(consents)] == ["denied", "granted", "denied"]


def test_leaving_counts_also_after_an_older_no_of_another_place(db: Database, rows: Rows) -> None:
    """A yes from between the two may still arrive: it is older than what they said last."""
    ada = rows.recipient()
    no = {"recipient_id": ada, "state": "denied", "source": "shop", "at": LATER, "recorded_at": LATER}
    with db.write() as connection:
        connection.execute(consents.insert(), no)
    for day in (2, 3):
        leave(db, TOKENS.unsubscribe(ada, new_id()), "page", LATER + timedelta(days=day))
    assert [c["at"] for c in rows.all(consents)] == [LATER, LATER + timedelta(days=2)]


def test_asking_who_leaves_changes_nothing(db: Database, rows: Rows) -> None:
    """T24."""
    token = TOKENS.unsubscribe(rows.recipient(), new_id())
    before, again = who_leaves(db, TOKENS, token), who_leaves(db, TOKENS, token)
    assert before == again
    assert before is not None
    assert (before.email, before.has_left) == ("ada@example.com", False)
    assert rows.all(suppressions) == []
    assert rows.all(consents) == []
    leave(db, token, "page", LATER)
    after = who_leaves(db, TOKENS, token)
    assert after is not None
    assert after.has_left


def test_somebody_whom_we_no_longer_know_cannot_leave(db: Database) -> None:
    token = TOKENS.unsubscribe(4711, new_id())
    assert who_leaves(db, TOKENS, token) is None
    assert leave(db, token, "page", LATER) is None


def test_a_link_for_clicking_unsubscribes_nobody(db: Database, rows: Rows) -> None:
    """T40."""
    rows.recipient()
    with pytest.raises(BadTokenError):
        leave(db, TOKENS.link(new_id(), 1), "page", LATER)
    assert rows.all(suppressions) == []


def test_the_trap_unmasks_what_was_opened_beside_it(db: Database, rows: Rows) -> None:
    """T42: a scanner that opens two links, one of them unseen. A person's click, much later, stays one."""
    ada = rows.recipient()
    send = rows.send(rows.order(ada), ada)
    rows.link(send)
    rows.link(send, "https://shop.example/#", TRAP)
    for position, after in ((0, 0), (TRAP, 1), (0, 3600)):
        click(db, TOKENS.link(send, position), FIREFOX, LATER + timedelta(seconds=after))
    assert [c["reason"] for c in rows.all(clicks)] == ["trap", "trap", "looks_human"]
