"""The engine's records as the inbox's pages tell them: in plain words, and with nothing missing.

A page gets from here what it prints, whatever the record lacks.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:\d\d|Z)")
SOURCES = {
    "lightfm": "Recommendation model",
    "bought_together": "Often bought together",
    "best_sellers": "Best seller",
}
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
    known = {"source", "score", "orders_together", *texts}
    return {
        **texts,
        "source": SOURCES.get(source, source.replace("_", " ").capitalize()),
        "score": score,
        "strength": max(0, min(100, round(100 * score / best))) if best > 0 else 0,
        "orders_together": pick.get("orders_together") or 0,
        "more": {
            name.replace("_", " "): value
            for name, value in pick.items()
            if name not in known and value not in (None, "")
        },
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
        "inputs": {name.replace("_", " "): in_plain_words(v) for name, v in (decision.get("inputs") or {}).items()},
    }


def in_plain_words(value: object) -> str:
    """A recorded fact as a reader likes it: yes and no, lists with commas, instants without the T, no braces."""
    match value:
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return ", ".join(f"{name}: {in_plain_words(fact)}" for name, fact in value.items())
        case list() | tuple() | set():
            return ", ".join(map(in_plain_words, value))
        case str() if INSTANT.fullmatch(value):
            instant = datetime.fromisoformat(value)
            return f"{instant:%-d %b %Y, %H:%M} {_offset(instant)}"
        case _:
            return str(value)


def _offset(instant: datetime) -> str:
    return instant.isoformat()[-6:] if instant.utcoffset() else "UTC"
