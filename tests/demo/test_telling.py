"""What the engine recorded is laid out for the pages, whatever the record lacks."""

from datetime import UTC, datetime
from typing import Any

import pytest

from aftercart.demo.telling import described_decisions, described_picks

PICK = {
    "sku": "AC-1",
    "title": "Helmet, Red",
    "because_title": "Road Bike",
    "source": "chosen by the model",
    "score": 2.5,
    "image_url": "/pictures/helmet-red.png",
    "lines": ["Bought together in 212 past orders."],
}
DECISION = {
    "at": datetime(2026, 5, 28, 8, tzinfo=UTC),
    "stage": "send",
    "outcome": "waits",
    "sentence": "It is too early or too late in the day where the person lives.",
    "lines": ["Where they live it was 07:14."],
}


def test_scores_are_compared_with_the_best_of_their_source_only() -> None:
    picks: list[dict[str, Any]] = [
        {**PICK, "score": 4.0},
        {**PICK, "score": 1.0},
        {**PICK, "score": -2.0},
        {**PICK, "source": "a best seller", "score": 900.0},
        {"sku": "X"},
    ]
    assert [pick["strength"] for pick in described_picks(picks)] == [100, 25, 0, 100, 0]
    assert described_picks([PICK])[0]["lines"] == ["Bought together in 212 past orders."]


@pytest.mark.parametrize(
    ("outcome", "mood"),
    [("enrolled", "good"), ("waits", "wait"), ("skipped", "stop"), ("hard_bounce", "stop"), ("something new", "plain")],
)
def test_an_outcome_has_its_color(outcome: str, mood: str) -> None:
    assert described_decisions([{**DECISION, "outcome": outcome}])[0]["mood"] == mood
