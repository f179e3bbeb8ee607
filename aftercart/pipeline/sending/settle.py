"""Sends of which nobody knows whether they left, settled: by the word of a person, or of the provider.

A send that did not leave becomes `failed`, and stays so until `aftercart retry` plans it anew: two words of a person
stand between a mail in doubt and another one. Each settlement is a decision that is kept. Mails that ask to confirm a
consent belong to no order and have no decisions: their rows keep what was said last.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection

from aftercart.bootstrap import App
from aftercart.consent import states as of_confirmation
from aftercart.consent import store as consent
from aftercart.consent.states import ConfirmationState
from aftercart.delivery.base import Found, LooksUp
from aftercart.errors import ConfigError, DeliveryError
from aftercart.ledger import store as ledger
from aftercart.ledger.states import SendState, Word
from aftercart.ledger.store import Choice, InDoubt
from aftercart.outward import store as outward
from aftercart.policy.reason import Reason
from aftercart.transitions import Transition

log = structlog.get_logger()

PAGE = 500
FIRST = UUID(int=0)


_MEANS: Mapping[Word, tuple[SendState, Reason]] = {
    Word.SENT: (SendState.SENT, Reason.SETTLED_SENT),
    Word.NOT_SENT: (SendState.FAILED, Reason.SETTLED_NOT_SENT),
    Word.LEAVE: (SendState.UNKNOWN, Reason.LEFT_UNKNOWN),
}
_OF_QUESTIONS: Mapping[Word, Transition[ConfirmationState]] = {
    Word.SENT: of_confirmation.SETTLE_SENT,
    Word.NOT_SENT: of_confirmation.SETTLE_NOT_SENT,
    Word.LEAVE: of_confirmation.LEAVE_UNKNOWN,
}
_FOUND: Mapping[Found, Word] = {Found.TAKEN: Word.SENT, Found.NEVER_CAME: Word.NOT_SENT}


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of one send. `word` None: the provider could not tell, so it stays in doubt.

    `campaign` None: it is a mail that asks to confirm a consent.
    """

    send_id: UUID
    campaign: str | None
    word: Word | None

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {"send_id": str(self.send_id), "campaign": self.campaign, "settled": self.word}


def settle_by_hand(app: App, choice: Choice, word: Word, *, only_tell: bool = False) -> Iterator[Settlement]:
    """Settle by the word of a person. A send that was left in doubt on purpose is not left there once more."""

    def judge(page: Sequence[InDoubt]) -> dict[UUID, Word]:
        return {send.send_id: word for send in page if send.reason != _MEANS[word][1]}

    yield from _settle(app, choice, judge, "hand", only_tell)
    yield from _settle_questions(app, choice, word, only_tell)


def _settle_questions(app: App, choice: Choice, word: Word, only_tell: bool) -> Iterator[Settlement]:
    reason = _MEANS[word][1]
    with app.db.write() as connection:
        found = [asked for asked in _questions(connection, choice) if asked.reason != reason]
        if not only_tell:
            consent.settle_in_doubt(connection, [asked.id for asked in found], _OF_QUESTIONS[word], reason)
    if found and not only_tell:
        log.info("confirmations_settled", mails=len(found), by="hand")
    yield from (Settlement(asked.id, None, word) for asked in found)


def _questions(connection: Connection, choice: Choice) -> list[consent.Asked]:
    return [] if choice.campaign is not None else consent.in_doubt(connection, choice.ids, choice.reason)


def settle_by_provider(app: App, choice: Choice, *, only_tell: bool = False) -> Iterator[Settlement]:
    """Each provider is asked about the mails that it was given; what it does not know stays in doubt.

    Raises ConfigError where none can be asked, and DeliveryError where none answers.
    """
    askable = askable_senders(app)
    if not askable:
        raise ConfigError(
            f"{app.sender.name} cannot look a mail up: look into its log yourself and say --sent, --not-sent or --leave"
        )
    return chain(
        _settle(app, choice, lambda page: _asked(askable, page), f"look-up at {' + '.join(askable)}", only_tell),
        _not_looked_up(app, choice),
    )


def _not_looked_up(app: App, choice: Choice) -> Iterator[Settlement]:
    """Mails that ask for a confirmation: which provider got them is not kept, so none can be asked."""
    with app.db.write() as connection:
        found = _questions(connection, choice)
    yield from (Settlement(asked.id, None, None) for asked in found)


def askable_senders(app: App) -> dict[str, LooksUp]:
    """Those that can be asked about a mail, by name."""
    return {name: sender for name, sender in app.senders.items() if isinstance(sender, LooksUp)}


def _asked(askable: Mapping[str, LooksUp], page: Sequence[InDoubt]) -> dict[UUID, Word]:
    """What the providers know of these mails. One that does not answer keeps nobody from asking the others."""
    words: dict[UUID, Word] = {}
    faults: list[DeliveryError] = []
    answered = False
    for name, sender in askable.items():
        given = {send.message_id: send.send_id for send in page if send.message_id and send.provider == name}
        if not given:
            continue
        try:
            found = sender.look_up(list(given))
        except DeliveryError as err:
            log.warning("provider_not_asked", provider=name, error=str(err))
            faults.append(err)
            continue
        answered = True
        words |= {given[message_id]: _FOUND[told] for message_id, told in found.items() if told in _FOUND}
    if faults and not answered:
        raise faults[0]
    return words


def _settle(
    app: App,
    choice: Choice,
    judge: Callable[[Sequence[InDoubt]], Mapping[UUID, Word]],
    by: str,
    only_tell: bool,
) -> Iterator[Settlement]:
    """Page by page: nothing is locked while the provider is asked, and what has changed since is left alone."""
    after = FIRST
    while True:
        with app.db.read() as connection:
            page = ledger.in_doubt(connection, choice, after, PAGE)
        words = judge(page)
        if words and not only_tell:
            _keep(app, page, words, by)
        yield from (Settlement(send.send_id, send.campaign, words.get(send.send_id)) for send in page)
        if len(page) < PAGE:
            return
        after = page[-1].send_id


def _keep(app: App, judged: Sequence[InDoubt], words: Mapping[UUID, Word], by: str) -> None:
    """A word is about the hand-over that was judged; one that was begun since has none yet."""
    attempts = {(send.send_id, send.attempt) for send in judged}
    with app.db.write() as connection:
        now = app.clock()
        found = ledger.in_doubt(connection, Choice(ids=list(words)), FIRST, PAGE, hold=True)
        still = [send for send in found if (send.send_id, send.attempt) in attempts]
        ledger.settle_in_doubt(connection, {send.send_id: _MEANS[words[send.send_id]] for send in still})
        outward.note_mails(connection, {send.send_id: now for send in still}, now)
        ledger.keep_decisions(connection, [_decision(send, words[send.send_id], by, now) for send in still])
    log.info("sends_settled", sends=len(still), by=by)


def _decision(send: InDoubt, word: Word, by: str, now: datetime) -> ledger.Decision:
    return ledger.Decision(
        at=now,
        stage="operator",
        campaign=send.campaign,
        order_id=send.order_id,
        send_id=send.send_id,
        outcome="settle",
        reason=_MEANS[word][1],
        inputs={"settled_by": by, "attempt": send.attempt, "provider": send.provider},
    )
