"""Mails in doubt are settled without a person, where their provider allows it.

1. Where the provider would know a mail again (an idempotency key), it is given the very same once more, under the same
   key: a mail that it has taken is answered as it was then, and one that never came goes now. One message, one mail.
2. Where it can be asked about a mail (its log), it is asked.

A question that tells nothing is put again, ever less often, for as long as an answer can be hoped for. What stays in
doubt then is left to `aftercart settle`. Webhooks that tell of a mail settle it before (`feedback`).
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from uuid import UUID

import structlog

from aftercart.bootstrap import App
from aftercart.delivery.base import Message, Outcome, Receipt, Sender
from aftercart.delivery.kept import unpacked
from aftercart.delivery.limits.breaker import sign_of
from aftercart.delivery.limits.pace import PATIENCE, rest
from aftercart.errors import DeliveryError
from aftercart.ledger import store as ledger
from aftercart.ledger.states import SendState
from aftercart.ledger.store import Choice, Doubt
from aftercart.outward import store as outward
from aftercart.pipeline.planning.planned import load
from aftercart.pipeline.sending.gate import facts_of
from aftercart.pipeline.sending.hand_over import account_at
from aftercart.pipeline.sending.people import look_up_permissions
from aftercart.pipeline.sending.settle import askable_senders, settle_by_provider
from aftercart.policy import store as policy
from aftercart.policy.decision import once_more
from aftercart.policy.reason import Reason
from aftercart.policy.store import persons_of
from aftercart.policy.suppression import SuppressionReason

log = structlog.get_logger()

AT_ONCE = 20
"""Doubts in one round. A provider that is silent holds each of them up for a minute and a half."""
ASKED_FOR = timedelta(days=1)
"""How long after a hand-over its provider is asked. Logs are late by minutes, and many end after some days."""


def settle_doubts(app: App) -> int:
    """Clear up what can be cleared up now; how many mails were looked after."""
    askable = askable_senders(app)
    if askable:
        with app.db.write() as connection:
            now = app.clock()
            ledger.find_doubts(connection, askable, now - ASKED_FOR, now + ASKED_FOR)
    to_ask: list[UUID] = []
    looked_after = 0
    while looked_after < AT_ONCE and (doubt := _take(app)):
        looked_after += 1
        if doubt.message is not None:
            _give_again(app, doubt, replace(unpacked(doubt.message), is_repeat=True))
        elif doubt.provider in askable:
            to_ask.append(doubt.send_id)
    _ask(app, to_ask)
    return looked_after


def _take(app: App) -> Doubt | None:
    """The next doubt. One at a time: while one is handed over, the time of the others may run out."""
    with app.db.write() as connection:
        return next(iter(ledger.take_doubts(connection, app.clock(), 1)), None)


def _ask(app: App, send_ids: Collection[UUID]) -> None:
    if not send_ids:
        return
    try:
        told = list(settle_by_provider(app, Choice(ids=send_ids)))
    except DeliveryError as err:
        log.warning("provider_not_asked", error=str(err))
        return
    log.info("provider_asked", sends=len(told), settled=sum(settlement.word is not None for settlement in told))


def _give_again(app: App, doubt: Doubt, message: Message) -> None:
    sender = app.senders.get(doubt.provider)
    if sender is None or account_at(app, doubt.provider) != doubt.account:
        log.warning("account_not_found", send_id=str(doubt.send_id), provider=doubt.provider)
        return
    if not _may_go(app, doubt) or _is_shut(app, sender, message):
        return
    has_begun = False

    def go(*messages: Message) -> set[UUID]:
        nonlocal has_begun
        if not _has_turn(app, sender, message):
            return set()
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


def _may_go(app: App, doubt: Doubt) -> bool:
    """Whether the mail may still go. It may never have left, so the gate is asked once more, with the facts of now.

    All but holdout, content and caps: it has passed those, and may have arrived.
    """
    with app.db.read() as connection:
        now = app.clock()
        row = ledger.may_begin_again(connection, doubt, now)
        if row is None:
            return False
        person = persons_of(connection, [row["recipient_id"]])
        batch = load(connection, [row], person, app.campaigns.by_name, app.campaigns.brand.time_zone)
        people = look_up_permissions(connection, app, person, now)
    verdicts = [once_more(facts_of(app, planned, people, now)) for planned in batch]
    for stop in (stop for verdict in verdicts for stop in verdict.stops):
        log.info("not_given_again", send_id=str(doubt.send_id), reason=stop)
    return bool(verdicts) and not any(verdict.stops for verdict in verdicts)


def _is_shut(app: App, sender: Sender, message: Message) -> bool:
    wait = app.traffic.view(sender.name, message.domain).wait
    return wait is not None and not wait.is_pace


def _has_turn(app: App, sender: Sender, message: Message) -> bool:
    """Wait for the sender's pace, and count the mail under its limits; False where that would take too long.

    Where the sender was out of order, this may be the mail that tries it.
    """
    domain, end = message.domain, app.clock() + 2 * PATIENCE
    while wait := (view := app.traffic.view(sender.name, domain)).wait or app.traffic.take(sender.name, domain):
        if app.clock() >= end or not rest(wait, app.clock):
            return False
    return not view.needs_probe or app.traffic.probe(sender.name)


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
        outward.note_mails(connection, {doubt.send_id: result.at}, result.at)
        if state is SendState.UNKNOWN and _was_busy_or_ill(receipt):
            ledger.ask_later(connection, doubt)
        else:
            ledger.forget_doubt(connection, doubt)
        if reason is Reason.HARD_BOUNCE:
            policy.suppress(connection, [message.recipient], SuppressionReason.HARD_BOUNCE, "delivery", now)
    log.info("given_again", send_id=str(doubt.send_id), outcome=receipt.outcome, state=state)


def _was_busy_or_ill(receipt: Receipt) -> bool:
    """Whether it answered, perhaps without looking at the mail: it may be asked again while it would know the mail."""
    return receipt.outcome is Outcome.DEFERRED or (receipt.code or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR


def _meaning(receipt: Receipt) -> tuple[SendState, Reason]:
    """Only a clear answer settles it: whatever else happens, the first hand-over may have been taken."""
    match receipt.outcome:
        case Outcome.ACCEPTED:
            return SendState.SENT, Reason.SENT
        case Outcome.REJECTED if not receipt.fault_is_ours:
            return SendState.FAILED, Reason.HARD_BOUNCE if receipt.hard_bounce else Reason.PROVIDER_REJECTED
        case _:
            return SendState.UNKNOWN, Reason.UNKNOWN_OUTCOME
