import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart.consent.statement import ConsentState
from aftercart.policy.competition import Rival
from aftercart.policy.days import Days
from aftercart.policy.decision import Allow, Defer, Skip, before_content, decide, still_stands
from aftercart.policy.facts import CampaignStatus, ContentFault, Facts, inputs
from aftercart.policy.frequency_cap import Counted, FrequencyCap, next_free
from aftercart.policy.quiet_hours import QuietHours
from aftercart.policy.reason import Reason
from aftercart.policy.send_times import ANY_TIME, SendTimes
from aftercart.policy.suppression import MailClass, SuppressionReason

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 5, 5, 12, tzinfo=PARIS)
NIGHT = datetime(2026, 5, 5, 23, tzinfo=PARIS)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def quiet(*windows: str, **days: Any) -> SendTimes:
    return SendTimes(tuple(map(QuietHours.parse, windows)), **days)


GOOD = Facts(
    now=NOON,
    valid_until=NOON + 3 * DAY,
    zone=PARIS,
    person_hash=0,
    campaign="accessories",
    topic="tips",
    campaign_status=CampaignStatus.ACTIVE,
    order_state="completed",
    anchors_left=2,
    consent=ConsentState.GRANTED,
    send_times=quiet("21:00-08:00"),
    caps=(FrequencyCap.parse("1 per 1d"), FrequencyCap.parse("3 per 30d")),
    priority=50,
)
SENT_AN_HOUR_AGO = (Counted(NOON - HOUR, "accessories", "tips"),)
ONE_A_DAY = (FrequencyCap.parse("1 per 1d"),)
RIVAL = (Rival(UUID(int=1), NOON + HOUR, "reviews", "tips", 90, ONE_A_DAY),)

BAD: list[tuple[Reason, dict[str, Any]]] = [
    (Reason.PAUSED, {"paused": True}),
    (Reason.ORDER_CANCELED, {"order_state": "canceled"}),
    (Reason.CAMPAIGN_PAUSED, {"campaign_status": CampaignStatus.PAUSED}),
    (Reason.EXPIRED, {"valid_until": NOON}),
    (Reason.UNSUBSCRIBED, {"suppressed_for": SuppressionReason.UNSUBSCRIBED}),
    (Reason.NO_CONSENT, {"consent": None}),
    (Reason.HOLDOUT, {"holdout": True}),
    (Reason.NO_PICKS, {"content": ContentFault.NO_PICKS}),
    (Reason.QUIET_HOURS, {"send_times": quiet("11:00-13:00")}),
    (Reason.FREQUENCY_CAP, {"counted": SENT_AN_HOUR_AGO}),
]
"""One fact for each stop, in the order of the gate."""


def test_a_mail_with_nothing_against_it_may_go() -> None:
    verdict = decide(GOOD)
    assert verdict.answer == Allow()
    assert verdict.stops == ()


@pytest.mark.parametrize(
    ("change", "reason", "state"),
    [
        ({"order_state": "canceled"}, Reason.ORDER_CANCELED, "canceled"),
        ({"order_state": "test"}, Reason.TEST_ORDER, "canceled"),
        ({"order_state": "refunded"}, Reason.ORDER_REFUNDED, "canceled"),
        ({"anchors_left": 0}, Reason.ITEMS_RETURNED, "canceled"),
        ({"has_step": False}, Reason.CAMPAIGN_INACTIVE, "canceled"),
        ({"campaign_status": CampaignStatus.DRAFT}, Reason.CAMPAIGN_INACTIVE, "canceled"),
        ({"valid_until": NOON}, Reason.EXPIRED, "skipped"),
        ({"consent": ConsentState.DENIED}, Reason.NO_CONSENT, "skipped"),
        ({"consent": ConsentState.PENDING}, Reason.NO_CONSENT, "skipped"),
        ({"suppressed_for": SuppressionReason.UNSUBSCRIBED}, Reason.UNSUBSCRIBED, "skipped"),
        ({"suppressed_for": SuppressionReason.HARD_BOUNCE}, Reason.SUPPRESSED, "skipped"),
        ({"suppressed_for": SuppressionReason.ERASED}, Reason.ERASED, "canceled"),
        ({"holdout": True}, Reason.HOLDOUT, "skipped"),
        ({"content": ContentFault.NO_PICKS}, Reason.NO_PICKS, "skipped"),
    ],
)
def test_what_can_never_go_is_skipped_or_canceled(change: dict[str, Any], reason: Reason, state: str) -> None:
    """T18, T21, T36: every stop has its reason, looked up again at the last moment."""
    answer = decide(replace(GOOD, **change)).answer
    assert answer == Skip(reason)
    assert isinstance(answer, Skip)
    assert answer.state == state


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"guarded": "complaints came to 6%"}, Reason.GUARD),
        ({"case_open": True}, Reason.CASE_OPEN),
        ({"consent": None}, Reason.NO_CONSENT),
        ({"snoozed_until": NOON + DAY}, Reason.SNOOZED),
    ],
    ids=["guard", "case", "consent", "break"],
)
def test_what_holds_marketing_alone_does_not_hold_what_is_owed(change: dict[str, Any], reason: Reason) -> None:
    assert decide(replace(GOOD, **change)).stops == (reason,)
    assert decide(replace(GOOD, caps=(), mail_class=MailClass.TRANSACTIONAL, **change)).answer == Allow()


@settings(deadline=None)
@given(st.sets(st.sampled_from(range(len(BAD)))))
def test_the_first_stop_in_gate_order_is_the_answer_and_all_are_kept(which: set[int]) -> None:
    wrong = [BAD[index] for index in sorted(which)]
    facts = replace(GOOD, **{key: value for _, change in wrong for key, value in change.items()})
    verdict = decide(facts)
    assert verdict.stops == tuple(reason for reason, _ in wrong)
    if wrong and isinstance(verdict.answer, Defer):
        assert verdict.answer.reason is wrong[0][0]
    elif wrong and isinstance(verdict.answer, Skip):
        assert wrong[0][0] in (verdict.answer.reason, verdict.answer.because)
    else:
        assert not wrong


def test_before_content_asks_everything_up_to_the_holdout() -> None:
    everything = replace(GOOD, **{key: value for _, change in BAD for key, value in change.items()})
    assert before_content(everything).stops == tuple(reason for reason, _ in BAD[:7])
    assert before_content(replace(GOOD, content=ContentFault.NO_PICKS, counted=SENT_AN_HOUR_AGO)).answer == Allow()


def test_a_send_at_night_waits_for_the_morning() -> None:
    answer = decide(replace(GOOD, now=NIGHT)).answer
    assert answer == Defer(datetime(2026, 5, 6, 8, tzinfo=PARIS), Reason.QUIET_HOURS)


def test_a_send_on_a_day_off_waits_for_the_next_day_that_is_none() -> None:
    """Friday's mail that comes late: neither at the weekend nor in the night before Monday, and never on Christmas."""
    weekdays = quiet("21:00-08:00", send_on=Days.parse("mon-fri"), not_on=Days.parse("2026-12-25"))
    friday = datetime(2026, 12, 25, 15, tzinfo=PARIS)
    late = replace(GOOD, now=friday, valid_until=friday + 5 * DAY, send_times=weekdays)
    verdict = decide(late)
    assert verdict.answer == Defer(datetime(2026, 12, 28, 8, tzinfo=PARIS), Reason.DAY_OFF)
    assert verdict.stops == (Reason.DAY_OFF,)
    assert inputs(late)["send_on"] == "mon, tue, wed, thu, fri"
    assert decide(replace(late, now=friday - DAY)).answer == Allow()


def test_a_send_that_no_day_lets_go_while_it_is_worth_sending_expires() -> None:
    mondays = quiet(send_on=Days.parse("mon"))
    answer = decide(replace(GOOD, valid_until=NOON + 2 * DAY, send_times=mondays)).answer
    assert answer == Skip(Reason.EXPIRED, because=Reason.DAY_OFF)


def test_a_claimed_send_that_waited_into_a_day_off_does_not_go() -> None:
    tuesday_ends = datetime(2026, 5, 5, 23, 59, tzinfo=PARIS)
    facts = replace(GOOD, now=tuesday_ends, send_times=quiet(not_on=Days.parse("2026-05-06")))
    assert still_stands(facts)
    assert not still_stands(replace(facts, now=tuesday_ends + timedelta(minutes=1)))


def test_a_capped_send_waits_for_its_slot() -> None:
    answer = decide(replace(GOOD, counted=SENT_AN_HOUR_AGO)).answer
    assert answer == Defer(NOON + 23 * HOUR, Reason.FREQUENCY_CAP)


def test_a_slot_that_frees_at_night_is_taken_in_the_morning() -> None:
    """A deferral that lands in quiet hours goes through them again."""
    sent = (Counted(datetime(2026, 5, 4, 22, tzinfo=PARIS), "accessories", "tips"),)
    answer = decide(replace(GOOD, counted=sent)).answer
    assert answer == Defer(datetime(2026, 5, 6, 8, tzinfo=PARIS), Reason.FREQUENCY_CAP)


def test_quiet_hours_that_end_before_the_slot_frees_wait_for_both() -> None:
    sent = (Counted(NIGHT - 2 * HOUR, "accessories", "tips"),)
    verdict = decide(replace(GOOD, now=NIGHT, counted=sent))
    assert verdict.answer == Defer(datetime(2026, 5, 7, 8, tzinfo=PARIS), Reason.QUIET_HOURS)
    assert verdict.stops == (Reason.QUIET_HOURS, Reason.FREQUENCY_CAP)


@pytest.mark.parametrize(
    ("change", "cause"),
    [({"now": NIGHT}, Reason.QUIET_HOURS), ({"counted": SENT_AN_HOUR_AGO}, Reason.FREQUENCY_CAP)],
)
def test_a_wait_beyond_its_last_use_is_the_end_and_keeps_its_cause(change: dict[str, Any], cause: Reason) -> None:
    """T17, T18: a capped mail is not read again for ever and leaves a record with its reason."""
    facts = replace(GOOD, **change)
    short = replace(facts, valid_until=facts.now + HOUR)
    assert decide(short).answer == Skip(Reason.EXPIRED, because=cause)


def test_a_paused_campaign_holds_its_mails_until_it_goes_on() -> None:
    """T02: a pause is no end; after it each recipient gets the mail once."""
    held = decide(replace(GOOD, campaign_status=CampaignStatus.PAUSED)).answer
    assert isinstance(held, Defer)
    assert NOON < held.until <= NOON + HOUR
    assert decide(replace(GOOD, now=held.until)).answer == Allow()


def test_a_campaign_file_that_is_not_there_holds_its_mails_like_a_pause() -> None:
    held = decide(replace(GOOD, campaign_status=None, has_step=False)).answer
    assert isinstance(held, Defer)
    assert (held.reason, NOON < held.until <= GOOD.valid_until) == (Reason.CAMPAIGN_MISSING, True)


def test_an_order_whose_payment_fell_through_holds_its_mail_until_it_is_paid() -> None:
    held = decide(replace(GOOD, order_state="placed")).answer
    assert isinstance(held, Defer)
    assert (held.reason, NOON < held.until <= GOOD.valid_until) == (Reason.ORDER_NOT_COMPLETED, True)
    assert decide(replace(GOOD, now=held.until)).answer == Allow()


def test_a_pause_does_not_keep_a_mail_beyond_its_last_use() -> None:
    facts = replace(GOOD, paused=True, valid_until=NOON + timedelta(minutes=5))
    assert decide(facts).answer == Defer(facts.valid_until, Reason.PAUSED)
    assert decide(replace(facts, now=facts.valid_until)).answer == Skip(Reason.EXPIRED, because=Reason.PAUSED)


def test_a_more_important_mail_gets_the_slot() -> None:
    verdict = decide(replace(GOOD, rivals=RIVAL))
    assert isinstance(verdict.answer, Defer)
    assert verdict.answer.reason is Reason.OUTRANKED
    assert verdict.answer.until > RIVAL[0].due_at


def test_an_unimportant_mail_does_not_hold_a_more_important_one() -> None:
    assert decide(replace(GOOD, priority=95, rivals=RIVAL)).answer == Allow()


instants = st.integers(0, 60 * 24 * 40).map(lambda minutes: NOON + timedelta(minutes=minutes))


@settings(deadline=None)
@given(
    now=instants,
    last_use=st.integers(1, 60 * 24 * 6),
    sent=st.lists(st.integers(0, 60 * 24 * 35), max_size=6),
    window=st.sampled_from([None, "21:00-08:00", "08:05-08:00", "12:00-14:00"]),
    caps=st.lists(st.sampled_from(["1 per 1d", "3 per 30d", "1 per day", "2 per week", "1 per 4h"]), max_size=3),
    rivals=st.lists(st.tuples(st.integers(-60, 1600), st.integers(0, 100)), max_size=2),
    person=st.integers(0, 2**64),
)
def test_a_wait_lies_ahead_ends_in_time_and_comes_to_an_end(
    now: datetime,
    last_use: int,
    sent: list[int],
    window: str | None,
    caps: list[str],
    rivals: list[tuple[int, int]],
    person: int,
) -> None:
    """Nothing else happens meanwhile (the rivals have gone): asked again when told to, the mail goes or expires."""
    facts = replace(
        GOOD,
        now=now,
        valid_until=now + timedelta(minutes=last_use),
        person_hash=person,
        counted=tuple(Counted(now - timedelta(minutes=minutes), "accessories", "tips") for minutes in sent),
        send_times=quiet(window) if window else ANY_TIME,
        caps=tuple(map(FrequencyCap.parse, caps)),
        rivals=tuple(
            Rival(UUID(int=n), now + timedelta(minutes=minutes), "reviews", "tips", rank, ONE_A_DAY)
            for n, (minutes, rank) in enumerate(rivals)
        ),
    )
    answer = decide(facts).answer
    if isinstance(answer, Defer):
        assert facts.now < answer.until <= facts.valid_until
        facts = replace(facts, now=answer.until, rivals=())
        answer = decide(facts).answer
        assert isinstance(answer, Allow) or facts.now == facts.valid_until
    if isinstance(answer, Allow):
        assert not facts.send_times.is_quiet(facts.now, PARIS)
        assert next_free(facts.caps, facts.counted, facts.now, PARIS, "accessories", "tips") is None


def test_every_reason_explains_itself_in_a_sentence() -> None:
    for reason in Reason:
        assert reason.sentence.endswith(".")
        assert len(reason.sentence) > 15
    assert len({reason.sentence for reason in Reason}) == len(Reason)


def test_a_reason_is_its_plain_word_in_the_database() -> None:
    assert Reason("no_picks") is Reason.NO_PICKS
    assert json.dumps(Reason.NO_PICKS) == '"no_picks"'
    assert {fault.value for fault in ContentFault} <= {reason.value for reason in Reason}


def test_the_facts_can_be_stored_as_they_were() -> None:
    stored = json.loads(json.dumps(inputs(replace(GOOD, counted=SENT_AN_HOUR_AGO))))
    assert stored["local_time"] == "2026-05-05T12:00:00+02:00"
    assert stored["consent"] == "granted"
    assert stored["caps"] == ["1 per 1d", "3 per 30d"]
    assert stored["counted"] == ["2026-05-05T09:00:00+00:00"]


def test_a_broken_template_holds_its_mails_until_somebody_mends_it() -> None:
    """A slip of the pen in a template must not lose a day's mails."""
    held = decide(replace(GOOD, content=ContentFault.TEMPLATE_ERROR)).answer
    assert isinstance(held, Defer)
    assert (held.reason, NOON < held.until <= GOOD.valid_until) == (Reason.TEMPLATE_ERROR, True)
