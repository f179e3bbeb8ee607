"""The engine's records as the inbox's pages lay them out: how well, in which color, and with nothing missing.

A page gets from here what it prints, whatever the record lacks. The words are the engine's own (`reports/words.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

MOODS = {
    "good": {"allow", "allowed", "enrolled", "sent", "delivered", "accepted", "active", "completed"},
    "wait": {"defer", "waits", "deferred", "waiting", "scheduled", "holdout"},
    "stop": {
        *("skip", "skipped", "failed", "canceled", "exited", "rejected", "bounced", "complained", "unknown"),
        *("no_consent", "unsubscribed", "suppressed", "no_email", "order_canceled", "order_refunded", "items_returned"),
        *("no_picks", "expired", "frequency_cap", "hard_bounce", "provider_rejected", "gave_up", "unknown_outcome"),
    },
}


def described_picks(picks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The picks as the page shows them: what is missing is empty, a score stands beside the best of its source
    (sources count in units of their own)."""
    best: dict[str, float] = {}
    for pick in picks:
        source = str(pick.get("source") or "")
        best[source] = max(best.get(source, 0.0), pick.get("score") or 0.0)
    return [_described_pick(pick, best[str(pick.get("source") or "")]) for pick in picks]


def _described_pick(pick: Mapping[str, Any], best: float) -> dict[str, Any]:
    source, score = str(pick.get("source") or ""), pick.get("score") or 0
    texts = {name: pick.get(name) or "" for name in ("sku", "title", "because_title", "image_url", "url", "price")}
    return {
        **texts,
        "source": source[:1].upper() + source[1:],
        "strength": max(0, min(100, round(100 * score / best))) if best > 0 else 0,
        "lines": pick.get("lines") or [],
    }


def described_decisions(decisions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The decisions as the page shows them, each with the mood of its outcome: good, wait, stop or plain."""
    return [_described_decision(decision) for decision in decisions]


def _described_decision(decision: Mapping[str, Any]) -> dict[str, Any]:
    outcome = str(decision.get("outcome") or "")
    return {
        "at": decision.get("at") or "",
        "stage": str(decision.get("stage") or "").replace("_", " ").capitalize(),
        "outcome": outcome.replace("_", " "),
        "mood": next((mood for mood, outcomes in MOODS.items() if outcome.lower() in outcomes), "plain"),
        "sentence": decision.get("sentence") or "",
        "campaign": decision.get("campaign") or "",
        "lines": decision.get("lines") or [],
    }
