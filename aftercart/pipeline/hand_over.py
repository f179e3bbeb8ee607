"""Handing claimed messages to the sender, with two marks each.

The first (`sending`) is committed after the provider said go ahead and before the body leaves, together with the
outcome of the message before it; so at most one message of a connection can be in doubt when the process dies.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection

from aftercart.bootstrap import App
from aftercart.db.session import is_passing
from aftercart.delivery.base import Message, Outcome, Receipt, Sender
from aftercart.ledger import store as ledger
from aftercart.ledger.states import SendState
from aftercart.pipeline.content import Content
from aftercart.pipeline.planned import Planned
from aftercart.policy import store as policy
from aftercart.policy.decision import Reason
from aftercart.policy.quiet_hours import person_hash
from aftercart.policy.suppression import SuppressionReason

log = structlog.get_logger()

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=1)
RENEW_AFTER = timedelta(seconds=30)


@dataclass(frozen=True)
class Claimed:
    """Content that was claimed under `attempt`, the fencing token."""

    planned: Planned
    content: Content
    attempt: int

    @property
    def send_id(self) -> UUID:
        return self.planned.send_id

    @property
    def message(self) -> Message:
        if self.content.message is None:
            raise ValueError("only content with a message is claimed")
        return self.content.message


def hand_over(app: App, claimed: Sequence[Claimed]) -> None:
    """Hand over every message and record what became of it."""
    if not claimed:
        return
    marks = _Marks(app, claimed)
    try:
        _send(app.sender, marks, marks.waiting)
    except Exception as err:  # a door: a sender must not raise, but where one does, the other messages get through
        if is_passing(err):  # marks cannot be written: what was not begun is decided again when its lease ends
            raise
        log.exception("sender_failed", sender=app.sender.name)
        for message in marks.waiting:
            _send_alone(app.sender, marks, message)
    finally:
        marks.finish()


def _send(sender: Sender, marks: "_Marks", messages: Sequence[Message]) -> None:
    for receipt in sender.send_batch(messages, marks.go):
        marks.receive(receipt)


def _send_alone(sender: Sender, marks: "_Marks", message: Message) -> None:
    try:
        _send(sender, marks, [message])
    except Exception as err:  # the same door; a message whose body may have left becomes `unknown` by its lease
        if is_passing(err):
            raise
        if message in marks.waiting:
            fault = f"{type(err).__name__}: {err}"[:500]
            marks.receive(Receipt(message.send_id, Outcome.DEFERRED, fault, fault_is_ours=True))


class _Marks:
    """The state of one batch on its way out."""

    def __init__(self, app: App, claimed: Sequence[Claimed]) -> None:
        self._app = app
        self._waiting = {claim.send_id: claim for claim in claimed}
        self._claims = dict(self._waiting)
        self._received: list[Receipt] = []
        self._renewed_at = app.clock()

    @property
    def waiting(self) -> list[Message]:
        """The messages that have neither begun nor got a receipt."""
        return [claim.message for claim in self._waiting.values()]

    def go(self, message: Message) -> bool:
        """Mark that the body is about to leave; False if it must not."""
        self._renew()
        claim = self._waiting[message.send_id]
        with self._app.db.write() as connection:
            now = self._app.clock()  # not before: the transaction may have had to wait for its turn
            self._settle(connection, self._received, now)
            goes = ledger.begin(
                connection, claim.send_id, claim.attempt, self._app.sender.name, message.message_id, now
            )
        self._received = []
        del self._waiting[message.send_id]
        return goes

    def receive(self, receipt: Receipt) -> None:
        """Keep a receipt; it is written with the next mark, or at the end."""
        self._waiting.pop(receipt.send_id, None)
        self._received.append(receipt)

    def finish(self) -> None:
        """Write what is left."""
        with self._app.db.write() as connection:
            now = self._app.clock()
            self._settle(connection, self._received, now)
            ids = {claim.planned.enrollment_id for claim in self._claims.values()}
            ledger.complete_enrollments(connection, ids, now)

    def _renew(self) -> None:
        """In a transaction of its own: it touches many rows, and a mark must not wait for another's."""
        now = self._app.clock()
        if now - self._renewed_at < RENEW_AFTER:
            return
        with self._app.db.write() as connection:
            ledger.renew(connection, {c.send_id: c.attempt for c in self._waiting.values()}, now)
        self._renewed_at = now

    def _settle(self, connection: Connection, received: Sequence[Receipt], now: datetime) -> None:
        settled = [
            _settled(self._claims[receipt.send_id], receipt, now)
            for receipt in received
            if receipt.outcome is not Outcome.WITHHELD
        ]
        ledger.settle(connection, settled, self._app.sender.name)
        ledger.keep_decisions(connection, [self._decision(result) for result in settled])
        policy.suppress(connection, self._dead_addresses(settled), SuppressionReason.HARD_BOUNCE, "delivery", now)
        withheld = [self._claims[r.send_id] for r in received if r.outcome is Outcome.WITHHELD]
        ledger.release(connection, {claim.send_id: claim.attempt for claim in withheld}, now)
        for result in settled:
            log.info("handed_over", send_id=str(result.send_id), outcome=result.outcome, state=result.state)

    def _dead_addresses(self, settled: Sequence[ledger.Settled]) -> list[str]:
        return [self._claims[r.send_id].message.recipient for r in settled if r.reason == Reason.HARD_BOUNCE]

    def _decision(self, settled: ledger.Settled) -> dict[str, Any]:
        planned = self._claims[settled.send_id].planned
        return {
            "at": settled.at,
            "stage": "delivery",
            "campaign": planned.campaign_name,
            "order_id": planned.order_id,
            "send_id": settled.send_id,
            "outcome": "defer" if settled.retry_at else settled.outcome,
            "reason": settled.reason,
            "until": settled.retry_at,
            "inputs": {"provider": self._app.sender.name, "response": settled.response},
        }


def _settled(claim: Claimed, receipt: Receipt, now: datetime) -> ledger.Settled:
    state, reason, retry_at = _next_state(claim, receipt, now)
    return ledger.Settled(
        send_id=claim.send_id,
        attempt=claim.attempt,
        message_id=claim.message.message_id,
        outcome=receipt.outcome,
        response=receipt.response,
        state=state,
        reason=reason,
        at=now,
        retry_at=retry_at,
    )


def _next_state(claim: Claimed, receipt: Receipt, now: datetime) -> tuple[SendState, Reason, datetime | None]:
    match receipt.outcome:
        case Outcome.ACCEPTED:
            return SendState.SENT, Reason.SENT, None
        case Outcome.UNKNOWN:
            return SendState.UNKNOWN, Reason.UNKNOWN_OUTCOME, None
        case Outcome.REJECTED if not receipt.fault_is_ours:
            return SendState.FAILED, Reason.HARD_BOUNCE if receipt.hard_bounce else Reason.PROVIDER_REJECTED, None
        case _:  # deferred, or refused for a fault of ours that can be mended: the recipient must not lose by it
            retry_at = now + _pause(claim)
            if retry_at >= claim.planned.valid_until:
                return SendState.FAILED, Reason.GAVE_UP, None
            return SendState.SCHEDULED, Reason.PROVIDER_DEFERRED, retry_at


def _pause(claim: Claimed) -> timedelta:
    """Twice as long each time, at most an hour, spread by a tenth so that a backlog does not come back at once."""
    planned = claim.planned
    doublings: int = 2 ** min(planned.tries, 10)
    pause = min(FIRST_RETRY * doublings, LONGEST_RETRY)
    return pause * (1 + (person_hash(planned.email) + planned.tries) % 100 / 1000)
