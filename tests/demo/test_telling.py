"""What the engine recorded is told in plain words."""

from datetime import UTC, datetime
from typing import Any

import pytest

from aftercart.demo.telling import described_decisions, described_picks, in_plain_words

PICK = {
    "sku": "AC-1",
    "title": "Helmet, Red",
    "because_title": "Road Bike",
    "source": "lightfm",
    "score": 2.5,
    "orders_together": 212,
    "image_url": "/pictures/helmet-red.png",
    "rank": 3,
}
DECISION = {
    "at": datetime(2026, 5, 28, 8, tzinfo=UTC),
    "stage": "send",
    "outcome": "waits",
    "sentence": "It is too early or too late in the day where the person lives.",
    "inputs": {"local_time": "07:14"},
}


def test_scores_are_compared_with_the_best_of_their_source_only() -> None:
    picks: list[dict[str, Any]] = [
        {**PICK, "score": 4.0},
        {**PICK, "score": 1.0},
        {**PICK, "score": -2.0},
        {**PICK, "source": "best_sellers", "score": 900.0},
        {"sku": "X"},
    ]
    assert [pick["strength"] for pick in described_picks(picks)] == [100, 25, 0, 100, 0]
    assert described_picks([PICK])[0]["more"] == {"rank": 3}


@pytest.mark.parametrize(
    ("outcome", "mood"),
    [("enrolled", "good"), ("waits", "wait"), ("skipped", "stop"), ("hard_bounce", "stop"), ("something new", "plain")],
)
def test_an_outcome_has_its_color(outcome: str, mood: str) -> None:
    assert described_decisions([{**DECISION, "outcome": outcome}])[0]["mood"] == mood


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (False, "no"),
        (["1 per 1d", "3 per 30d"], "1 per 1d, 3 per 30d"),
        ({"complements": "2026-06-01T08:00:00+00:00", "late": True}, "complements: 1 Jun 2026, 08:00 UTC, late: yes"),
        ("2026-05-29T10:00:00+02:00", "29 May 2026, 10:00 +02:00"),
        ("2026-06-01T08:00:00+00:00", "1 Jun 2026, 08:00 UTC"),
        ("21:00-08:00", "21:00-08:00"),
        (4, "4"),
    ],
)
def test_recorded_facts_are_told_in_plain_words(value: object, words: str) -> None:
    assert in_plain_words(value) == words
