"""How often one person hears from us, told from outside, on each kind of database."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from aftercart.bootstrap import App
from aftercart.db.tables import decisions, enrollments, preferences, recipients, sends
from aftercart.delivery.base import Outcome
from aftercart.pipeline.sending.dispatch import dispatch
from aftercart.pipeline.sending.hand_over import hand_over
from aftercart.pipeline.sending.send import claim
from aftercart.policy.store import suppress
from aftercart.policy.suppression import SuppressionReason
from aftercart.testing import ListQueue, engine, run_due, run_until
from tests.cast import (
    ADA,
    BEN,
    DAY,
    HELMET,
    HOUR,
    MONDAY,
    Shop,
    answer,
    campaign,
    clock_of,
    customer,
    fates,
    only_send,
    order,
    outbox,
    rows,
    tell,
)
from tests.jumping_clock import JumpingClock

DUE = datetime(2026, 3, 5, 9, tzinfo=UTC)
"""10:00 in Paris, three days after Monday."""
ONE: dict[str, Any] = {"caps": "[1 per 1d]", "quiet": "null"}

Open = Callable[..., App]


@pytest.fixture
def open_app(tmp_path: Path, database_url: str) -> Iterator[Open]:
    """An engine with these campaigns; `brand`: lines of the brand file."""
    opened = []

    def with_files(*campaigns: str, brand: str = "") -> App:
        shop = Shop(tmp_path / "shop").write(*campaigns, brand=brand)
        entered = engine(tmp_path, JumpingClock(MONDAY), database_url=database_url, **shop.files)
        opened.append(entered)
        return entered.__enter__()

    yield with_files
    for entered in opened:
        entered.__exit__(None, None, None)


def with_limits(text: str, **limits: str) -> str:
    """A campaign file with more keys in its limits."""
    more = "".join(f", {key}: {value}" for key, value in limits.items())
    return text.replace("}\nholdout", f"{more}}}\nholdout")


def transactional(name: str = "receipt", **facts: str) -> str:
    lines = "".join(f"{key}: {value}\n" for key, value in facts.items())
    return (
        f"campaign: {name}\nstatus: active\nclass: transactional\n{lines}trigger: order.completed\n"
        'steps: [{id: complements, after: 3d, at: "10:00", valid_for: 3d, template: plain}]\n'
    )


def by_campaign(app: App) -> dict[str, tuple[str, str | None]]:
    return {row["campaign"]: (row["state"], row["reason"]) for row in rows(app, sends)}


def claim_due(app: App) -> list[Any]:
    """What is due is claimed, and its worker pauses before the hand-over."""
    assert isinstance(app.queue, ListQueue)
    dispatch(app)
    published, app.queue.published[:] = list(app.queue.published), []
    return [claimed for _, (ids,) in published for claimed in claim(app, [UUID(id_) for id_ in ids])]


def stops_of(app: App, reason: str) -> list[list[str]]:
    """What stood in the way where decisions gave that reason."""
    return [row["inputs"]["stops"] for row in rows(app, decisions) if row["reason"] == reason]


# ---------------------------------------------------------------- what becomes of a mail that meets a cap


def test_a_mail_that_is_to_be_dropped_ends_at_once(open_app: Open) -> None:
    """T18: it leaves a terminal record with its reason; the next step goes on."""
    more = "  - {id: later, after: 9d, valid_for: 3d, template: plain}"
    app = open_app(with_limits(campaign(**ONE, more_steps=more), on_cap="drop"))
    order(app, "1", ADA)
    order(app, "2", ADA, [HELMET])
    run_until(app, DUE + HOUR)
    assert sorted(fates(app))[2:] == [("sent", "sent"), ("skipped", "frequency_cap")]
    run_until(app, MONDAY + 10 * DAY)
    assert [row["state"] for row in rows(app, enrollments)] == ["completed", "completed"]
    assert sorted(fates(app)) == [("sent", "sent")] * 2 + [("skipped", "frequency_cap")] * 2


def test_a_run_whose_mail_was_dropped_may_end_with_it(open_app: Open) -> None:
    more = "  - {id: later, after: 9d, valid_for: 3d, template: plain}"
    app = open_app(with_limits(campaign(**ONE, more_steps=more), on_cap="drop", on_drop="exit"))
    order(app, "1", ADA)
    order(app, "2", ADA, [HELMET])
    run_until(app, DUE + HOUR)
    assert sorted(fates(app)) == [
        ("canceled", "step_dropped"),
        ("scheduled", None),
        ("sent", "sent"),
        ("skipped", "frequency_cap"),
    ]
    exited = [(row["state"], row["exit_reason"]) for row in rows(app, enrollments)]
    assert sorted(exited) == [("active", None), ("exited", "step_dropped")]
    assert [row["inputs"] for row in rows(app, decisions) if row["reason"] == "step_dropped"] == [{"exited": True}]


@pytest.mark.parametrize("at", ['"10:00"', '"12:00"'], ids=["in_the_same_batch", "later"])
def test_a_mail_may_take_the_slot_of_a_less_important_one(open_app: Open, at: str) -> None:
    low = campaign("low", priority=10, at=at, **ONE)
    app = open_app(with_limits(campaign("high", priority=90, **ONE), on_cap="replace"), low)
    order(app, "1", ADA)
    run_until(app, DUE)
    assert by_campaign(app) == {"high": ("sent", "sent"), "low": ("skipped", "replaced")}
    assert [row["campaign"] for row in rows(app, decisions) if row["reason"] == "replaced"] == ["low"]
    assert {row["state"] for row in rows(app, enrollments)} == {"completed"}


def test_the_run_of_a_mail_whose_slot_was_taken_may_end_with_it(open_app: Open) -> None:
    more = "  - {id: later, after: 9d, valid_for: 3d, template: plain}"
    low = with_limits(campaign("low", priority=10, at='"12:00"', more_steps=more, **ONE), on_drop="exit")
    app = open_app(with_limits(campaign("high", priority=90, **ONE), on_cap="replace"), low)
    order(app, "1", ADA)
    run_until(app, DUE)
    assert sorted(fates(app)) == [("canceled", "step_dropped"), ("sent", "sent"), ("skipped", "replaced")]


def test_nor_where_it_waits_for_its_hand_over_longer_than_the_window_is(open_app: Open) -> None:
    """A worker may be busy with its batch for longer than a short cap reaches back; its mails leave all the same."""
    app = open_app(campaign(caps="[1 per 10s]", quiet="null"))
    order(app, "1", ADA)
    clock_of(app).step(timedelta(seconds=1))
    order(app, "2", ADA, [HELMET])
    clock_of(app).move_to(DUE)
    first, second = (row["id"] for row in rows(app, sends))
    claimed = claim(app, [first])
    clock_of(app).step(timedelta(seconds=30))
    assert claim(app, [second]) == []
    hand_over(app, claimed)
    assert fates(app) == [("sent", "sent"), ("scheduled", "frequency_cap")]
    run_until(app, DUE + timedelta(seconds=40))
    assert fates(app) == [("sent", "sent"), ("sent", "sent")]


def test_the_slot_of_a_claimed_mail_is_never_taken(open_app: Open) -> None:
    low = campaign("low", priority=10, at='"09:00"', **ONE)
    high = with_limits(campaign("high", priority=90, **ONE), on_cap="replace", lookahead="0h")
    app = open_app(low.replace("priority: 10", "priority: 10, lookahead: 0h"), high)
    order(app, "1", ADA)
    clock_of(app).move_to(DUE - HOUR)
    claimed = claim_due(app)
    clock_of(app).step(timedelta(seconds=30))
    hand_over(app, claimed)
    run_until(app, DUE)
    assert by_campaign(app) == {"low": ("sent", "sent"), "high": ("scheduled", "frequency_cap")}


@pytest.mark.parametrize(("lookahead", "first"), [("1h", "low"), ("3h", "high"), ("1d", "high")])
def test_a_mail_makes_way_as_far_ahead_as_its_campaign_says(open_app: Open, lookahead: str, first: str) -> None:
    low = with_limits(campaign("low", priority=10, **ONE), lookahead=lookahead)
    app = open_app(low, campaign("high", priority=90, at='"12:00"', **ONE))
    order(app, "1", ADA)
    run_until(app, DUE + 3 * HOUR)
    assert [row["campaign"] for row in rows(app, sends) if row["state"] == "sent"] == [first]


def test_a_mail_that_has_no_cap_of_its_own_makes_way_where_it_would_take_the_slot_of_one_that_has(
    open_app: Open,
) -> None:
    high = campaign("high", priority=90, at='"12:00"', **ONE)
    app = open_app(campaign("low", priority=10, caps="[]", quiet="null"), high)
    order(app, "1", ADA)
    run_until(app, DUE + HOUR)
    assert by_campaign(app) == {"low": ("scheduled", "outranked"), "high": ("scheduled", None)}
    run_until(app, DUE + 3 * HOUR)
    assert by_campaign(app) == {"low": ("sent", "sent"), "high": ("sent", "sent")}, "it has none, so it goes afterwards"


def test_a_mail_that_has_no_cap_of_its_own_may_take_the_slot_of_one_that_has(open_app: Open) -> None:
    low = campaign("low", priority=10, at='"12:00"', **ONE)
    app = open_app(with_limits(campaign("high", priority=90, caps="[]", quiet="null"), on_cap="replace"), low)
    order(app, "1", ADA)
    run_until(app, DUE)
    assert by_campaign(app) == {"high": ("sent", "sent"), "low": ("skipped", "replaced")}


def want_mail_once_a_week(app: App) -> None:
    with app.db.write() as connection:
        row = {"locale": "", "time_zone": "", "at_most": "1 per 7d", "updated_at": app.clock()}
        connection.execute(preferences.insert().values(recipient_id=rows(app, recipients)[0]["id"], **row))


def test_a_mail_makes_way_where_the_persons_own_choice_leaves_one_slot(open_app: Open) -> None:
    """The cap that they chose themself is one like those of the shop."""
    none: dict[str, Any] = {"caps": "[]", "quiet": "null"}
    app = open_app(campaign("low", priority=10, **none), campaign("high", priority=90, at='"12:00"', **none))
    order(app, "1", ADA)
    want_mail_once_a_week(app)
    run_until(app, DUE + 3 * HOUR)
    assert [row["campaign"] for row in rows(app, sends) if row["state"] == "sent"] == ["high"]


def test_a_mail_may_take_the_slot_that_the_person_themself_leaves(open_app: Open) -> None:
    none: dict[str, Any] = {"caps": "[]", "quiet": "null"}
    low = campaign("low", priority=10, at='"12:00"', **none)
    app = open_app(with_limits(campaign("high", priority=90, **none), on_cap="replace"), low)
    order(app, "1", ADA)
    want_mail_once_a_week(app)
    run_until(app, DUE)
    assert by_campaign(app) == {"high": ("sent", "sent"), "low": ("skipped", "replaced")}


def test_a_mail_makes_no_way_for_one_that_has_had_its_slot_long_ago(open_app: Open) -> None:
    """The more important one may go once in 30 days, and went a week ago: farther back than the caps of the other."""
    high = campaign("high", priority=90, at='"12:00"', caps="[1 per 30d]", quiet="null")
    app = open_app(campaign("low", priority=10, **ONE), high)
    order(app, "1", ADA)
    run_until(app, MONDAY + 7 * DAY)
    assert by_campaign(app)["high"] == ("sent", "sent")
    order(app, "2", ADA, [HELMET])
    run_until(app, DUE + 7 * DAY)
    assert max(row["sent_at"] for row in rows(app, sends) if row["sent_at"]) == DUE + 7 * DAY


def test_a_mail_that_makes_way_again_and_again_says_so_once(open_app: Open) -> None:
    """T19: a row a decision, not one every five minutes. (Nobody ever asks for the more important mail's turn.)"""
    high = campaign("high", priority=90, **ONE)
    app = open_app(campaign("low", priority=10, **ONE), high)
    order(app, "1", ADA)
    clock_of(app).move_to(DUE)
    low = [row["id"] for row in rows(app, sends) if row["campaign"] == "low"]
    for _ in range(5):
        assert claim(app, low) == []
        clock_of(app).step(timedelta(minutes=5))
    assert [row["reason"] for row in rows(app, decisions)].count("outranked") == 1


def test_an_edited_priority_holds_for_planned_mails(open_app: Open) -> None:
    app = open_app(campaign("a", priority=10, **ONE), campaign("b", priority=90, **ONE))
    order(app, "1", ADA)
    app = open_app(campaign("a", priority=90, **ONE), campaign("b", priority=10, **ONE))
    run_until(app, DUE)
    assert by_campaign(app) == {"a": ("sent", "sent"), "b": ("scheduled", "frequency_cap")}


# ---------------------------------------------------------------- which mails count


@pytest.mark.parametrize(
    ("classes", "marketing"),
    [({}, "sent"), ({"counts": "true"}, "scheduled")],
    ids=["by_itself", "counts"],
)
def test_transactional_mail_is_never_capped_and_takes_a_slot_only_when_told(
    open_app: Open, classes: dict[str, str], marketing: str
) -> None:
    """T16: a cap was not applied to campaign mails, and its fix then stopped transactional ones."""
    app = open_app(transactional(**classes), campaign(at='"11:00"'), brand="frequency_cap: [1 per 1d]\n")
    order(app, "1", ADA)
    order(app, "2", ADA, [HELMET])
    run_until(app, DUE)
    assert [row["state"] for row in rows(app, sends) if row["campaign"] == "receipt"] == ["sent", "sent"]
    assert [row["counted_at"] is not None for row in rows(app, sends) if row["state"] == "sent"] == [bool(classes)] * 2
    run_until(app, DUE + HOUR)
    assert marketing in {row["state"] for row in rows(app, sends) if row["campaign"] == "accessories"}


def test_who_wants_mail_once_a_week_still_gets_all_that_is_owed(open_app: Open) -> None:
    """A slot that it takes does not make it capped."""
    app = open_app(transactional(counts="true"))
    order(app, "1", ADA)
    order(app, "2", ADA, [HELMET])
    want_mail_once_a_week(app)
    run_until(app, DUE)
    assert fates(app) == [("sent", "sent")] * 2


def test_transactional_mail_needs_no_consent_and_belongs_to_no_holdout(open_app: Open) -> None:
    """T23: unsubscribed people must get what is owed to them."""
    app = open_app(transactional(), campaign(), brand="holdout: 99%\n")
    for number in range(3):
        order(app, str(number), customer(number, accepts_marketing=False))
    order(app, "ben", BEN)
    run_until(app, DUE)
    assert {row["state"] for row in rows(app, sends) if row["campaign"] == "receipt"} == {"sent"}
    assert {row["reason"] for row in rows(app, sends) if row["campaign"] == "accessories"} == {"no_consent"}
    assert not any("List-Unsubscribe" in message.headers for message in outbox(app).messages)


def test_nobody_gets_any_mail_at_an_address_that_must_not_be_mailed_at_all(open_app: Open) -> None:
    """A millisecond after the claim too."""
    app = open_app(transactional())
    order(app, "1", ADA)
    clock_of(app).move_to(DUE)
    claimed = claim_due(app)
    with app.db.write() as connection:
        suppress(connection, [str(ADA["email"])], SuppressionReason.HARD_BOUNCE, "test", app.clock())
    hand_over(app, claimed)
    assert outbox(app).messages == []
    run_until(app, DUE + HOUR)
    assert fates(app) == [("skipped", "suppressed")]


def test_people_in_the_holdout_take_no_slot(open_app: Open) -> None:
    app = open_app(
        campaign("measured", holdout="99%", priority=90), campaign(at='"11:00"'), brand="frequency_cap: [1 per 7d]\n"
    )
    for number in range(3):
        order(app, str(number), customer(number))
    run_until(app, DUE + 2 * HOUR)
    held = {row["recipient_id"] for row in rows(app, sends) if row["reason"] == "holdout"}
    sent = {
        row["recipient_id"] for row in rows(app, sends) if row["campaign"] == "accessories" and row["state"] == "sent"
    }
    assert held
    assert held <= sent
    assert all(row["counted_at"] is None for row in rows(app, sends) if row["reason"] == "holdout")


@pytest.mark.parametrize(
    ("outcome", "facts", "freed"),
    [
        (Outcome.REJECTED, {"hard_bounce": True}, True),
        (Outcome.REJECTED, {}, True),
        (Outcome.DEFERRED, {}, True),
        (Outcome.UNKNOWN, {}, False),
    ],
    ids=["hard_bounce", "rejected", "deferred", "unknown"],
)
def test_a_mail_that_was_not_accepted_gives_its_slot_back(
    open_app: Open, outcome: Outcome, facts: dict[str, Any], freed: bool
) -> None:
    """One of which nobody knows whether it went keeps it."""
    app = open_app(campaign(**ONE))
    order(app, "1", ADA)
    outbox(app).answers[str(ADA["email"])] = [answer(outcome, **facts)]
    clock_of(app).move_to(DUE)
    run_due(app)
    assert (only_send(app)["counted_at"] is None) is freed


def test_a_repeat_buyer_gets_the_same_mail_again(open_app: Open) -> None:
    """T20: a marketing mail went once per contact for life."""
    app = open_app(campaign(caps="[1 per 30d]"))
    order(app, "1", ADA)
    run_until(app, MONDAY + 60 * DAY)
    order(app, "2", ADA)
    run_until(app, MONDAY + 70 * DAY)
    assert fates(app) == [("sent", "sent")] * 2
    assert len(rows(app, enrollments)) == 2


# ---------------------------------------------------------------- persons


def moves(app: App, who: dict[str, Any], to: str) -> None:
    """The customer's own record at the shop has another address."""
    tell(app, "customer.updated", {**who, "email": to})


def test_a_customer_who_changes_their_address_keeps_their_slots(open_app: Open) -> None:
    app = open_app(campaign(caps="[1 per 7d]", quiet="null"))
    order(app, "1", ADA)
    run_until(app, DUE)
    moves(app, ADA, "ada@new.example")
    order(app, "2", {**ADA, "email": "ada@new.example"}, [HELMET])
    run_until(app, DUE + 4 * DAY)
    assert fates(app)[1] == ("skipped", "expired")
    assert stops_of(app, "expired") == [["frequency_cap"]]
    assert outbox(app).mails_to("ada@new.example") == []


def test_when_two_persons_turn_out_to_be_one_both_histories_count(open_app: Open) -> None:
    app = open_app(campaign(caps="[2 per 7d]", quiet="null"))
    old, new = customer(1), customer(2)
    order(app, "1", old)
    order(app, "2", new)
    run_until(app, DUE)
    moves(app, old, new["email"])
    order(app, "3", new, [HELMET])
    run_until(app, DUE + 3 * DAY)
    assert [row["state"] for row in rows(app, sends)][:2] == ["sent", "sent"]
    assert rows(app, sends)[2]["reason"] == "expired"
    assert stops_of(app, "expired") == [["frequency_cap"]]
    assert [row["merged_into"] for row in rows(app, recipients)] == [2, None]


def test_persons_who_move_on_stay_one_person(open_app: Open) -> None:
    """A chain of addresses, and back to the first one."""
    app = open_app(campaign(caps="[1 per 7d]", quiet="null"))
    order(app, "1", ADA)
    for address in ("ada@b.example", "ada@c.example", "ada@d.example", "ada@example.com"):
        moves(app, ADA, address)
    assert {row["merged_into"] for row in rows(app, recipients)} == {None, 4}
    run_until(app, DUE)
    order(app, "2", {**ADA, "email": "ada@b.example"}, [HELMET])
    run_until(app, DUE + 3 * DAY)
    assert outbox(app).mails_to("ada@b.example") == []


# ---------------------------------------------------------------- clocks


def set_clock(app: App, instant: datetime) -> None:
    assert isinstance(app.clock, JumpingClock)
    app.clock.jump_to(instant)


def test_a_claim_whose_time_ran_out_cannot_leave_when_the_clock_is_set_back(open_app: Open) -> None:
    """Its slot went to another mail meanwhile."""
    app = open_app(campaign(**ONE))
    order(app, "1", ADA)
    clock_of(app).move_to(DUE)
    claimed = claim_due(app)
    order(app, "2", ADA, [HELMET], placed_at=MONDAY.isoformat())
    clock_of(app).move_to(DUE + HOUR)  # a jump: the lease has run out
    second = [row["id"] for row in rows(app, sends)][1:]
    assert len(claim(app, second)) == 1
    set_clock(app, DUE + timedelta(seconds=10))
    hand_over(app, claimed)
    assert outbox(app).messages == []


def test_a_clock_set_back_between_claim_and_hand_over_moves_no_slot_back(open_app: Open) -> None:
    app = open_app(campaign(**ONE))
    order(app, "1", ADA)
    clock_of(app).move_to(DUE)
    claimed = claim_due(app)
    set_clock(app, DUE - HOUR)
    hand_over(app, claimed)
    assert (only_send(app)["sent_at"], only_send(app)["counted_at"]) == (DUE - HOUR, DUE)
