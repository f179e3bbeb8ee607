"""What has fallen due goes to the workers, once a minute at most."""

import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.db.tables import sends
from aftercart.ledger.store import NUDGE_AGAIN
from aftercart.pipeline.sending.dispatch import BATCH, MOST_WAITING, dispatch
from aftercart.queue import open_queue
from aftercart.testing import ListQueue, engine, run_until
from tests.cast import MONDAY, Shop, campaign, clock_of, customer, fates, order, orders_of, outbox, rows

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)


def published(app: App) -> list[list[str]]:
    """The ids of each message so far."""
    assert isinstance(app.queue, ListQueue)
    return [args[0] for _, args in app.queue.published]


def test_nothing_is_published_before_it_is_due(app: App) -> None:
    order(app, "1", customer(1))
    clock_of(app).move_to(DUE - timedelta(microseconds=1))
    assert dispatch(app) == 0
    clock_of(app).move_to(DUE)
    assert dispatch(app) == 1
    assert published(app) == [[str(rows(app, sends)[0]["id"])]]


def test_a_message_carries_ids_and_a_bounded_number_of_them(app: App) -> None:
    orders_of(app, map(customer, range(BATCH + 1)))
    clock_of(app).move_to(DUE)
    assert dispatch(app) == BATCH + 1
    assert [len(ids) for ids in published(app)] == [BATCH, 1]
    assert {id_ for ids in published(app) for id_ in ids} == {str(row["id"]) for row in rows(app, sends)}


def test_what_falls_due_while_the_broker_is_away_goes_out_as_soon_as_it_is_back(app: App) -> None:
    order(app, "1", customer(1))
    clock_of(app).move_to(DUE)
    with closing(open_queue("redis://127.0.0.1:1/0")) as away:
        assert dispatch(replace(app, queue=away)) == 0
    assert dispatch(app) == 1


def test_a_message_is_repeated_only_when_it_must_be_lost(app: App) -> None:
    """T05: no broker keeps a message for us; one that vanished is sent again after a minute."""
    order(app, "1", customer(1))
    clock_of(app).move_to(DUE)
    assert [dispatch(app), dispatch(app)] == [1, 0]
    clock_of(app).step(NUDGE_AGAIN - timedelta(seconds=1))
    assert dispatch(app) == 0
    clock_of(app).step(timedelta(seconds=1))
    assert dispatch(app) == 1


def test_an_hour_without_a_free_worker_fills_no_queue(app: App) -> None:
    """Their mail server may be silent for that long. Once one is free, what is due is handed out as before."""
    assert isinstance(app.queue, ListQueue)
    order(app, "1", customer(1))
    clock_of(app).move_to(DUE)
    for _ in range(60):
        dispatch(app)
        clock_of(app).step(NUDGE_AGAIN)
    assert len(published(app)) == MOST_WAITING
    app.queue.published.pop()
    assert [dispatch(app), dispatch(app)] == [1, 0]


def test_a_message_expires_when_it_is_repeated(app: App) -> None:
    assert isinstance(app.queue, ListQueue)
    order(app, "1", customer(1))
    clock_of(app).move_to(DUE)
    dispatch(app)
    assert app.queue.expiries == [NUDGE_AGAIN.total_seconds()]


# ---------------------------------------------------------------- taking turns


@pytest.fixture
def two(tmp_path: Path, database_url: str) -> Iterator[App]:
    """A large campaign and a small one, of which the mails of the large one fall due first."""
    large = campaign("large", quiet="null", at='"09:00"')
    small = campaign("small", quiet="null").replace("trigger: order.completed", f"{TRIGGER}\n{OF_FEW}")
    shop = Shop(tmp_path / "shop").write(large, small)
    with engine(tmp_path, SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        yield app


TRIGGER = "trigger: order.completed"
OF_FEW = "audience: {country: [DE]}"


def test_a_large_campaign_does_not_keep_a_small_one_waiting(two: App) -> None:
    """Of a queue that is full for hours, each campaign gets its share of the room that there is."""
    orders_of(two, (customer(number, **({"country": "DE"} if number < 10 else {})) for number in range(3 * BATCH)))
    queue = two.queue
    assert isinstance(queue, ListQueue)
    clock_of(two).move_to(DUE)
    queue.published = [("deliver", ([],))] * (MOST_WAITING - 1)  # room for one message
    assert dispatch(two) == BATCH
    of_campaign = {str(row["id"]): row["campaign"] for row in rows(two, sends)}
    (ids,) = published(two)[MOST_WAITING - 1 :]
    assert Counter(of_campaign[id_] for id_ in ids) == {"small": 10, "large": BATCH - 10}
    assert {of_campaign[id_] for id_ in ids[:10]} == {"small"}


def test_what_one_campaign_does_not_need_the_others_get(two: App) -> None:
    orders_of(two, map(customer, range(2 * BATCH)))
    clock_of(two).move_to(DUE)
    assert dispatch(two) == 2 * BATCH


# ---------------------------------------------------------------- several dispatchers


def test_several_dispatchers_at_once_hand_out_each_mail_once(app: App) -> None:
    """T03: whichever of them finds it first."""
    orders_of(app, map(customer, range(2 * BATCH)))
    clock_of(app).move_to(DUE)
    with ThreadPoolExecutor(4) as dispatchers:
        taken = [done.result() for done in [dispatchers.submit(dispatch, app) for _ in range(8)]]
    assert sum(taken) == 2 * BATCH
    handed_out = [id_ for ids in published(app) for id_ in ids]
    assert len(handed_out) == len(set(handed_out)) == 2 * BATCH


def test_a_mail_that_has_ended_is_never_published_again(app: App) -> None:
    """T19"""
    order(app, "1", customer(1))
    run_until(app, DUE)
    assert fates(app) == [("sent", "sent")]
    clock_of(app).step(timedelta(days=400))
    assert dispatch(app) == 0


def test_a_proxy_before_our_own_address_holds_up_no_mail(tmp_path: Path) -> None:
    """T48: it answered a login page to the scheduler, which took that for success. Ours asks no address at all."""
    shop = Shop(tmp_path / "shop").write(campaign(quiet="null"))
    with socket.socket() as proxy:
        proxy.bind(("127.0.0.1", 0))
        proxy.listen(1)
        proxy.setblocking(False)
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        with engine(tmp_path, SteppedClock(MONDAY), base_url=address, **shop.files) as app:
            order(app, "1", customer(1))
            run_until(app, DUE)
            assert fates(app) == [("sent", "sent")]
            assert address in outbox(app).messages[0].html
        with pytest.raises(BlockingIOError):
            proxy.accept()
