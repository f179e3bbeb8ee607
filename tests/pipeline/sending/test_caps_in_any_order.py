"""Caps, whatever happens in whatever order: orders, workers, failures, clocks, edits, people who turn out to be one,
what people choose for themselves, and how little they care.

The engine is the real one, its hand-over cut in two so that anything may happen in between. What holds is counted anew
from the table of sends, by brute force. For more than the few runs of the suite (some minutes):

    pytest --hypothesis-profile=long tests/pipeline/sending/test_caps_in_any_order.py
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, func, select

from aftercart.bootstrap import App
from aftercart.campaigns.live import LiveCampaigns
from aftercart.db.tables import Row, clicks, decisions, orders, preferences, recipients, sends
from aftercart.delivery.base import Go, Message, Outcome, Receipt
from aftercart.ids import new_id
from aftercart.ledger import store as ledger
from aftercart.ledger.states import OPEN
from aftercart.pipeline.recipients import permission
from aftercart.pipeline.recipients.prefer import Posted, keep_choice
from aftercart.pipeline.sending.dispatch import dispatch
from aftercart.pipeline.sending.hand_over import Claimed, hand_over
from aftercart.pipeline.sending.send import claim
from aftercart.policy.frequency_cap import FrequencyCap
from aftercart.policy.preferences import Pace
from aftercart.testing import ListQueue, engine
from tests.cast import ADA, MONDAY, Shop, order, tell
from tests.jumping_clock import JumpingClock
from tests.pipeline.sending.caps_counted import Holding, Person, Terms, as_one, counts, fullest, may_be_ignored

MINUTE = timedelta(minutes=1)
PEOPLE = range(3)
WORKERS = range(3)
TOPICS = {"things", "news"}.union
ENDED = {"sent", "failed", "skipped", "canceled", "unknown"}
BRAND_CAPS = (
    "",
    "1 per 2h",
    "2 per 5h",
    "1 per day",
    "2 per day",
    "3 per week",
    "1 per 3h per topic",
    "2 per day per topic",
)
OWN_CAPS = (
    "",
    "1 per 4h per campaign",
    "1 per 1d",
    "2 per day per campaign",
    "1 per 6h per topic",
    "1 per week per topic",
)


@dataclass
class Files:
    """What the shop owner has written."""

    brand_cap: str = "2 per 5h"
    paused: bool = False
    own_caps: dict[str, str] = field(
        default_factory=lambda: {"tips": "1 per 4h per campaign", "news": "", "offers": ""}
    )
    priorities: dict[str, int] = field(default_factory=lambda: {"tips": 30, "news": 50, "offers": 80})
    on_cap: dict[str, str] = field(default_factory=lambda: {"tips": "defer", "news": "drop", "offers": "replace"})
    on_drop: str = "go_on"
    tighten_after: int | None = None

    def write(self, shop: Shop) -> None:
        cap = f"frequency_cap: [{self.brand_cap}]\n"
        tighten = f"guard: {{tighten_after: {self.tighten_after or 'null'}}}\n"
        shop.write(
            *(self._campaign(name, number) for number, name in enumerate(self.own_caps)),
            _RECEIPTS,
            brand=f'{cap}{tighten}paused: {str(self.paused).lower()}\nquiet_hours: "23:00-05:00"\n',
        )

    def _campaign(self, name: str, number: int) -> str:
        return f"""\
campaign: {name}
status: active
trigger: order.completed
topic: {"news" if name == "news" else "things"}
steps:
  - {{id: first, after: {60 + number}m, valid_for: 6h, template: plain}}
  - {{id: second, after: {5 + number}h, valid_for: 6h, template: plain}}
limits:
  frequency_cap: [{self.own_caps[name]}]
  priority: {self.priorities[name]}
  on_cap: {self.on_cap[name]}
  on_drop: {self.on_drop}
  lookahead: 2h
"""

    def caps_of(self, campaign: str) -> list[FrequencyCap]:
        return [FrequencyCap.parse(cap) for cap in (self.brand_cap, self.own_caps[campaign]) if cap]


_RECEIPTS = """\
campaign: receipts
status: active
class: transactional
counts: true
trigger: order.completed
steps: [{id: receipt, after: 30m, valid_for: 6h, template: plain}]
"""


class Worker(BaseException):
    """Dies."""


class Dice:
    """A sender to whom it is told what happens to the next mails. `bodies`: how often each mail left."""

    name = "dice"

    def __init__(self) -> None:
        self.next: list[str] = []
        self.bodies: Counter[UUID] = Counter()

    def send_batch(self, messages: Iterable[Message], go: Go) -> Iterator[Receipt]:
        for message in messages:
            yield self._send(message, go, self.next.pop(0) if self.next else "accepted")

    def _send(self, message: Message, go: Go, what: str) -> Receipt:
        if not go(message):
            return Receipt(message.send_id, Outcome.WITHHELD, "")
        if what == "dies":
            raise Worker
        outcome = Outcome(what.removeprefix("hard "))
        self.bodies[message.send_id] += outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN)
        return Receipt(message.send_id, outcome, what, hard_bounce=what.startswith("hard"))

    def close(self) -> None:
        """Nothing to close."""


class Machine(RuleBasedStateMachine):
    """One shop, from an empty database to the end of its last mail.

    What is drawn never depends on what there is: mails have ids by chance, so a second run of the same draws may find
    others.
    """

    def __init__(self, app: App, shop: Shop) -> None:
        super().__init__()
        self.app, self.shop, self.files = app, shop, Files()
        self.orders = 0
        self.claimed: dict[int, list[Claimed]] = {}
        self.seen: dict[UUID, Holding] = {}
        self.terms: dict[UUID, Terms] = {}
        """Of each mail that holds a slot."""
        self._empty()
        self._edit()

    def _empty(self) -> None:
        with self.app.db.write() as connection:
            for table in reversed(Row.metadata.sorted_tables):
                connection.execute(delete(table))
        assert isinstance(self.app.queue, ListQueue)
        self.app.queue.published.clear()
        self.clock.jump_to(MONDAY)

    @property
    def clock(self) -> JumpingClock:
        assert isinstance(self.app.clock, JumpingClock)
        return self.app.clock

    @property
    def dice(self) -> Dice:
        assert isinstance(self.app.sender, Dice)
        return self.app.sender

    # ------------------------------------------------------------ what happens

    @initialize(whose=st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4))
    def orders_came_in(self, whose: list[int]) -> None:
        for who in whose:
            self.an_order_comes_in(who)
        self.time_passes(61)

    @rule(who=st.sampled_from(PEOPLE))
    def an_order_comes_in(self, who: int) -> None:
        self.orders += 1
        order(self.app, f"{self.orders}", _person(who))

    @rule(minutes=st.sampled_from([1, 3, 20, 61, 125, 300, 1000]))
    def time_passes(self, minutes: int) -> None:
        self.clock.jump_to(self.clock() + minutes * MINUTE)

    @rule(minutes=st.sampled_from([-60, -61, -2, 2, 11]))
    def the_clock_jumps(self, minutes: int) -> None:
        self.clock.jump_to(self.clock() + minutes * MINUTE)

    @rule(worker=st.sampled_from(WORKERS), which=st.lists(st.integers(0, 11), min_size=1, max_size=6))
    def a_worker_claims(self, worker: int, which: list[int]) -> None:
        """Some of what is due, or a message that came twice; what the worker had before, it forgets: it died."""
        if due := self._handed_out() or self._open():
            self.claimed[worker] = claim(self.app, list(dict.fromkeys(due[number % len(due)] for number in which)))

    @rule(
        which=st.sampled_from(WORKERS),
        outcomes=st.lists(
            st.sampled_from(["accepted", "accepted", "deferred", "rejected", "hard rejected", "unknown", "dies"]),
            max_size=3,
        ),
    )
    def a_worker_hands_over(self, which: int, outcomes: list[str]) -> None:
        if holding := sorted(worker for worker, held in self.claimed.items() if held):
            self._hand_over(self.claimed.pop(holding[which % len(holding)]), outcomes)

    @rule(cap=st.sampled_from(BRAND_CAPS))
    def the_cap_of_the_brand_is_edited(self, cap: str) -> None:
        self.files = replace(self.files, brand_cap=cap)
        self._edit()

    @rule(name=st.sampled_from(["tips", "news", "offers"]), cap=st.sampled_from(OWN_CAPS))
    def the_cap_of_a_campaign_is_edited(self, name: str, cap: str) -> None:
        self.files = replace(self.files, own_caps={**self.files.own_caps, name: cap})
        self._edit()

    @rule(
        ranks=st.permutations([10, 50, 90]),
        on_cap=st.sampled_from(["defer", "drop", "replace"]),
        on_drop=st.sampled_from(["go_on", "exit"]),
        name=st.sampled_from(["tips", "news", "offers"]),
    )
    def priorities_are_edited(self, ranks: list[int], on_cap: str, on_drop: str, name: str) -> None:
        priorities = dict(zip(self.files.priorities, ranks, strict=True))
        self.files = replace(
            self.files, priorities=priorities, on_cap={**self.files.on_cap, name: on_cap}, on_drop=on_drop
        )
        self._edit()

    @rule(paused=st.booleans())
    def all_is_paused_or_goes_on(self, paused: bool) -> None:
        self.files = replace(self.files, paused=paused)
        self._edit()

    @rule(who=st.sampled_from(PEOPLE), to=st.sampled_from(PEOPLE))
    def two_people_turn_out_to_be_one(self, who: int, to: int) -> None:
        tell(self.app, "customer.updated", {**_person(who), "email": _person(to)["email"]})

    @rule(who=st.sampled_from(PEOPLE), at_most=st.sampled_from(Pace))
    def somebody_chooses_how_often(self, who: int, at_most: Pace) -> None:
        self._choose(who, at_most=at_most)

    @rule(who=st.sampled_from(PEOPLE), minutes=st.sampled_from([None, 30, 125, 400, 3000]))
    def somebody_takes_a_break_or_ends_it(self, who: int, minutes: int | None) -> None:
        self._choose(who, snoozed_until=None if minutes is None else self.clock() + minutes * MINUTE)

    @rule(after=st.sampled_from([None, 1, 2, 3]))
    def caps_tighten_for_those_who_ignore_mails(self, after: int | None) -> None:
        self.files = replace(self.files, tighten_after=after)
        self._edit()

    @rule(who=st.sampled_from(PEOPLE))
    def somebody_clicks_in_their_last_mail(self, who: int) -> None:
        """Where they have none, they find nothing to click in."""
        email = _person(who)["email"]
        theirs = select(sends.c.id, sends.c.recipient_id).join(recipients, recipients.c.id == sends.c.recipient_id)
        with self.app.db.write() as connection:
            last = theirs.where(recipients.c.email == email, sends.c.sent_at.is_not(None)).order_by(sends.c.sent_at)
            for send_id, recipient_id in list(connection.execute(last))[-1:]:
                hit = {"send_id": send_id, "position": 0, "recipient_id": recipient_id, "at": self.clock()}
                connection.execute(clicks.insert(), {**hit, "verdict": "human", "reason": "human"})

    # ------------------------------------------------------------ what holds

    @invariant()
    def no_window_holds_more_than_its_maximum(self) -> None:
        """Nothing is sent in the step in which a mail is claimed: what holds for it is as it was then."""
        holding = self._holding()
        people = self._people()
        for mail in holding.values():
            before = self.seen.get(mail.id)
            is_new = before is None or before.attempt != mail.attempt
            if not mail.is_marketing:
                continue
            if is_new:
                person = people[mail.recipient_id]
                self.terms[mail.id] = Terms(person.ids, self._caps(mail.campaign, person))
                assert not person.snoozed_until or person.snoozed_until <= self.clock(), (mail, person)
            self._assert_fits(mail, holding.values(), is_new=is_new)
        self.seen = holding

    def _assert_fits(self, mail: Holding, holding: Iterable[Holding], *, is_new: bool) -> None:
        """Beside those that were decided before it, wherever they stand by now: a mail that moves with its hand-over
        keeps the slot it was given, by the caps and the person of its claim, whatever transactional mail (which no cap
        stops) went meanwhile or beside it."""
        terms = self.terms[mail.id]
        theirs = [
            m
            for m in holding
            if m.recipient_id in terms.person
            and m.decided <= mail.decided
            and (m.is_marketing or (is_new and m.id in self.seen))
        ]
        for cap in terms.caps:
            same = [m for m in theirs if counts(cap.scope, m, mail)]
            assert fullest(cap.per, same, mail) <= cap.maximum, (mail, cap, same)

    @invariant()
    def nothing_waits_beyond_its_last_use(self) -> None:
        for row in self._rows():
            assert row["state"] in ENDED | {*OPEN}
            assert row["state"] not in ENDED or row["reason"], row
            if row["state"] == "scheduled" and row["lease_until"] is None:
                assert row["due_at"] <= row["valid_until"], row

    @invariant()
    def nothing_leaves_twice(self) -> None:
        assert max(self.dice.bodies.values(), default=0) <= 1

    def teardown(self) -> None:
        """Every worker has died, and time passes: each send comes to its end."""
        self.files = replace(self.files, paused=False)
        self._edit()
        for _ in range(400):
            with self.app.db.read() as connection:
                wake = ledger.next_wake(connection)
            if wake is None:
                break
            self.clock.move_to(wake)
            claimed = claim(self.app, self._handed_out())
            self.no_window_holds_more_than_its_maximum()
            self._hand_over(claimed, [])
            self.no_window_holds_more_than_its_maximum()
        assert {row["state"] for row in self._rows()} <= ENDED, [row for row in self._rows() if row["state"] in OPEN]
        self.nothing_waits_beyond_its_last_use()
        self.nothing_leaves_twice()
        self.dice.bodies.clear()

    # ------------------------------------------------------------ how

    def _edit(self) -> None:
        self.files.write(self.shop)

    def _choose(self, who: int, **chosen: Any) -> None:
        """On the preference page, as far as there is such a person."""
        app = self.app
        terms = permission.Terms(app.brand.consent_rules, app.address_hashes)
        posted = Posted(lambda person: replace(person.choice, **chosen), lambda *_: "", "", self.clock())
        theirs = select(recipients.c.id).where(recipients.c.email == _person(who)["email"])
        with app.db.write() as connection:
            for id_ in connection.execute(theirs).scalars().all():
                keep_choice(connection, id_, new_id(), posted, TOPICS, terms)

    def _caps(self, campaign: str, person: "Person") -> tuple[FrequencyCap, ...]:
        caps = (*self.files.caps_of(campaign), *map(FrequencyCap.parse, person.at_most))
        limit = self.files.tighten_after
        return tuple(cap.halved() for cap in caps) if limit and person.ignored >= limit else caps

    def _handed_out(self) -> list[UUID]:
        assert isinstance(self.app.queue, ListQueue)
        dispatch(self.app)
        published, self.app.queue.published[:] = list(self.app.queue.published), []
        return [UUID(id_) for _, (ids,) in published for id_ in ids]

    def _hand_over(self, claimed: list[Claimed], outcomes: list[str]) -> None:
        self.dice.next = outcomes
        with suppress(Worker):
            hand_over(self.app, claimed)

    def _open(self) -> list[UUID]:
        return [row["id"] for row in self._rows() if row["state"] in OPEN]

    def _rows(self) -> list[dict[str, Any]]:
        with self.app.db.read() as connection:
            return [dict(row) for row in connection.execute(select(sends).order_by(sends.c.id)).mappings()]

    def _holding(self) -> dict[UUID, Holding]:
        now = self.clock()
        allowed = select(decisions.c.send_id, func.max(decisions.c.id)).where(decisions.c.outcome == "allow")
        with self.app.db.read() as connection:
            decided = {row[0]: row[1] for row in connection.execute(allowed.group_by(decisions.c.send_id))}
        return {
            row["id"]: Holding(
                id=row["id"],
                campaign=row["campaign"],
                topic=row["topic"],
                at=row["counted_at"],
                attempt=row["attempt"],
                recipient_id=row["recipient_id"],
                decided=decided[row["id"]],
            )
            for row in self._rows()
            if row["counted_at"] and (row["state"] != "scheduled" or (row["lease_until"] or now) > now)
        }

    def _people(self) -> dict[int, "Person"]:
        """By each of their addresses."""
        with self.app.db.read() as connection:
            merged = connection.execute(select(recipients.c.id, recipients.c.merged_into)).all()
            chosen = connection.execute(select(preferences)).mappings().all()
            acts = [
                *connection.execute(select(clicks.c.recipient_id, clicks.c.at)),
                *connection.execute(select(orders.c.recipient_id, orders.c.placed_at)),
            ]
        groups: defaultdict[int, set[int]] = defaultdict(set)
        for id_, into in merged:
            groups[into or id_].add(id_)
        got = [(row["recipient_id"], row["sent_at"]) for row in self._rows() if may_be_ignored(row)]
        people = [as_one(frozenset(ids), chosen, acts, got) for ids in groups.values()]
        return {id_: person for person in people for id_ in person.ids}


def _person(number: int) -> dict[str, Any]:
    return {**ADA, "id": f"p{number}", "email": f"p{number}@example.com"}


@contextmanager
def _engine(folder: Path, url: str) -> Iterator[tuple[App, Shop]]:
    shop = Shop(folder / "shop")
    Files().write(shop)
    clock = JumpingClock(datetime(2026, 3, 2, tzinfo=UTC))
    with engine(folder, clock, Dice(), database_url=url, hold_after_hours=10_000, **shop.files) as app:
        live = LiveCampaigns(app.settings.campaigns_dir, app.settings.templates_dir, look_again_s=0)
        yield replace(app, live_campaigns=live), shop


def test_whatever_happens_no_cap_is_broken_and_every_mail_comes_to_an_end(database_url: str, tmp_path: Path) -> None:
    examples = settings().max_examples // (10 if database_url.startswith("sqlite") else 25)
    with _engine(tmp_path, database_url) as (app, shop):
        run_state_machine_as_test(
            lambda: Machine(app, shop),  # type: ignore[arg-type]  # any callable that makes one
            settings=settings(max_examples=examples, stateful_step_count=20, deadline=None),
        )
