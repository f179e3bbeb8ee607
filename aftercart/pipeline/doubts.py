"""Mails in doubt are settled without a person, where their provider allows it.

1. Where the provider would know a mail again (an idempotency key), it is given the very same once more, under the same
   key: a mail that it has taken is answered as it was then, and one that never came goes now. One message, one mail.
2. Where it can be asked about a mail (its log), it is asked.

A question that tells nothing is put again, ever less often, for as long as an answer can be hoped for. What stays in
doubt then is left to `aftercart settle`. Webhooks that tell of a mail settle it before (`feedback`).
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from aftercart.bootstrap import App
from aftercart.delivery.base import Message, Outcome, Receipt, Sender
from aftercart.delivery.breaker import sign_of
from aftercart.delivery.kept import unpacked
from aftercart.errors import DeliveryError
from aftercart.ledger import store as ledger
from aftercart.ledger.states import SendState
from aftercart.ledger.store import Choice, Doubt
from aftercart.pipeline.gate import still_stands
from aftercart.pipeline.planned import load
from aftercart.pipeline.settle import askable_senders, settle_by_provider
from aftercart.policy import store as policy
from aftercart.policy.decision import Reason
from aftercart.policy.store import persons_of
from aftercart.policy.suppression import SuppressionReason

log = structlog.get_logger()

AT_ONCE = 20
"""Doubts in one round. A provider that is silent holds each of them up for a minute and a half."""
ASKED_FOR = timedelta(days=1)
"""How long after a hand-over its provider is asked. Logs are late by minutes, and many end after some days."""


def settle_doubts(app: App) -> int:
    """Clear up what can be cleared up now; how many mails were looked after."""
    now = app.clock()
    askable = askable_senders(app)
    with app.db.write() as connection:
        if askable:
            ledger.find_doubts(connection, askable, now - ASKED_FOR, now + ASKED_FOR)
        doubts = ledger.take_doubts(connection, now, AT_ONCE)
    for doubt in doubts:
        if doubt.message is not None and doubt.provider in app.senders:
            _give_again(app, app.senders[doubt.provider], doubt, unpacked(doubt.message))
    _ask(app, [doubt.send_id for doubt in doubts if doubt.message is None and doubt.provider in askable])
    return len(doubts)


def _ask(app: App, send_ids: Collection[UUID]) -> None:
    if not send_ids:
        return
    try:
        told = list(settle_by_provider(app, Choice(ids=send_ids)))
    except DeliveryError as err:
        log.warning("provider_not_asked", error=str(err))
        return
    log.info("provider_asked", sends=len(told), settled=sum(settlement.word is not None for settlement in told))


def _give_again(app: App, sender: Sender, doubt: Doubt, message: Message) -> None:
    now = app.clock()
    if not _may_go(app, doubt, now) or _must_wait(app, sender, message):
        return
    has_begun = False

    def go(*messages: Message) -> set[UUID]:
        nonlocal has_begun
        with app.db.write() as connection:
            has_begun = ledger.begin_again(connection, doubt, message.message_id, app.clock())
        return {one.send_id for one in messages} if has_begun else set()

    try:
        receipts = list(sender.send_batch([message], go))
    except Exception:  # a door, as for any hand-over: what had begun is in doubt again when its lease ends
        log.exception("sender_failed", sender=sender.name)
        return
    for receipt in receipts:
        app.traffic.report(sender.name, sign_of(receipt), receipt.response)
        if has_begun:
            _keep(app, doubt, message, receipt)


def _may_go(app: App, doubt: Doubt, now: datetime) -> bool:
    """It might leave only now, so it leaves at no hour and in no state in which it would not have left then."""
    with app.db.read() as connection:
        rows = ledger.unknown(connection, [doubt.send_id])
        person = persons_of(connection, {row["recipient_id"] for row in rows})
        planned = load(connection, rows, person, app.campaigns.by_name, app.campaigns.brand.time_zone)
    return bool(planned) and still_stands(app, planned[0], now)


def _must_wait(app: App, sender: Sender, message: Message) -> bool:
    domain = message.recipient.rpartition("@")[2].lower()
    view = app.traffic.view(sender.name, domain)
    return view.wait is not None or view.needs_probe or app.traffic.take(sender.name, domain) is not None


def _keep(app: App, doubt: Doubt, message: Message, receipt: Receipt) -> None:
    state, reason = _meaning(receipt)
    now = app.clock()
    result = ledger.Settled(
        send_id=doubt.send_id,
        attempt=doubt.attempt + 1,
        message_id=message.message_id,
        outcome=receipt.outcome,
        response=receipt.response,
        state=state,
        reason=reason,
        at=now,
        provider=doubt.provider,
    )
    with app.db.write() as connection:
        ledger.lock_sends(connection, {doubt.send_id})
        ledger.settle(connection, [result], doubt.provider)
        if state is SendState.UNKNOWN and receipt.outcome is Outcome.DEFERRED:  # it was busy, and has not looked
            again = Doubt(doubt.send_id, doubt.attempt + 1, doubt.provider, doubt.until, doubt.message)
            ledger.keep_doubts(connection, [again], now)
        if reason is Reason.HARD_BOUNCE:
            policy.suppress(connection, [message.recipient], SuppressionReason.HARD_BOUNCE, "delivery", now)
    log.info("given_again", send_id=str(doubt.send_id), outcome=receipt.outcome, state=state)


def _meaning(receipt: Receipt) -> tuple[SendState, Reason]:
    """Only a clear answer settles it: whatever else happens, the first hand-over may have been taken."""
    match receipt.outcome:
        case Outcome.ACCEPTED:
            return SendState.SENT, Reason.SENT
        case Outcome.REJECTED if not receipt.fault_is_ours:
            return SendState.FAILED, Reason.HARD_BOUNCE if receipt.hard_bounce else Reason.PROVIDER_REJECTED
        case _:
            return SendState.UNKNOWN, Reason.UNKNOWN_OUTCOME
