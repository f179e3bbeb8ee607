"""When a sender is left alone, and when it is tried again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.delivery.base import Outcome, Receipt
from aftercart.delivery.limits.breaker import (
    FAULTS_TO_OPEN,
    FIRST_REST,
    LONGEST_REST,
    PROBE_LEASE,
    Breaker,
    Sign,
    State,
    after,
    probing,
    sign_of,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def receipt(outcome: Outcome, response: str = "", code: int | None = None, *, ours: bool = False) -> Receipt:
    return Receipt(UUID(int=1), outcome, response, code=code, fault_is_ours=ours)


def after_faults(count: int, breaker: Breaker | None = None, now: datetime = NOW) -> Breaker:
    breaker = breaker or Breaker()
    for _ in range(count):
        breaker = after(breaker, Sign.FAULT, "421 busy", now)
    return breaker


@pytest.mark.parametrize(
    ("what_came", "sign"),
    [
        (receipt(Outcome.ACCEPTED, "250 ok", 250), Sign.WORKS),
        (receipt(Outcome.REJECTED, "550 5.1.1 nobody", 550), Sign.WORKS),
        (receipt(Outcome.REJECTED, "552 5.2.2 full", 552), Sign.WORKS),
        (receipt(Outcome.DEFERRED, "450 4.2.0 greylisted", 450), Sign.NOTHING),
        (receipt(Outcome.DEFERRED, "452 4.2.2 mailbox full", 452), Sign.NOTHING),
        (receipt(Outcome.WITHHELD), Sign.NOTHING),
        (receipt(Outcome.REJECTED, "cannot be made into a mail", ours=True), Sign.NOTHING),
        (receipt(Outcome.DEFERRED, "cannot connect", ours=True), Sign.FAULT),
        (replace(receipt(Outcome.DEFERRED, "connection lost", ours=True), broke_over_it=True), Sign.DOUBT),
        (replace(receipt(Outcome.DEFERRED, "421 closing", 421, ours=True), broke_over_it=True), Sign.DOUBT),
        (receipt(Outcome.DEFERRED, "421 4.7.0 too many", 421, ours=True), Sign.FAULT),
        (receipt(Outcome.DEFERRED, "535 5.7.8 bad credentials", 535, ours=True), Sign.FAULT),
        (receipt(Outcome.REJECTED, "550 5.7.1 relaying denied", 550, ours=True), Sign.FAULT),
        (receipt(Outcome.DEFERRED, "452 4.3.1 insufficient system storage", 452), Sign.FAULT),
        (receipt(Outcome.DEFERRED, "HTTP 429", 429), Sign.FAULT),
        (receipt(Outcome.DEFERRED, "HTTP 503", 503), Sign.FAULT),
        (receipt(Outcome.REJECTED, "422 template", 422, ours=True), Sign.NOTHING),
        (receipt(Outcome.REJECTED, "413 too large", 413, ours=True), Sign.NOTHING),
        (receipt(Outcome.REJECTED, "200 parameter-error", 200, ours=True), Sign.NOTHING),
        (receipt(Outcome.DEFERRED, "400 sender not verified", 400, ours=True), Sign.NOTHING),
        (receipt(Outcome.DEFERRED, "401 wrong key", 401, ours=True), Sign.FAULT),
        (receipt(Outcome.DEFERRED, "200 wrong door", 200, ours=True), Sign.FAULT),
        (receipt(Outcome.UNKNOWN, "connection lost after the body", ours=True), Sign.FAULT),
        (receipt(Outcome.UNKNOWN, "read time-out"), Sign.FAULT),
    ],
)
def test_a_provider_s_fault_is_told_from_a_recipient_s(what_came: Receipt, sign: Sign) -> None:
    assert sign_of(what_came) is sign


def test_several_faults_in_a_row_open_it_and_one_taken_mail_between_them_does_not() -> None:
    almost = after_faults(FAULTS_TO_OPEN - 1)
    assert almost.shut_until(NOW) is None
    assert after(almost, Sign.FAULT, "421", NOW).shut_until(NOW) == NOW + FIRST_REST
    again = after_faults(FAULTS_TO_OPEN - 1, after(almost, Sign.WORKS, "", NOW))
    assert again.shut_until(NOW) is None


def test_faults_long_apart_do_not_add_up() -> None:
    breaker = Breaker()
    for hour in range(20):
        breaker = after_faults(1, breaker, NOW + timedelta(hours=hour))
    assert breaker.state is State.CLOSED


def test_after_its_rest_one_mail_probes_and_nobody_else_gets_through_meanwhile() -> None:
    opened = after_faults(FAULTS_TO_OPEN)
    later = NOW + FIRST_REST
    assert not opened.may_probe(later - SECOND)
    assert opened.may_probe(later)
    tried = probing(opened, later)
    assert not tried.may_probe(later + SECOND)
    assert tried.may_probe(later + PROBE_LEASE), "whoever was to probe has died"
    assert after(tried, Sign.WORKS, "", later) == Breaker()


def test_a_probe_that_fails_doubles_the_rest_up_to_five_minutes() -> None:
    breaker, now, rests = after_faults(FAULTS_TO_OPEN), NOW, []
    for _ in range(8):
        assert breaker.until is not None
        rests.append(breaker.until - now)
        now = breaker.until
        breaker = after(probing(breaker, now), Sign.FAULT, "still away", now)
    assert rests[:4] == [FIRST_REST, 2 * FIRST_REST, 4 * FIRST_REST, 8 * FIRST_REST]
    assert rests[-1] == LONGEST_REST


def test_a_probe_that_tells_nothing_lets_the_next_mail_probe() -> None:
    tried = probing(after_faults(FAULTS_TO_OPEN), NOW + FIRST_REST)
    undecided = after(tried, Sign.NOTHING, "", NOW + FIRST_REST)
    assert undecided.may_probe(NOW + FIRST_REST)
    assert undecided.openings == 1


def test_mails_of_several_people_over_which_it_broke_open_it() -> None:
    breaker = Breaker()
    for _ in range(FAULTS_TO_OPEN - 1):
        breaker = after(breaker, Sign.DOUBT, "lost", NOW)
        assert breaker.state is State.CLOSED
    assert after(breaker, Sign.WORKS, "", NOW) == Breaker()
    assert after(breaker, Sign.DOUBT, "lost", NOW).shut_until(NOW) == NOW + FIRST_REST


def test_a_probe_over_which_it_broke_lets_the_next_mail_probe_at_once_and_the_fifth_ends_it() -> None:
    now = NOW + FIRST_REST
    breaker = after_faults(FAULTS_TO_OPEN)
    for _ in range(FAULTS_TO_OPEN - 1):
        breaker = after(probing(breaker, now), Sign.DOUBT, "lost", now)
        assert breaker.may_probe(now)
        assert after(probing(breaker, now), Sign.WORKS, "", now) == Breaker()
    last = after(probing(breaker, now), Sign.DOUBT, "lost", now)
    assert last.shut_until(now) == now + FIRST_REST, "it can be reached, so it is tried again soon"


def test_a_mail_under_way_over_which_it_broke_says_nothing_new() -> None:
    opened = after_faults(FAULTS_TO_OPEN)
    assert after(opened, Sign.DOUBT, "lost", NOW + SECOND) == opened


def test_late_faults_of_mails_under_way_do_not_prolong_its_rest() -> None:
    opened = after_faults(FAULTS_TO_OPEN)
    assert after_faults(50, opened, NOW + SECOND).until == opened.until


@given(st.lists(st.tuples(st.sampled_from(Sign), st.integers(0, 400)), max_size=60))
def test_whatever_happens_it_is_tried_again_within_five_minutes(history: list[tuple[Sign, int]]) -> None:
    breaker, now = Breaker(), NOW
    for sign, seconds in history:
        now += seconds * SECOND
        if breaker.may_probe(now):
            breaker = probing(breaker, now)
        breaker = after(breaker, sign, "", now)
        assert (breaker.shut_until(now) or now) - now <= LONGEST_REST
