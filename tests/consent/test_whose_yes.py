"""Whose yes it is, while customers go from address to address: a mail goes only where it was said, or where the record
of a customer took it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from time import sleep

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from aftercart.bootstrap import App
from aftercart.clock import SteppedClock
from aftercart.consent import store as consent
from aftercart.consent.standing import ConsentRules
from aftercart.consent.statement import ConsentState, ConsentStatement
from aftercart.db.persons import same_person
from aftercart.db.tables import address_moves, consents, customers, recipients, sends
from aftercart.intake.changes import Buyer, CustomerSeen
from aftercart.intake.store import apply_all
from aftercart.intake.store.people import merge_recipients
from aftercart.ledger.store.permission import has_agreed
from aftercart.policy.store import persons_of
from aftercart.testing import engine
from tests.cast import MONDAY, Shop, campaign, order

MINUTE = timedelta(minutes=1)
MAILBOXES = range(5)
CUSTOMERS = range(3)
Happening = tuple[int | None, int, bool | None, int]
"""A customer (None: a form, that knows of none) shows up with a mailbox, and perhaps says yes or no; so many minutes
earlier than we hear of it."""

HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from([None, *CUSTOMERS]),
        st.sampled_from(MAILBOXES),
        st.sampled_from([None, None, True, True, False]),
        st.sampled_from([0, 0, 0, 3, 7]),
    ),
    min_size=3,
    max_size=14,
)


def mailbox(number: int) -> str:
    return f"mailbox{number}@example.com"


@dataclass
class Truth:
    """What may be made of it, word by word."""

    has: dict[int, int] = field(default_factory=dict)
    """Which mailbox each customer's record has."""
    left: dict[tuple[int, int], datetime] = field(default_factory=dict)
    one: list[set[int]] = field(default_factory=lambda: [{number} for number in MAILBOXES])
    """Mailboxes of one person."""
    yes: list[tuple[int, datetime]] = field(default_factory=list)
    no: list[tuple[int, datetime]] = field(default_factory=list)

    def hear(self, who: int | None, where: int, says: bool | None, said: datetime, now: datetime) -> None:
        if who is not None and self.has.get(who, where) != where:
            before = self.has[who]
            self.left.setdefault((who, before), now)
            together = {number for group in self.one if {before, where} & group for number in group}
            self.one = [group for group in self.one if not group & together] + [together]
        if who is not None:
            self.has[who] = where
        if says is not None:
            (self.yes if says else self.no).append((where, said))

    def may_be_written_to(self, number: int) -> bool:
        mine = next(group for group in self.one if number in group)
        noes = [said for where, said in self.no if where in mine]
        return any(
            all(said > no for no in noes)
            for where, said in self.yes
            if where == number or self._took(where, number, said)
        )

    def _took(self, where: int, to: int, said: datetime) -> bool:
        gone = [at for (who, before), at in self.left.items() if before == where and self.has[who] == to]
        return any(said <= at for at in gone)


@pytest.fixture
def app(tmp_path: Path, database_url: str) -> Iterator[App]:
    shop = Shop(tmp_path).write(campaign())
    with engine(tmp_path / "data", SteppedClock(MONDAY), database_url=database_url, **shop.files) as app:
        for number in MAILBOXES:
            order(app, str(number), {"email": mailbox(number), "accepts_marketing": True})
        yield app


def forget_all(app: App) -> None:
    with app.db.write() as connection:
        for table in (address_moves, consents, customers):
            connection.execute(delete(table))
        connection.execute(update(recipients).values(merged_into=None))


def hear(app: App, who: int | None, where: int, says: bool | None, said: datetime, now: datetime) -> None:
    state = ConsentState.GRANTED if says else ConsentState.DENIED
    word = None if says is None else ConsentStatement(state, "test", said)
    buyer = Buyer(None if who is None else str(who), mailbox(where), consent=word)
    with app.db.write() as connection:
        apply_all(connection, {"generic": [CustomerSeen(buyer)]}, now)


def may_be_mailed(app: App, now: datetime) -> tuple[set[str], set[str]]:
    """As it is looked up when a mail is claimed, and as the last statement before it leaves sees it."""
    with app.db.read() as connection:
        ids = dict(connection.execute(select(recipients.c.id, recipients.c.email)).all())
        found = consent.standings(connection, persons_of(connection, ids), now, ConsentRules())
        last = connection.execute(select(sends.c.recipient_id).where(has_agreed())).scalars()
        return {ids[id_] for id_, state in found.items() if state == "granted"}, {ids[id_] for id_ in last}


def test_a_mail_goes_only_where_a_yes_was_said_or_came_along(app: App) -> None:
    @settings(max_examples=40, deadline=None)
    @given(HAPPENINGS)
    def holds(happenings: list[Happening]) -> None:
        forget_all(app)
        truth, now = Truth(), MONDAY
        for number, (who, where, says, late) in enumerate(happenings):
            now = MONDAY + number * MINUTE
            said = now - late * MINUTE - timedelta(seconds=number)
            truth.hear(who, where, says, said, now)
            hear(app, who, where, says, said, now)
        expected = {mailbox(number) for number in MAILBOXES if truth.may_be_written_to(number)}
        assert may_be_mailed(app, now) == (expected, expected)

    holds()


def test_a_yes_comes_to_the_address_that_the_record_has_and_not_to_where_that_went_on_before(app: App) -> None:
    """Somebody moves to a mailbox that somebody else had left for the next one."""
    forget_all(app)
    for minute, (who, where, says) in enumerate([(0, 1, None), (0, 2, None), (1, 0, True), (1, 1, None), (0, 2, None)]):
        hear(app, who, where, says, MONDAY, MONDAY + minute * MINUTE)
    assert may_be_mailed(app, MONDAY + 10 * MINUTE) == ({mailbox(0), mailbox(1)},) * 2


def test_a_yes_of_a_mailbox_that_the_record_had_left_does_not_come_along_with_its_next_leaving(app: App) -> None:
    """Ada left it for another, a stranger said yes there, she came back, and went away again."""
    forget_all(app)
    for minute, (who, where, says) in enumerate([(0, 0, None), (0, 1, None), (1, 0, True), (0, 0, None), (0, 1, None)]):
        now = MONDAY + minute * MINUTE
        hear(app, who, where, says, now, now)
    assert may_be_mailed(app, MONDAY + 10 * MINUTE) == ({mailbox(0)}, {mailbox(0)})


def test_of_two_merges_at_a_time_none_leaves_somebody_merged_into_one_that_is_merged_itself(app: App) -> None:
    with app.db.read() as connection:
        ids = list(connection.execute(select(recipients.c.id).order_by(recipients.c.id)).scalars())
    newcomer, member, first, last, _ = ids
    with app.db.write() as connection:
        merge_recipients(connection, member, first)

    def first_goes_on() -> None:
        with app.db.write() as connection:
            merge_recipients(connection, first, last)

    other = Thread(target=first_goes_on)
    with app.db.write() as connection:
        merge_recipients(connection, newcomer, member)
        other.start()
        sleep(0.3)  # so that it waits for this transaction
    other.join()
    mine, theirs = recipients.alias("mine"), recipients.alias("theirs")
    with app.db.read() as connection:
        together = connection.execute(select(theirs.c.id).where(mine.c.id == last, same_person(mine, theirs))).scalars()
        assert set(together) == {newcomer, member, first, last}
