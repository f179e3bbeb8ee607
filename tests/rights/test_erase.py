"""Whoever is forgotten is nowhere any more: every table, every column, the archive, files."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import (
    Row,
    archives,
    attributions,
    clicks,
    enrollments,
    inbox,
    orders,
    recipients,
    senders,
    sends,
    suppressions,
)
from aftercart.delivery.base import Outcome
from aftercart.errors import ConfigError
from aftercart.pipeline import rights
from aftercart.pipeline.incoming.ingest import accept
from aftercart.pipeline.upkeep.tidy import tidy
from aftercart.policy.address_hash import AddressHashes
from aftercart.policy.store import suppressions_of
from aftercart.reports.explain import explain
from aftercart.reports.sends import counts
from aftercart.rights.store import NOBODYS, OF_A_PERSON
from aftercart.testing import SECRET_KEY, engine, run_until
from tests.cast import (
    ADA,
    CHIKA,
    DAY,
    HELMET,
    HOUR,
    MONDAY,
    Shop,
    answer,
    campaign,
    click,
    clock_of,
    fates,
    order,
    outbox,
    rows,
    stock_up,
    tell,
)
from tests.rights.everywhere import everywhere

EDA = {
    **ADA, "id": "customer-4711", "email": "Eda.Quibble@Exämple.com", "first_name": "Edaquibble",
    "consent": {"basis": "express", "wording": "Write to Edaquibble", "ip": "192.0.2.77", "source": "form"},
}  # fmt: skip
ADDRESS = "eda.quibble@xn--exmple-cua.com"
NAMES = ("eda.quibble", "edaquibble", "customer-4711", "192.0.2.77")
DUE = MONDAY + 3 * DAY


@pytest.fixture
def app(database_url: str, tmp_path: Path) -> Iterator[App]:
    shop = Shop(tmp_path).write(campaign(more_steps="  - {id: later, after: 9d, valid_for: 3d, template: plain}"))
    with engine(tmp_path / "data", clock=SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        yield app


@pytest.fixture
def small(tmp_path: Path) -> Iterator[App]:
    """On SQLite alone."""
    shop = Shop(tmp_path).write(campaign(more_steps="  - {id: later, after: 9d, valid_for: 3d, template: plain}"))
    with engine(tmp_path / "data", clock=SteppedClock(MONDAY), **shop.files) as app:
        yield app


def where_named(app: App) -> set[str]:
    return {place for place, text in everywhere(app) if any(name in text.lower() for name in NAMES)}


def a_full_life(app: App) -> None:
    """An order, a mail, a click, a second order with credit, a bounce, a refund, an account, a failed webhook."""
    stock_up(app)
    order(app, "1", EDA)
    run_until(app, DUE + HOUR)
    click(app, outbox(app).messages[0])
    clock_of(app).step(HOUR)
    outbox(app).answers[ADDRESS] = [answer(Outcome.DEFERRED, f"450 <{ADDRESS}> Edaquibble is away")]
    order(app, "2", EDA, [{**HELMET, "title": "Helmet for Edaquibble"}])
    order(app, "7", CHIKA)
    tell(app, "customer.updated", EDA, webhook_id=f"of-{ADDRESS}")
    tell(app, "order.refunded", {"order_id": "2", "lines": "nonsense", "note": EDA["email"]})
    tell(app, "customer.updated", {**CHIKA, "note": "a friend of customer-4711"})
    with app.db.write() as connection:
        connection.execute(
            senders.insert(),
            {"name": "smtp", "state": "working", "faults": 1, "fault": f"550 {ADDRESS}: no", "openings": 0},
        )


def test_every_table_is_either_a_persons_or_nobodys() -> None:
    """A new table waits here for somebody to say what becomes of it when a person is forgotten."""
    assert {*OF_A_PERSON, *NOBODYS} == {*Row.metadata.tables.values()}
    assert not NOBODYS & OF_A_PERSON.keys()


def test_whoever_is_forgotten_is_in_no_column_of_any_table(app: App) -> None:
    a_full_life(app)
    before = where_named(app)
    assert {"recipients.email", "customers.shop_customer_id", "events.body", "consents.ip", "links.url"} - {
        "links.url"
    } <= before
    rights.erase(app, ADDRESS)
    # What Chika's own record says is hers: the id of another customer in it is no name by itself.
    assert where_named(app) <= {"events.body"}
    left = [text for place, text in everywhere(app) if place == "events.body" and any(n in text for n in NAMES)]
    assert all("a friend of" in text for text in left)
    assert not any("quibble" in text.lower() for _, text in everywhere(app))


def test_what_was_archived_of_them_goes_too(app: App) -> None:
    a_full_life(app)
    run_until(app, MONDAY + 20 * DAY)
    clock_of(app).step(timedelta(days=900))
    assert tidy(app) > 0
    assert "archives.content" in where_named(app)
    packed_before = len(rows(app, archives))
    rights.erase(app, ADDRESS)
    assert not any("quibble" in text.lower() for _, text in everywhere(app))
    assert len(rows(app, archives)) == packed_before


def test_the_numbers_stay(app: App) -> None:
    a_full_life(app)
    run_until(app, MONDAY + 20 * DAY)

    def numbers() -> object:
        with app.db.read() as connection:
            sent = counts(connection)
        credit = [(row["amount_minor"], row["reversed_minor"], row["currency"]) for row in rows(app, attributions)]
        opened = [(row["verdict"], row["reason"]) for row in rows(app, clicks)]
        bought = [(row["state"], row["total_minor"], row["currency"]) for row in rows(app, orders)]
        return sent, credit, opened, bought, [(row["campaign"], row["state"]) for row in rows(app, enrollments)]

    before = numbers()
    assert rows(app, attributions)
    rights.erase(app, ADDRESS)
    assert numbers() == before


def test_planned_mails_are_canceled_and_later_orders_are_not_mailed(small: App) -> None:
    order(small, "1", EDA)
    rights.erase(small, ADDRESS)
    assert set(fates(small)) == {("canceled", "erased")}
    order(small, "2", EDA)
    run_until(small, MONDAY + 20 * DAY)
    assert outbox(small).messages == []
    assert set(fates(small)) == {("canceled", "erased")}
    with small.db.read() as connection:
        (kept,) = suppressions_of(connection, [ADDRESS], small.address_hashes)[ADDRESS]
    assert (kept.reason, kept.scope) == ("erased", "all")


def test_the_same_webhook_again_brings_nobody_back(small: App) -> None:
    """T44: what was delivered once is known, though its content is gone."""
    order(small, "1", EDA, webhook_id="msg_once")
    rights.erase(small, ADDRESS)
    order(small, "1", EDA, webhook_id="msg_once")
    assert not any("quibble" in text.lower() for _, text in everywhere(small))


def test_what_waits_in_the_inbox_is_found(small: App) -> None:
    stored(small, {"type": "customer.updated", "timestamp": MONDAY.isoformat(), "data": EDA})
    rights.erase(small, ADDRESS)
    assert not any("quibble" in text.lower() for _, text in everywhere(small))
    assert rows_of_inbox(small) == []


def stored(app: App, content: dict[str, Any]) -> None:
    from aftercart.db import inbox as inbox_store
    from aftercart.intake.signing import sign_generic
    from aftercart.testing import GENERIC_SECRET

    body = json.dumps(content).encode()
    row = accept(app.shops["generic"], sign_generic(GENERIC_SECRET, "msg_waits", body, app.clock()), body, app.clock())
    assert row is not None
    with app.inbox_db.write() as connection:
        inbox_store.store(connection, [row])


def rows_of_inbox(app: App) -> list[Any]:
    with app.inbox_db.read() as connection:
        return list(connection.execute(select(inbox)))


def test_a_mail_on_its_way_is_waited_for(small: App) -> None:
    order(small, "1", EDA)
    order(small, "2", EDA)
    first, *_ = rows(small, sends)
    with small.db.write() as connection:
        connection.execute(update(sends).where(sends.c.id == first["id"]).values(state="sending"))
    assert rights.erase(small, ADDRESS).in_flight == 1
    assert {row["state"] for row in rows(small, sends) if row["id"] != first["id"]} == {"canceled"}
    assert [row["email"] for row in rows(small, recipients)] == [ADDRESS]
    with small.db.write() as connection:
        connection.execute(update(sends).where(sends.c.id == first["id"]).values(state="sent", reason="sent"))
    assert rights.erase(small, ADDRESS).in_flight == 0
    assert not any("quibble" in text.lower() for _, text in everywhere(small))


def test_to_forget_somebody_twice_or_somebody_unknown_does_no_harm(small: App) -> None:
    order(small, "7", CHIKA)
    assert not rights.erase(small, ADDRESS).known
    rights.erase(small, ADDRESS)
    assert [row["reason"] for row in rows(small, suppressions)] == ["erased"]
    assert [row["email"] for row in rows(small, recipients)] == [CHIKA["email"]]


def test_others_keep_what_is_theirs(small: App) -> None:
    a_full_life(small)
    with small.db.read() as connection:
        before = explain(connection, "7").plain()
    rights.erase(small, ADDRESS)
    with small.db.read() as connection:
        assert explain(connection, "7").plain() == before
    assert "chika@example.com" in {row["email"] for row in rows(small, recipients)}


def test_explain_still_tells_of_the_order_and_of_nobody(small: App) -> None:
    a_full_life(small)
    rights.erase(small, ADDRESS)
    with small.db.read() as connection:
        assert not explain(connection, ADDRESS)
        told = json.dumps(explain(connection, "1").plain(), default=str)
    assert "handed to the mail provider" in told
    assert "quibble" not in told.lower()


def test_an_old_link_of_theirs_shows_no_address(small: App) -> None:
    a_full_life(small)
    send = next(row for row in rows(small, sends) if row["state"] == "sent")
    token = small.tokens.unsubscribe(send["recipient_id"], send["id"])
    rights.erase(small, ADDRESS)
    from aftercart.pipeline.recipients.record import who_leaves

    assert who_leaves(small.db, small.tokens, token) is None


# ---------------------------------------------------------------- the key


def test_the_hash_is_found_after_a_rotation_of_the_key(small: App) -> None:
    rights.erase(small, ADDRESS)
    rotated = AddressHashes(["n" * 40, SECRET_KEY])
    with small.db.read() as connection:
        assert suppressions_of(connection, [ADDRESS], rotated)[ADDRESS]
        assert ADDRESS not in suppressions_of(connection, [ADDRESS], AddressHashes(["n" * 40]))


def test_without_the_key_of_its_time_nothing_starts(database_url: str, tmp_path: Path) -> None:
    common: dict[str, Any] = {"database_url": database_url, **Shop(tmp_path).write(campaign()).files}
    clock = SteppedClock(MONDAY)
    with engine(tmp_path / "data", clock, **common) as app:
        rights.erase(app, ADDRESS)
    with (
        pytest.raises(ConfigError, match="AFTERCART_ERASURE_KEYS"),
        engine(tmp_path / "data", clock, secret_key=("n" * 40,), **common),
    ):
        pass
    with engine(tmp_path / "data", clock, secret_key=("n" * 40,), erasure_keys=SECRET_KEY, **common) as app:
        order(app, "1", EDA)
        run_until(app, DUE + HOUR)
        assert {reason for _, reason in fates(app)} <= {"erased", None}
        assert outbox(app).messages == []


def test_a_hash_gives_no_address_away() -> None:
    kept = AddressHashes(["k" * 40]).of(ADDRESS)
    assert kept != AddressHashes(["l" * 40]).of(ADDRESS)
    assert "@" not in kept
    assert kept == AddressHashes(["k" * 40, "l" * 40]).of(ADDRESS)
