"""Double opt-in: one mail asks whether a new yes is meant, and a click on a button answers.

The mail is transactional: it answers what somebody just did, so that it passes a suppression of marketing, and nothing
else. It is handed over as sends are: claimed, marked before its body leaves, settled; at most once.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import Connection

from aftercart.bootstrap import App
from aftercart.consent import store as consent
from aftercart.consent.statement import ConsentState
from aftercart.consent.states import ACCEPT, LOSE, REFUSE, TRY_AGAIN
from aftercart.consent.store import Asking
from aftercart.db.session import is_passing
from aftercart.delivery.base import Message, Outcome, Receipt
from aftercart.delivery.retry import retry_at
from aftercart.errors import TemplateError
from aftercart.pipeline.watch import held
from aftercart.policy import store as policy
from aftercart.policy.decision import RECHECK, suppressed_as
from aftercart.policy.quiet_hours import person_hash
from aftercart.policy.reason import Reason
from aftercart.policy.suppression import MailClass, Suppression, SuppressionReason, blocks
from aftercart.rendering.renderer import Renderer
from aftercart.rendering.running.context import CONFIRMATION

log = structlog.get_logger()


def ask(app: App, ids: Collection[UUID]) -> None:
    """Ask those of these people who still have to be asked. While all sending is switched off, nobody is.

    A pause of the guard does not hold the question: it is owed to somebody who has just said yes.
    """
    if not app.brand.paused:
        _hand_over(app, _claim(app, ids))


def _claim(app: App, ids: Collection[UUID]) -> list[Asking]:
    """Claim the questions that still have to be put: not to people who may get no mail at all or have answered by now.

    While all mail is held, none is claimed, though a message about it may have been under way already.
    """
    with app.db.write() as connection:
        if held(connection):
            return []
        now = app.clock()
        due = consent.claim(connection, ids, now)
        person = policy.persons_of(connection, {asking.recipient_id for asking in due})
        addresses = policy.addresses_of(connection, person)
        entries = policy.suppressions_of_persons(connection, person, addresses, app.address_hashes)
        states = consent.standings(connection, person, now, app.brand.consent_rules)
        stops = [
            (asking, reason)
            for asking in due
            if (reason := _stop(asking, entries.get(asking.recipient_id, ()), states.get(asking.recipient_id), now))
        ]
        consent.skip(connection, stops)
    stopped = {asking.id for asking, _ in stops}
    return [asking for asking in due if asking.id not in stopped]


def _stop(asking: Asking, entries: Sequence[Suppression], state: ConsentState | None, now: datetime) -> Reason | None:
    if now >= asking.valid_until:
        return Reason.EXPIRED
    if blocked := blocks(entries, MailClass.TRANSACTIONAL):
        return suppressed_as(blocked)
    return None if state is ConsentState.PENDING else Reason.NO_CONSENT


def _hand_over(app: App, claimed: Sequence[Asking]) -> None:
    """Hand questions over. Where marks cannot be written, raises the cause, once those under way have receipts."""
    marks = _Marks(app, claimed)
    try:
        for receipt in app.sender.send_batch(_messages(app, claimed), marks.go):
            marks.receive(receipt)
    finally:
        marks.finish()
    if marks.fault:
        raise marks.fault


class _Marks:
    """The state of one batch on its way out (as in `hand_over`)."""

    def __init__(self, app: App, claimed: Sequence[Asking]) -> None:
        self._app = app
        self._claimed = {asking.id: asking for asking in claimed}
        self._received: list[Receipt] = []
        self.fault: Exception | None = None
        """Why a mark could not be written. Nothing begins any more; what has begun elsewhere still gets its receipt."""

    def go(self, *messages: Message) -> set[UUID]:
        """Mark that bodies are about to leave, and what came of those before; the ids of those that may."""
        if self.fault:
            return set()
        try:
            return self._mark([self._claimed[message.send_id] for message in messages])
        except Exception as err:  # raised here, it would end the conversations in which answers are awaited
            if not is_passing(err):
                raise
            self.fault = err
            return set()

    def receive(self, receipt: Receipt) -> None:
        """Keep a receipt; it is written with the next mark, or at the end."""
        self._received.append(receipt)

    def finish(self) -> None:
        """Write what is left."""
        if self._received:
            self._mark(())

    def _mark(self, starts: Collection[Asking]) -> set[UUID]:
        with self._app.db.write() as connection:
            now = self._app.clock()  # not before: the transaction may have had to wait for its turn
            for receipt in self._received:
                _settle(connection, self._claimed[receipt.send_id], receipt, now)
            begun = consent.begin(connection, starts, now)
        for receipt in self._received:
            _tell(receipt)
        self._received = []
        return begun


IN_DOUBT = (
    "see `aftercart sends --confirmations --state unknown`; `aftercart settle ID` takes your word for what became of it"
)


def _tell(receipt: Receipt) -> None:
    if receipt.outcome is Outcome.UNKNOWN:
        log.error(
            "confirmations_unknown", mails=1, what=f"the connection broke while asking for confirmation; {IN_DOUBT}"
        )
    log.info("confirmation", id=str(receipt.send_id), outcome=receipt.outcome)


def _messages(app: App, claimed: Sequence[Asking]) -> Sequence[Message]:
    """The mails, all made before the first is handed over: a fault in one ends no conversation with a server."""
    messages = []
    for asking in claimed:
        try:
            messages.append(_message(app, asking))
        except TemplateError as err:
            log.error("confirmation_template_error", error=str(err))
            with app.db.write() as connection:
                again = app.clock() + RECHECK
                consent.settle(connection, asking, TRY_AGAIN, reason=Reason.TEMPLATE_ERROR, wake_at=again)
    return messages


def _message(app: App, asking: Asking) -> Message:
    """Raises TemplateError."""
    brand, base = app.brand, app.settings.base_url
    renderer = _renderer(app)
    locale = renderer.locale_for(CONFIRMATION, asking.locale, brand.locale)
    rendered = renderer.template(CONFIRMATION, locale).render(
        {
            "brand": brand.for_templates(),
            "recipient": {"first_name": asking.first_name or None, "locale": locale},
            "links": {
                "confirm": f"{base}/y/{app.tokens.confirm(asking.recipient_id, asking.id)}",
                "unsubscribe": f"{base}/u/{app.tokens.unsubscribe(asking.recipient_id, asking.id)}",
            },
            "campaign": {"name": CONFIRMATION, "step": CONFIRMATION},
            "picks": [],
        },
        lambda url: url,
    )
    return Message(
        send_id=asking.id,
        message_id=f"<{asking.id}@{brand.domain}>",
        sender=brand.sender,
        recipient=asking.email,
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        date=app.clock(),
        headers={"Auto-Submitted": "auto-generated", **({"Reply-To": brand.reply_to} if brand.reply_to else {})},
        bounce_to=app.bounces.of(asking.id) if app.bounces else "",
    )


def _renderer(app: App) -> Renderer:
    """The one that has the template: the shop's, if it has written its own."""
    has_own = (app.settings.templates_dir / CONFIRMATION / "body.mjml").is_file()
    return app.renderer if has_own else app.own_renderer


def _settle(connection: Connection, asking: Asking, receipt: Receipt, now: datetime) -> None:
    words = {"response": receipt.response, "tries": asking.tries + 1}
    match receipt.outcome:
        case Outcome.ACCEPTED:
            consent.settle(connection, asking, ACCEPT, reason=Reason.SENT, sent_at=now, **words)
        case Outcome.UNKNOWN:
            consent.settle(connection, asking, LOSE, reason=Reason.UNKNOWN_OUTCOME, **words)
        case Outcome.WITHHELD:
            consent.settle(connection, asking, TRY_AGAIN, wake_at=now + RECHECK)
        case Outcome.HELD:
            again = receipt.held_until or now + RECHECK
            consent.settle(connection, asking, TRY_AGAIN, reason=Reason.PROVIDER_THROTTLED, wake_at=again)
        case Outcome.REJECTED if not receipt.fault_is_ours:
            gone = receipt.hard_bounce
            reason = Reason.HARD_BOUNCE if gone else Reason.PROVIDER_REJECTED
            consent.settle(connection, asking, REFUSE, reason=reason, **words)
            if gone:
                policy.suppress(connection, [asking.email], SuppressionReason.HARD_BOUNCE, "delivery", now)
        case _:
            later = retry_at(asking.tries, person_hash(asking.email), now, asking.valid_until)
            change, reason = (TRY_AGAIN, Reason.PROVIDER_DEFERRED) if later else (REFUSE, Reason.GAVE_UP)
            consent.settle(connection, asking, change, reason=reason, wake_at=later or now, **words)
