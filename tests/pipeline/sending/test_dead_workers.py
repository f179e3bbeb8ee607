"""A worker dies or is slow between the claim of a mail and its receipt."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aftercart.bootstrap import App
from aftercart.db.tables import attempts, enrollments, sends
from aftercart.pipeline.sending.send import deliver
from aftercart.testing import ListQueue, run_due, run_until
from tests.cast import (
    ADA,
    HELMET,
    HOUR,
    MONDAY,
    Shop,
    campaign,
    clock_of,
    fates,
    only_send,
    order,
    outbox,
    rows,
)
from tests.pipeline.conftest import Open, in_between

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
"""10:00 in Paris, three days after Monday."""


class Died(BaseException):
    """What a test kills a worker with."""


class Deadly:
    """A sender whose process dies at the first message: before its body leaves, or after."""

    name = "deadly"

    def __init__(self, *, begun: bool) -> None:
        self._begun = begun

    def send_batch(self, messages: Any, go: Any) -> Any:
        if self._begun:
            go(messages[0])
        raise Died

    def close(self) -> None: ...


def die_in_hand_over(app: App, *, begun: bool) -> None:
    run = replace(app, sender=Deadly(begun=begun), queue=ListQueue())
    with pytest.raises(Died):
        run_due(run)


def test_a_claim_whose_worker_died_is_decided_again_after_its_lease(app: App) -> None:
    """T01: what was fetched and not yet sent is not skipped."""
    order(app, "1", ADA)
    clock_of(app).move_to(DUE)
    die_in_hand_over(app, begun=False)
    assert only_send(app)["counted_at"] == DUE
    deliver(app, [only_send(app)["id"]])  # a second message about it, while the first worker seems alive
    assert outbox(app).messages == []
    run_until(app, DUE + HOUR)
    assert fates(app) == [("sent", "sent")]
    assert [row["attempt"] for row in rows(app, attempts)] == [2]


def test_a_hand_over_whose_worker_died_becomes_unknown_and_keeps_its_slot(open_app: Open, shop: Shop) -> None:
    """T04: it may have been delivered, so nothing is sent again, and the cap goes on counting it."""
    shop.write(campaign(caps="[1 per 2d]", quiet="null"))
    app = open_app()
    order(app, "1", ADA)
    clock_of(app).move_to(DUE)
    die_in_hand_over(app, begun=True)
    run_until(app, DUE + HOUR)
    assert fates(app) == [("unknown", "unknown_outcome")]
    assert only_send(app)["counted_at"] == DUE
    assert rows(app, enrollments)[0]["state"] == "completed"
    order(app, "2", ADA, [HELMET], placed_at=MONDAY.isoformat(), completed_at=MONDAY.isoformat())
    run_until(app, DUE + 2 * HOUR)
    assert ("scheduled", "frequency_cap") in fates(app)
    assert outbox(app).messages == []


def test_the_worker_that_was_only_slow_finds_its_lease_gone(app: App) -> None:
    """The first worker's mail is held back, because by then another may have taken the slot it had reserved."""
    order(app, "1", ADA)
    run_until(in_between(app, lambda: clock_of(app).step(timedelta(minutes=5))), DUE + HOUR)
    assert len(outbox(app).messages) == 1
    assert only_send(app)["sent_at"] == DUE + timedelta(minutes=5)
    assert [row["attempt"] for row in rows(app, attempts)] == [2]


def test_a_slow_worker_does_not_send_beside_the_mail_that_took_its_slot(open_app: Open, shop: Shop) -> None:
    shop.write(campaign(caps="[1 per 1d]", quiet="null"))
    app = open_app()
    order(app, "1", ADA)
    order(app, "2", ADA, [HELMET])
    first, second = (row["id"] for row in rows(app, sends))

    def another_worker() -> None:
        clock_of(app).step(timedelta(minutes=5))
        deliver(app, [second])

    clock_of(app).move_to(DUE)
    deliver(in_between(app, another_worker), [first])
    assert len(outbox(app).messages) == 1
    run_until(app, DUE + HOUR)
    assert len(outbox(app).messages) == 1


def test_a_reserved_slot_counts_in_the_day_in_which_it_is_used(open_app: Open, shop: Shop) -> None:
    """Claimed a second before midnight, handed over after it: that is the new day's mail."""
    shop.write(campaign(at='"23:59"', caps="[1 per day]", quiet="null"))
    app = open_app()
    order(app, "1", ADA)
    order(app, "2", ADA, [HELMET])
    first, second = (row["id"] for row in rows(app, sends))

    def midnight_passes() -> None:
        clock_of(app).step(timedelta(seconds=2))
        deliver(app, [second])

    clock_of(app).move_to(datetime(2026, 3, 5, 22, 59, 59, tzinfo=UTC))
    deliver(in_between(app, midnight_passes), [first])
    assert len(outbox(app).messages) == 1
