"""Handing claimed messages to the sender, with two marks each.

The first (`sending`) is committed after the provider said go ahead and before the body leaves, together with the
outcome of the message before it; so at most one message of a connection can be in doubt when the process dies.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import Connection

from aftercart.bootstrap import App
from aftercart.campaigns.brand import Brand
from aftercart.db.session import is_passing
from aftercart.delivery.base import HasAccount, Message, Outcome, Receipt, Sender
from aftercart.delivery.kept import packed
from aftercart.delivery.retry import retry_at
from aftercart.enrollment import store as enrollments
from aftercart.ledger import store as ledger
from aftercart.ledger.states import SendState
from aftercart.outward import store as outward
from aftercart.pipeline.planning.planned import Planned
from aftercart.pipeline.sending.backlog import Held, keep_waiting
from aftercart.pipeline.sending.content import Content
from aftercart.pipeline.sending.gate import still_stands
from aftercart.policy import store as policy
from aftercart.policy.quiet_hours import person_hash
from aftercart.policy.reason import Reason
from aftercart.policy.suppression import SuppressionReason

log = structlog.get_logger()

HOLD = timedelta(seconds=60)
"""How long a claim may wait for its turn. Behind a slow server, what waits longer is given back and decided anew."""


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


def hand_over(app: App, claimed: Sequence[Claimed], heard: Callable[[], None] = lambda: None) -> None:
    """Hand over every message that may still go, and record what became of it.

    `heard` is called whenever control comes back from the sender, just before it goes on. Where marks cannot be
    written, raises the cause, once the mails under way have got their receipts.
    """
    if not claimed:
        return
    with _marks(app, claimed, heard) as marks:
        try:
            _send(app.sender, marks, marks.outgoing())
        except Exception as err:  # a door: a sender must not raise, but where one does, the others get through
            if is_passing(err):  # marks cannot be written: what was not begun is decided again when its lease ends
                raise
            log.exception("sender_failed", sender=app.sender.name)
            for message in marks.outgoing():
                _send_alone(app.sender, marks, message)
    if marks.fault:
        raise marks.fault


def _send(sender: Sender, marks: "_Marks", messages: Iterable[Message]) -> None:
    for receipt in sender.send_batch(messages, marks.go):
        marks.receive(receipt)


def _send_alone(sender: Sender, marks: "_Marks", message: Message) -> None:
    try:
        _send(sender, marks, [message])
    except Exception as err:  # the same door; a message whose body may have left becomes `unknown` by its lease
        if is_passing(err):
            raise
        if marks.waits(message):
            fault = f"{type(err).__name__}: {err}"[:500]
            marks.receive(Receipt(message.send_id, Outcome.DEFERRED, fault, fault_is_ours=True))


Begin = Callable[[], AbstractContextManager[Connection]]


@contextmanager
def _marks(app: App, claimed: Sequence[Claimed], heard: Callable[[], None]) -> "Iterator[_Marks]":
    """The marks of a batch share a connection. The last ones are written over another: the first may have broken."""
    with app.db.write_series() as begin:
        marks = _Marks(app, claimed, begin, heard)
        try:
            yield marks
        finally:
            with app.db.write() as connection:
                marks.finish(connection)


class _Marks:
    """The state of one batch on its way out."""

    def __init__(self, app: App, claimed: Sequence[Claimed], begin: Begin, heard: Callable[[], None]) -> None:
        self._app, self._heard = app, heard
        self._begin = begin
        self._claims = {claim.send_id: claim for claim in claimed}
        self._waiting = dict(self._claims)
        self._received: list[Receipt] = []
        self._given_back: dict[UUID, int] = {}
        self._held: list[Held] = []
        self._begun_at: dict[UUID, datetime] = {}
        self._hold_until = app.clock() + HOLD
        self._standing: dict[object, tuple[Brand, bool]] = {}
        self.fault: Exception | None = None
        """Why a mark could not be written. Nothing begins any more; what has begun elsewhere still gets its receipt."""

    def waits(self, message: Message) -> bool:
        """Whether it has neither begun nor got a receipt."""
        return message.send_id in self._waiting

    def outgoing(self) -> Iterator[Message]:
        """The messages in their turn. What must not go any more (night has come, a pause) is given back instead."""
        for claim in list(self._waiting.values()):
            if claim.send_id not in self._waiting:
                continue
            if self._may_still_go(claim, self._app.clock()):
                self._heard()
                yield claim.message
            else:
                self._give_back(claim)

    def _may_still_go(self, claim: Claimed, now: datetime) -> bool:
        in_time = now < min(self._hold_until, claim.planned.valid_until)
        return self.fault is None and in_time and self._stands(claim.planned, now)

    def _stands(self, planned: Planned, now: datetime) -> bool:
        """Whether it still stands: looked at once a second for all mails of a step in one place, and after each edit of
        the brand file."""
        brand = self._app.brand
        key = (planned.campaign_name, planned.step_id, planned.zone, now.replace(microsecond=0))
        known = self._standing.get(key)
        if known is None or known[0] is not brand:
            known = self._standing[key] = (brand, still_stands(self._app, planned, now))
        return known[1]

    def _give_back(self, claim: Claimed) -> None:
        self._given_back[claim.send_id] = claim.attempt
        self._waiting.pop(claim.send_id, None)

    def go(self, *messages: Message) -> set[UUID]:
        """Mark that bodies are about to leave, and what came of those before; the ids of those that may."""
        if self.fault:
            return set()
        try:
            return self._mark(messages)
        except Exception as err:  # raised here, it would end the conversations in which answers are awaited
            if not is_passing(err):
                raise
            self.fault = err
            return set()
        finally:
            self._heard()

    def _mark(self, messages: Sequence[Message]) -> set[UUID]:
        claims = [self._waiting[message.send_id] for message in messages]
        with self._begin() as connection:
            now = self._app.clock()  # not before: the transaction may have had to wait for its turn
            self._lock(connection, *(claim.send_id for claim in claims))
            self._settle(connection, now)
            starts = [
                ledger.Start(claim.send_id, claim.attempt, claim.message.message_id, claim.planned.is_owed)
                for claim in claims
                if self._may_still_go(claim, now)
            ]
            via = next((message.via for message in messages), "") or self._app.sender.name
            begun = ledger.begin(connection, starts, via, now)
        self._begun_at |= dict.fromkeys(begun, now)
        self._received = []
        for claim in claims:
            del self._waiting[claim.send_id]
        return begun

    def receive(self, receipt: Receipt) -> None:
        """Keep a receipt; it is written with the next mark, or at the end."""
        self._waiting.pop(receipt.send_id, None)
        if receipt.outcome is Outcome.WITHHELD:
            self._give_back(self._claims[receipt.send_id])
        elif receipt.outcome is Outcome.HELD:
            claim = self._claims[receipt.send_id]
            self._held.append(Held(claim.planned, claim.attempt, receipt))
        else:
            self._received.append(receipt)
        self._heard()

    def finish(self, connection: Connection) -> None:
        """Write what is left."""
        now = self._app.clock()
        self._lock(connection, *self._given_back, *(held.planned.send_id for held in self._held))
        self._settle(connection, now)
        ledger.release(connection, self._given_back, now)
        keep_waiting(connection, self._held, now)
        ids = {claim.planned.enrollment_id for claim in self._claims.values()}
        enrollments.complete(connection, ids, now)

    def _lock(self, connection: Connection, *send_ids: UUID) -> None:
        ledger.lock_sends(connection, {*send_ids, *(receipt.send_id for receipt in self._received)})

    def _settle(self, connection: Connection, now: datetime) -> None:
        settled = [_settled(self._claims[receipt.send_id], receipt, now) for receipt in self._received]
        ledger.settle(connection, settled, self._app.sender.name)
        if self._app.outlets and (taken := [one.send_id for one in settled if one.state is SendState.SENT]):
            outward.note_mails(connection, dict.fromkeys(taken, now), now)
        if doubts := [doubt for receipt in self._received if (doubt := self._doubt(receipt))]:
            ledger.keep_doubts(connection, doubts, now)
        if dead := [result for result in settled if result.reason == Reason.HARD_BOUNCE]:
            addresses = [self._claims[result.send_id].message.recipient for result in dead]
            policy.suppress(connection, addresses, SuppressionReason.HARD_BOUNCE, "delivery", now)
        if again := [result for result in settled if result.state is SendState.SCHEDULED]:
            # The shop may have corrected the address while this one was tried.
            ledger.readdress(connection, {self._claims[result.send_id].planned.order_id for result in again})
        for result in settled:
            log.info("handed_over", send_id=str(result.send_id), outcome=result.outcome, state=result.state)

    def _doubt(self, receipt: Receipt) -> ledger.Doubt | None:
        """A mail in doubt that its provider would know again: it is kept as it was handed over (see `doubts`)."""
        if not receipt.known_for:
            return None
        # Not from now: the provider counts from the request, and its silence took its time.
        claim, until = self._claims[receipt.send_id], self._begun_at[receipt.send_id] + receipt.known_for
        provider = receipt.via or self._app.sender.name
        account = account_at(self._app, provider)
        return ledger.Doubt(receipt.send_id, claim.attempt, provider, until, packed(claim.message), account)


def account_at(app: App, provider: str) -> str:
    """A keyed mark of the account through which this sender sends; empty where it has none."""
    sender: object = app.senders.get(provider)
    return sender.account(app.settings.secret_key[-1]) if isinstance(sender, HasAccount) else ""


def _settled(claim: Claimed, receipt: Receipt, now: datetime) -> ledger.Settled:
    state, reason, again = _next_state(claim, receipt, now)
    return ledger.Settled(
        send_id=claim.send_id,
        attempt=claim.attempt,
        message_id=claim.message.message_id,
        outcome=receipt.outcome,
        response=receipt.response,
        state=state,
        reason=reason,
        at=now,
        retry_at=again,
        provider=receipt.via,
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
            planned, asked_for = claim.planned, receipt.retry_after or timedelta(0)
            again = retry_at(planned.tries, person_hash(planned.email), now, planned.valid_until, asked_for)
            if again is None:
                return SendState.FAILED, Reason.GAVE_UP, None
            return SendState.SCHEDULED, Reason.PROVIDER_DEFERRED, again
