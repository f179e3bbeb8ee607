from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart.policy.frequency_cap import CalendarWindow, CapScope, Counted, FrequencyCap, next_free, reach

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def mails(*times: datetime, campaign: str = "accessories", topic: str = "tips") -> list[Counted]:
    return [Counted(at, campaign, topic) for at in times]


def free(
    *caps: str, counted: list[Counted], now: datetime = NOW, campaign: str = "accessories", topic: str = "tips"
) -> datetime | None:
    return next_free([FrequencyCap.parse(cap) for cap in caps], counted, now, PARIS, campaign, topic)


@pytest.mark.parametrize(
    ("text", "cap"),
    [
        ("1 per 1d", FrequencyCap(1, DAY)),
        ("3  per 30d", FrequencyCap(3, 30 * DAY)),
        ("2 per 90m per campaign", FrequencyCap(2, 1.5 * HOUR, CapScope.CAMPAIGN)),
        ("2 per 30d per topic", FrequencyCap(2, 30 * DAY, CapScope.TOPIC)),
        ("1 per day", FrequencyCap(1, CalendarWindow.DAY)),
        ("4 per week", FrequencyCap(4, CalendarWindow.WEEK)),
    ],
)
def test_a_cap_is_read_from_its_words(text: str, cap: FrequencyCap) -> None:
    assert FrequencyCap.parse(text) == cap
    assert FrequencyCap.parse(str(cap)) == cap


@pytest.mark.parametrize(
    "text",
    ["0 per 1d", "1 per 0d", "one a day", "1 per month", "1 per 1d per person", "-1 per 1d", f"1 per {'9' * 20}d"],
)
def test_a_cap_that_means_nothing_is_refused(text: str) -> None:
    """T14: a cap of 0 was read as active, and all but the first mail silently queued."""
    with pytest.raises(ValueError, match=r"cap|window|time"):
        FrequencyCap.parse(text)


def test_without_a_cap_everything_is_free() -> None:
    """T14: absent means unlimited."""
    assert free(counted=mails(*[NOW] * 50)) is None


def test_the_next_slot_is_the_oldest_counted_mail_plus_the_window() -> None:
    """T15: "3 per week" scheduled the fourth mail three weeks later."""
    sent = [NOW - 6 * DAY, NOW - 4 * DAY, NOW - DAY]
    assert free("3 per 7d", counted=mails(*sent)) == sent[0] + timedelta(days=7)


def test_a_rolling_window_is_open_at_its_old_end() -> None:
    """A mail exactly one window ago no longer counts; a microsecond later it does."""
    assert free("1 per 1d", counted=mails(NOW - DAY)) is None
    almost = NOW - DAY + timedelta(microseconds=1)
    assert free("1 per 1d", counted=mails(almost)) == almost + DAY


def test_two_caps_hold_at_once() -> None:
    sent = mails(NOW - 29 * DAY, NOW - 20 * DAY, NOW - 2 * HOUR)
    assert free("1 per 1d", "3 per 30d", counted=sent) == NOW + DAY
    assert free("1 per 1d", counted=sent) == NOW + 22 * HOUR


def test_a_cap_lowered_below_the_count_frees_when_enough_have_left() -> None:
    sent = mails(NOW - 4 * HOUR, NOW - 3 * HOUR, NOW - 2 * HOUR)
    assert free("1 per 1d", counted=sent) == NOW + 22 * HOUR


def test_a_mail_counted_in_the_future_holds_its_slot() -> None:
    """The clock was set back one hour between two claims."""
    assert free("1 per 1d", counted=mails(NOW + HOUR)) == NOW + HOUR + DAY


def test_a_cap_per_campaign_ignores_the_others() -> None:
    sent = mails(NOW - HOUR, campaign="reviews")
    assert free("1 per 1d per campaign", counted=sent) is None
    assert free("1 per 1d per campaign", counted=sent, campaign="reviews") == NOW + 23 * HOUR
    assert free("1 per 1d", counted=sent) == NOW + 23 * HOUR


def test_a_cap_per_topic_counts_the_mails_of_all_campaigns_about_it() -> None:
    sent = mails(NOW - HOUR, campaign="reviews", topic="tips")
    assert free("1 per 1d per topic", counted=sent, topic="tips") == NOW + 23 * HOUR
    assert free("1 per 1d per topic", counted=sent, topic="news") is None
    assert free("1 per 1d", counted=sent, topic="news") == NOW + 23 * HOUR


def test_a_calendar_day_ends_at_midnight_on_the_wall() -> None:
    evening = datetime(2026, 5, 5, 23, 30, tzinfo=PARIS)
    assert free("1 per day", counted=mails(evening), now=evening + timedelta(minutes=10)) == datetime(
        2026, 5, 6, tzinfo=PARIS
    )
    assert free("1 per day", counted=mails(evening), now=evening + timedelta(minutes=30)) is None


def test_the_day_the_clocks_change_has_23_or_25_hours() -> None:
    for day, hours in ((datetime(2026, 3, 29, tzinfo=PARIS), 23), (datetime(2026, 10, 25, tzinfo=PARIS), 25)):
        slot = free("1 per day", counted=mails(day), now=day)
        assert slot is not None
        assert slot - day.astimezone(UTC) == hours * HOUR


def test_a_calendar_week_begins_on_monday() -> None:
    sunday = datetime(2026, 5, 10, 20, tzinfo=PARIS)
    assert free("1 per week", counted=mails(sunday - 6 * DAY), now=sunday) == datetime(2026, 5, 11, tzinfo=PARIS)


def test_a_clock_set_back_over_midnight_does_not_bring_yesterday_back() -> None:
    """St. John's changed its clocks at 00:01 until 2011, so that the last minutes of a day came twice."""
    st_johns = ZoneInfo("America/St_Johns")
    after = datetime(2010, 11, 7, 2, 45, tzinfo=UTC)  # 23:15 on the 6th, for the second time
    cap = [FrequencyCap.parse("1 per day")]
    slot = next_free(cap, mails(after), after, st_johns, "accessories", "tips")
    assert slot == datetime(2010, 11, 8, tzinfo=st_johns)


def test_what_must_be_loaded_is_what_can_matter() -> None:
    assert reach([FrequencyCap.parse("1 per 1d"), FrequencyCap.parse("3 per 30d")]) == 30 * DAY
    assert reach([FrequencyCap.parse("1 per week")]) >= timedelta(days=7, hours=1)
    assert reach([]) == timedelta(0)


caps_strategy = st.lists(
    st.builds(
        FrequencyCap,
        st.integers(1, 4),
        st.one_of(
            st.integers(1, 200).map(lambda hours: hours * HOUR),
            st.sampled_from([CalendarWindow.DAY, CalendarWindow.WEEK]),
        ),
        st.sampled_from(CapScope),
    ),
    min_size=1,
    max_size=3,
)
KINDS = [("accessories", "tips"), ("reviews", "tips"), ("news", "news")]
"""(campaign, topic)"""
wishes = st.lists(st.tuples(st.integers(-120, 2000), st.sampled_from(KINDS)), min_size=1, max_size=25)


@settings(deadline=None)
@given(caps_strategy, wishes)
def test_no_window_ever_holds_more_than_the_cap(
    caps: list[FrequencyCap], wishes: list[tuple[int, tuple[str, str]]]
) -> None:
    """Each mail asks some minutes after the one before (the clock may even go back) and waits as it is told."""
    now, sent = NOW, list[Counted]()
    for minutes, (campaign, topic) in wishes:
        now += timedelta(minutes=minutes)
        slot = next_free(caps, sent, now, PARIS, campaign, topic)
        assert slot is None or slot > now
        sent.append(Counted(slot or now, campaign, topic))
        assert next_free(caps, sent[:-1], sent[-1].at, PARIS, campaign, topic) is None
    for cap in caps:
        for kind in KINDS:
            _assert_held(cap, [mail.at for mail in sent if _counts(cap, mail, *kind)])


def _counts(cap: FrequencyCap, mail: Counted, campaign: str, topic: str) -> bool:
    return {"person": True, "person+topic": mail.topic == topic, "person+campaign": mail.campaign == campaign}[
        cap.scope
    ]


def _assert_held(cap: FrequencyCap, times: list[datetime]) -> None:
    for end in times:
        if isinstance(cap.per, timedelta):
            held = sum(end - cap.per < at <= end for at in times)
        else:
            held = sum(_period(cap.per, at) == _period(cap.per, end) for at in times)
        assert held <= cap.maximum


def _period(window: CalendarWindow, at: datetime) -> object:
    day = at.astimezone(PARIS).date()
    return day if window is CalendarWindow.DAY else day.isocalendar()[:2]
