"""Another try for failed sends, because somebody asked for it.

Only failed ones: what was sent or may have been sent is never planned anew. Nothing is decided here; a send that is
planned anew goes through the whole gate like any other. Each one is a decision that is kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from aftercart.bootstrap import App
from aftercart.consent import store as consent
from aftercart.enrollment import store as enrollments
from aftercart.ledger import store as ledger
from aftercart.ledger.store import Choice, Failed
from aftercart.policy.reason import Reason

log = structlog.get_logger()

PAGE = 500
FIRST = UUID(int=0)
TOO_LATE = "it is no longer worth sending; say --valid-for to give it more time"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of the wish for one send: planned anew until `valid_until`, or `refused` for a reason in words.

    `campaign` None: it is a mail that asks to confirm a consent.
    """

    send_id: UUID
    campaign: str | None
    was: str | None
    valid_until: datetime | None
    refused: str | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "send_id": str(self.send_id),
            "campaign": self.campaign,
            "was": self.was,
            "replanned": self.refused is None,
            "valid_until": self.valid_until.isoformat() if self.valid_until else None,
            "refused": self.refused,
        }


def retry(
    app: App, choice: Choice, *, valid_for: timedelta | None = None, only_tell: bool = False, page: int = PAGE
) -> Iterator[Answer]:
    """Plan failed sends anew, page by page; each page is done when its answers come.

    `valid_for`: how long from now they are worth sending, in place of the time that they had. `only_tell`: change
    nothing.
    """
    after = FIRST
    while True:
        with app.db.write() as connection:
            now = app.clock()
            found = ledger.failed(connection, choice, after, page)
            answers = [_answer(send, valid_for, now) for send in found]
            planned = [(send, a.valid_until) for send, a in zip(found, answers, strict=True) if a.valid_until]
            if not only_tell:
                ledger.plan_anew(connection, planned, Reason.REPLANNED, now)
                enrollments.reopen(connection, (send.enrollment_id for send, _ in planned))
                ledger.keep_decisions(connection, [_decision(send, last_use, now) for send, last_use in planned])
        if planned and not only_tell:
            log.info("sends_replanned", sends=len(planned))
        yield from answers
        if len(found) < page:
            break
        after = found[-1].send_id
    yield from _ask_again(app, choice, valid_for, only_tell)


def _ask_again(app: App, choice: Choice, valid_for: timedelta | None, only_tell: bool) -> Iterator[Answer]:
    """The same for mails that ask to confirm a consent. They belong to no campaign."""
    if choice.campaign is not None:
        return
    with app.db.write() as connection:
        now = app.clock()
        found = consent.failed(connection, choice.ids, choice.reason)
        until = [asked.valid_until if valid_for is None else now + valid_for for asked in found]
        wanted = [(asked, last_use) for asked, last_use in zip(found, until, strict=True) if last_use > now]
        if not only_tell:
            consent.plan_anew(connection, wanted, Reason.REPLANNED, now)
    if wanted and not only_tell:
        log.info("confirmations_replanned", mails=len(wanted))
    planned = {asked.id: last_use for asked, last_use in wanted}
    for asked in found:
        refused = None if asked.id in planned else TOO_LATE
        yield Answer(asked.id, None, asked.reason, planned.get(asked.id), refused)


def _answer(send: Failed, valid_for: timedelta | None, now: datetime) -> Answer:
    last_use = send.valid_until if valid_for is None else now + valid_for
    if send.next_due and send.next_due > now:
        last_use = min(last_use, send.next_due)
    refused = _refusal(send, last_use, now)
    return Answer(send.send_id, send.campaign, send.reason, None if refused else last_use, refused)


def _refusal(send: Failed, last_use: datetime, now: datetime) -> str | None:
    if send.was_accepted:
        return "the provider did take it: its answer came late"
    if send.is_archived:
        return "it is too long ago: what was attempted is in the archive"
    if send.exit_reason:
        return f"the order has left the campaign ({send.exit_reason})"
    if send.next_due and send.next_due <= now:
        return "the next mail about the order is due already"
    if last_use <= now:
        return TOO_LATE
    return None


def _decision(send: Failed, valid_until: datetime, now: datetime) -> ledger.Decision:
    return ledger.Decision(
        at=now,
        stage="operator",
        campaign=send.campaign,
        order_id=send.order_id,
        send_id=send.send_id,
        outcome="replan",
        reason=Reason.REPLANNED,
        inputs={"failed_for": send.reason, "valid_until": valid_until.isoformat()},
    )
