"""Several senders in the order in which they are to be used, behind the port of one.

A mail goes to the first sender that works and may be given more. The next is asked only where the first certainly did
not take it: it was never offered there, or came back before its hand-over was begun. When none can take it, it is
HELD: it waits unharmed, and no attempt is made of it.

A limit by the second is a pace: it is waited for. One by the hour or the day is used up, and the next sender goes on.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import sleep
from uuid import UUID

import structlog

from aftercart.clock import Clock
from aftercart.delivery.base import Go, Held, Message, Outcome, Receipt, Sender
from aftercart.delivery.limits.breaker import FAULTS_TO_OPEN, Sign, sign_of
from aftercart.delivery.limits.pace import PATIENCE, rest
from aftercart.delivery.limits.traffic import Traffic, Wait

log = structlog.get_logger()

SOON = timedelta(seconds=10)
"""When to come back to a sender that this batch gave up, and that does not count as out of order yet."""


class Router:
    """Chooses among senders. Safe to use from many threads."""

    def __init__(
        self, senders: Sequence[Sender], traffic: Traffic, clock: Clock, wait: Callable[[float], None] = sleep
    ) -> None:
        """`wait`: lets seconds pass."""
        self.name = " + ".join(sender.name for sender in senders)
        self.senders = tuple(senders)
        self.traffic, self.clock, self._wait = traffic, clock, wait

    def send_batch(self, messages: Iterable[Message], go: Go) -> Iterator[Receipt]:
        """Hand over the messages, each through the sender whose turn it is."""
        return _Batch(self, messages, go).run()

    def close(self) -> None:
        for sender in self.senders:
            sender.close()

    def rest(self, wait: Wait) -> bool:
        """Wait for the pace; False where that would take too long."""
        return rest(wait, self.clock, self._wait)


@dataclass(frozen=True, slots=True)
class _Chosen:
    sender: Sender
    is_probe: bool = False


_Waiting = tuple[Message, _Chosen | None]


class _Batch:
    """One batch on its way. Its senders pull messages when they are ready for them."""

    def __init__(self, router: Router, messages: Iterable[Message], go: Go) -> None:
        self._router, self._traffic = router, router.traffic
        self._messages, self._go = iter(messages), go
        self._first: deque[_Waiting] = deque()
        """Messages that a sender gave back; their turn comes before all others."""
        self._aside: dict[UUID, Message] = {}
        """Mail to a domain whose limit has to be waited for; its turn comes after all others."""
        self._aside_until: datetime | None = None
        self._told: deque[Receipt] = deque()
        """Receipts that no sender gives."""
        self._given_up: dict[str, str] = {}
        """Senders that could not be reached, and what they said."""
        self._refused: defaultdict[UUID, set[str]] = defaultdict(set)
        self._offered: dict[UUID, Message] = {}
        """Messages that a sender has taken and not answered yet."""
        self._begun: set[UUID] = set()
        self._losses: Counter[str] = Counter()
        """By sender, how many mails in a row it could not be given."""
        self._broke_over: defaultdict[str, set[str]] = defaultdict(set)
        """By sender, the recipients in a row over which its connection broke."""
        self._tried_in_vain: dict[UUID, Receipt] = {}
        """The receipts of mails over which a connection broke, and that wait for another sender."""
        self._fault: Exception | None = None
        """Why no sender could be chosen for the next mail."""

    def run(self) -> Iterator[Receipt]:
        while (waiting := self._next()) is not None:
            message, chosen = waiting
            choice = chosen or self._choose(message)
            if isinstance(choice, Wait):
                self._hold(message, choice)
            else:
                yield from self._through(choice, message)
            if self._fault:
                raise self._fault
            while self._told:
                yield self._told.popleft()

    def _next(self) -> _Waiting | None:
        if self._first:
            return self._first.popleft()
        if self._aside_until is None:
            message = next(self._messages, None)
            if message is not None:
                return message, None
            self._aside_until = self._router.clock() + PATIENCE
        return (self._aside.pop(next(iter(self._aside))), None) if self._aside else None

    def _hold(self, message: Message, wait: Wait) -> None:
        if wait.is_pace and wait.scope and self._aside_until is None:
            self._aside[message.send_id] = message
        else:
            self._told.append(self._held(message, wait))

    # ---------------------------------------------------------------- which sender

    def _choose(self, message: Message) -> _Chosen | Wait:
        waits: list[Wait] = []
        for sender in self._router.senders:
            if sender.name in self._given_up or sender.name in self._refused[message.send_id]:
                continue
            found = self._ask(sender, message)
            if isinstance(found, _Chosen):
                return found
            waits.append(found)
            if found.is_pace:
                break
        return min(waits, key=lambda wait: wait.until, default=self._soon())

    def _soon(self) -> Wait:
        name, words = next(iter(self._given_up.items()), (self._router.name, "it takes nothing just now"))
        return Wait(name, self._router.clock() + SOON, Held.DOWN, f"{name} is not to be reached: {words}")

    def _ask(self, sender: Sender, message: Message) -> _Chosen | Wait:
        """Choose this sender once its pace allows, or say what it waits for. Once chosen, it has counted the mail."""
        domain, deadline = message.domain, self._router.clock() + 2 * PATIENCE  # of its own, not of the batch
        while (wait := (view := self._traffic.view(sender.name, domain)).wait) or (
            # That was what this process knows; this is what all know.
            wait := self._traffic.take(sender.name, domain) if view.is_limited else None
        ):
            end = (self._aside_until or self._router.clock()) if wait.scope else deadline
            # What a sender has begun with must not wait for what it has not: it would all leave at once.
            if self._offered or self._router.clock() >= end or not self._router.rest(wait):
                return wait
        if view.needs_probe and not self._traffic.probe(sender.name):
            return Wait(sender.name, self._router.clock() + SOON, Held.DOWN, f"another mail tries {sender.name} now")
        return _Chosen(sender, view.needs_probe)

    # ---------------------------------------------------------------- through one sender

    def _through(self, chosen: _Chosen, message: Message) -> Iterator[Receipt]:
        sender = chosen.sender
        is_only_one = len(self._router.senders) == 1  # whose name the router bears: nothing needs to be said

        def go(*messages: Message) -> Collection[UUID]:
            self._begun |= {message.send_id for message in messages}
            if is_only_one:
                return self._go(*messages)
            return self._go(*(replace(message, via=sender.name) for message in messages))

        for receipt in sender.send_batch(self._feed(chosen, message), go):
            judged = self._judge(sender, receipt)
            if judged is not None:
                yield judged if judged.via or is_only_one else replace(judged, via=sender.name)

    def _feed(self, chosen: _Chosen, message: Message) -> Iterator[Message]:
        """Messages as long as this sender is the one to take them. One that probes gets no second."""
        yield self._offer(message)
        while not chosen.is_probe and chosen.sender.name not in self._given_up:
            waiting = self._next()
            if waiting is None:
                return
            try:
                following, choice = waiting[0], waiting[1] or self._choose(waiting[0])
            except Exception as err:  # noqa: BLE001  # raised now, it would end the conversations in which answers come
                self._fault = err
                return
            if isinstance(choice, Wait):
                if self._offered and choice.is_pace and (self._aside_until or not choice.scope):
                    self._first.appendleft((following, None))  # once those under way have their receipts
                    return
                self._hold(following, choice)
            elif choice != _Chosen(chosen.sender):
                self._first.appendleft((following, choice))
                return
            else:
                yield self._offer(following)

    def _judge(self, sender: Sender, receipt: Receipt) -> Receipt | None:
        """What the batch is told: the receipt, that it waits, or nothing yet where another sender takes it."""
        message, sign = self._offered.pop(receipt.send_id), sign_of(receipt)
        self._traffic.report(sender.name, self._news(sender, sign, message), receipt.response)
        if sign is Sign.WORKS:
            self._losses[sender.name] = 0
            self._broke_over[sender.name].clear()
        if sign not in (Sign.FAULT, Sign.DOUBT) or receipt.send_id in self._begun:
            return receipt
        self._refused[receipt.send_id].add(sender.name)
        if sign is Sign.DOUBT:
            return self._judge_doubt(sender, message, receipt)
        choice = self._choose(message)
        others = isinstance(choice, _Chosen) or choice.is_pace
        if receipt.outcome is Outcome.DEFERRED:
            self._losses[sender.name] += 1
            if others or self._losses[sender.name] > 1:
                self._given_up[sender.name] = receipt.response
        if others:
            self._fail_over(sender, message, choice)
            return None
        if self._losses[sender.name] > 1:  # it was not tried any more, or tried in vain after another
            return self._held(message, self._soon())
        return receipt

    def _news(self, sender: Sender, sign: Sign, message: Message) -> Sign:
        """Only the first mail to a mailbox over which connections break says anything about the sender."""
        is_known = message.tries > 0 or message.recipient in self._broke_over[sender.name]
        return Sign.NOTHING if sign is Sign.DOUBT and is_known else sign

    def _judge_doubt(self, sender: Sender, message: Message, receipt: Receipt) -> Receipt | None:
        """It has been tried: whatever the other senders do, it is not offered again before its pause."""
        broke_over = self._broke_over[sender.name]
        broke_over.add(message.recipient)
        if len(broke_over) >= FAULTS_TO_OPEN:
            self._given_up[sender.name] = receipt.response
        choice = self._choose(message)
        if not isinstance(choice, _Chosen) and not choice.is_pace:
            return receipt
        self._tried_in_vain[message.send_id] = replace(receipt, via=sender.name)
        self._fail_over(sender, message, choice)
        return None

    def _fail_over(self, sender: Sender, message: Message, choice: _Chosen | Wait) -> None:
        log.warning("failed_over", send_id=str(message.send_id), of=sender.name)
        self._first.append((message, choice if isinstance(choice, _Chosen) else None))

    def _offer(self, message: Message) -> Message:
        self._offered[message.send_id] = message
        return message

    def _held(self, message: Message, wait: Wait) -> Receipt:
        if tried := self._tried_in_vain.get(message.send_id):
            return tried
        until, words = self._traffic.queue(wait), wait.words
        return Receipt(message.send_id, Outcome.HELD, words, via=wait.sender, held=wait.held, held_until=until)
