"""A report about a mail (see `aftercart/feedback`) as a shop owner reads it. Pure."""

from collections.abc import Mapping
from typing import Any

_WHAT = {
    "taken": "the mail service has the mail",
    "read": "the mail was opened",
    "delivered": "the recipient's mail server has the mail",
    "delayed": "the mail is still being tried",
    "hard_bounce": "the mail came back, there is no such address",
    "soft_bounce": "the mail came back, the address may be fine",
    "refused": "the mail came back because of us (a blocklist, a policy), not because of the address",
    "complaint": "the reader marked the mail as spam",
    "unsubscribe": "the reader left, by a way beside our links",
    "auto_reply": "a machine answered for the reader (away, on holiday)",
}
_EFFECT = {
    "sent": "So it has gone.",
    "delivered": "The mail is delivered.",
    "bounced": "The mail has bounced.",
    "complained": "The mail has been complained of.",
    "suppressed_hard_bounce": "The address is not mailed any more.",
    "suppressed_complaint": "The address is not mailed any more.",
    "suppressed_unsubscribed": "They get no more marketing mail.",
    "suppressed_soft_bounces": "It was one too many: the address is not mailed any more.",
    "known_already": "That changed nothing: it was known, or something stronger is.",
    "nothing_to_do": "That changed nothing.",
    "never_left": "That changed nothing: this mail was never handed over, so it cannot be true.",
    "another_address": "That changed nothing: it speaks of an address that the mail did not go to.",
}


def sentence_of(row: Mapping[str, Any]) -> str:
    """Who told what, and what came of it."""
    who = "A mail to the bounce address" if row["source"] == "mail" else row["source"].removeprefix("esp:").capitalize()
    effects = " ".join(_effect(part) for part in row["effect"].split())
    return f"{who} told: {_WHAT.get(row['kind'], row['kind'])}. {effects}".rstrip()


def _effect(part: str) -> str:
    if part.startswith("soft_bounce_"):
        return f"It is number {part.removeprefix('soft_bounce_')} in a row to this person."
    return _EFFECT.get(part, f"({part})")


def facts_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What it rests on."""
    facts = {"status": row["status"], "words": row["words"], "effect": row["effect"], "event_id": row["event_id"]}
    return {name: value for name, value in facts.items() if value}
