"""Others are told what happened: webhooks, and Google Analytics.

1. Whatever happens is noted in the outbox in the transaction of the fact (`aftercart/outward/store`), so nothing is
   told that did not happen, and nothing that happened is forgotten.
2. `tell` (in a worker of its own) takes what is due of an outlet, for a while: nobody else takes it meanwhile. What it
   says is written down at the first try, and stays the same.
3. It is told outside of any transaction. An answer of 2xx ends it; anything else, or none, means again later, under
   the same id: at least once. After three days and a half it is given up.
4. An outlet that fails again and again is left alone for a while, then tried with one message; after five days of
   nothing but failures it is disabled, until `aftercart webhooks enable`.

No mail waits for any of this: it runs in a queue that carries nothing else.
"""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic

import structlog
from sqlalchemy import Connection

from aftercart.bootstrap import App
from aftercart.outward import payload, store
from aftercart.outward.answer import Answer, NotToldError, StoppingError
from aftercart.outward.outlet import Outlet
from aftercart.outward.patience import Standing, again_at
from aftercart.outward.subject import Due
from aftercart.outward.webhook import Webhook

log = structlog.get_logger()

BUDGET_S = 20.0
"""How long a run takes on more; the next one goes on where it ended."""
CONNECTIONS, AT_ONCE = 4, 16
"""For each outlet. What is taken at once is told within half the lease, however slow the outlet."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one try. `fault`: empty where it was told."""

    due: Due
    fault: str = ""
    is_gone: bool = False
    asked_for: timedelta = timedelta(0)


def tell(app: App, budget_s: float = BUDGET_S) -> int:
    """Tell every outlet what is due there, each beside the others; how many messages were taken."""
    if not (waiting := _waiting(app)):
        return 0
    deadline = monotonic() + budget_s
    with ThreadPoolExecutor(max_workers=len(waiting), thread_name_prefix="outlet") as threads:
        return sum(threads.map(lambda outlet: _tell_outlet(app, outlet, deadline), waiting))


def tell_test(app: App, webhook: Webhook) -> Answer:
    """Send it a message about nothing, now. Raises NotToldError."""
    now = app.clock()
    return app.courier.post(webhook.request(app.new_id(), payload.test_body(now), now))


def _waiting(app: App) -> list[Outlet]:
    """Outlets to tell something now. Mostly none: then nothing is written."""
    if not app.outlets:
        return []
    with app.db.read() as connection:
        now = app.clock()
        return [outlet for outlet in app.outlets.values() if store.is_due(connection, outlet.name, now)]


def _tell_outlet(app: App, outlet: Outlet, deadline: float) -> int:
    """Tell an outlet what is due, unless another worker does: a slow one takes one thread of a fleet, and not all."""
    with app.db.write() as connection:
        if not store.hold(connection, outlet.name, app.clock()):
            return 0
    told = 0
    with ThreadPoolExecutor(max_workers=CONNECTIONS, thread_name_prefix=outlet.name) as lines:
        while monotonic() < deadline and (batch := _take(app, outlet)):
            tried = [one for one in lines.map(lambda due: _try(app, outlet, due), batch) if one]
            if tried:
                _settle(app, outlet, tried)
            told += len(tried)
            if len(tried) < len(batch):  # the engine stops
                _give_back(app, batch, tried)
                break
    with app.db.write() as connection:
        store.let_go(connection, outlet.name)
    return told


def _take(app: App, outlet: Outlet) -> list[Due]:
    """What is due, with its body. One message is enough to see whether an outlet that failed works again."""
    with app.db.write() as connection:
        now = app.clock()
        standing = store.standing(connection, outlet.name)
        if standing is None or not standing.is_open(now):
            return []
        due = store.take(connection, outlet.name, now, 1 if standing.is_probed else AT_ONCE)
        return _composed(connection, outlet, due, now)


def _composed(connection: Connection, outlet: Outlet, due: Sequence[Due], now: datetime) -> list[Due]:
    """Each with its body, written at the first try; without those that nobody is to hear of after all."""
    subjects = store.subjects(connection, [one for one in due if one.body is None])
    found: list[Due] = []
    for one in due:
        subject = subjects.get(one.id)
        body = one.body or (outlet.compose(one, subject) if subject else None)
        if body is None or _is_stale(outlet, one, now):
            store.drop(connection, one.id)
            continue
        if one.body is None:
            store.keep_body(connection, one.id, body)
        found.append(replace(one, body=body))
    return found


def _is_stale(outlet: Outlet, due: Due, now: datetime) -> bool:
    return outlet.lasts is not None and now - due.happened_at > outlet.lasts


def _try(app: App, outlet: Outlet, due: Due) -> Tried | None:
    try:
        answer = app.courier.post(outlet.request(due.id, due.body or b"", app.clock()))
    except StoppingError:
        return None
    except NotToldError as err:
        return Tried(due, str(err))
    return Tried(due, answer.fault, answer.is_gone, answer.retry_after)


def _give_back(app: App, batch: Sequence[Due], tried: Sequence[Tried]) -> None:
    """What was not told to the end because the engine stops has not had its try, and is due as it was."""
    known = {one.due.id for one in tried}
    with app.db.write() as connection:
        for due in batch:
            if due.id not in known:
                store.give_back(connection, due, app.clock())


def _settle(app: App, outlet: Outlet, tried: Sequence[Tried]) -> None:
    with app.db.write() as connection:
        now = app.clock()
        for one in tried:
            again = again_at(one.due.tries, now, random.random(), one.asked_for) if one.fault else None
            store.settle(connection, one.due, fault=one.fault, again_at=again, now=now)
        before = store.standing(connection, outlet.name)
        if before is None:
            return
        after, fault = _standing(before, tried, now), next((one.fault for one in reversed(tried) if one.fault), "")
        told_at = now if any(not one.fault for one in tried) else None
        store.keep_standing(connection, outlet.name, after, fault if after.failures else "", told_at)
    _log(outlet, tried, before, after)


def _standing(standing: Standing, tried: Sequence[Tried], now: datetime) -> Standing:
    """After a round: one that was told shows that it works, wherever it stands among those that were not."""
    if any(not one.fault for one in tried):
        return standing.after_success()
    return standing.after_failure(now, is_gone=any(one.is_gone for one in tried))


def _log(outlet: Outlet, tried: Sequence[Tried], before: Standing, after: Standing) -> None:
    failed = [one for one in tried if one.fault]
    log.info("told", outlet=outlet.name, told=len(tried) - len(failed), failed=len(failed))
    if failed:
        log.warning("not_told", outlet=outlet.name, messages=len(failed), why=failed[-1].fault)
    if after.disabled_at and not before.disabled_at:
        hint = f"once it works again: `aftercart webhooks enable {outlet.name}`"
        log.error("outlet_disabled", outlet=outlet.name, failing_since=after.failing_since, hint=hint)
