"""The facts of a decision as a shop owner reads them; `--json` keeps them as they were stored."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from aftercart.money import formatted
from aftercart.policy.decision import Reason

Facts = Mapping[str, Any]
Line = Callable[[Facts], str]

LOCALE = "en_US"
ZONES = {
    "recipient": "their own time zone",
    "region": "by the region the order was sent to",
    "country": "by the country the order was sent to",
    "shop": "the shop's time zone, theirs is not known",
    "utc": "no time zone is known",
}
GUARDS = {
    "gone": "no longer sold",
    "in_order": "in the order already",
    "owned": "bought before",
    "excluded": "offered lately, sent back or refused",
    "out_of_stock": "out of stock",
    "no_price": "without a price",
    "no_url": "without a web address",
    "filtered": "outside the campaign's filters",
    "too_dear": "above the campaign's price limit",
    "currency_unknown": "not comparable in price (another currency)",
    "near_duplicate": "nearly the same as what was bought",
    "substitute": "an alternative to what was bought, not an addition",
    "alike": "nearly the same as another pick",
    "category_full": "one too many of its category",
}
SOURCES = {
    "lightfm": "chosen by the model",
    "bought_together": "often bought together",
    "best_sellers": "a best seller",
}


def in_words(kind: str, facts: Facts) -> list[str]:
    """The facts of a moment, a sentence each. What has no words of its own stands as `name: value`."""
    tell = {"gate": _gate, "sender": _sender, "enroll": _enroll, "pick": _pick, "attempt": _attempt}.get(kind, _plainly)
    return [line for line in tell(facts) if line]


def _gate(facts: Facts) -> Iterable[str]:
    yield f"Where they live it was {_clock(facts['local_time'])} ({facts['zone']}: {_zone(facts)})."
    yield f"Worth sending until {_instant(facts['valid_until'], facts['zone'])}."
    yield f"Consent to marketing mail: {facts['consent'] or 'they never said anything'}."
    if facts.get("suppressed_for"):
        yield f"The address is on the list of those not to be mailed: {facts['suppressed_for'].replace('_', ' ')}."
    if facts.get("quiet_hours"):
        yield f"Quiet hours: {facts['quiet_hours']}."
    if facts.get("caps"):
        yield f"At most {', '.join(facts['caps'])}; counted so far: {_counted(facts)}."
    yield from _content(facts)
    if others := facts.get("stops", ())[1:]:
        yield "Besides: " + " ".join(Reason(stop).sentence for stop in others)


def _sender(facts: Facts) -> Iterable[str]:
    yield f"The sender: {facts['sender']}." if facts.get("sender") else ""
    yield f"Because: {facts['because']}." if facts.get("because") else ""


def _content(facts: Facts) -> Iterable[str]:
    if "picks" in facts:
        model = f" (model {facts['model']})" if facts.get("model") not in (None, "fallback") else ""
        yield f"Products found to recommend: {facts['picks']}{model}."
    if facts.get("filtered"):
        left_out = (f"{count} {GUARDS.get(guard, guard)}" for guard, count in facts["filtered"].items())
        yield f"Left out: {', '.join(left_out)}."
    if facts.get("error"):
        yield f"The fault: {facts['error']}"


def _counted(facts: Facts) -> str:
    mails = [_instant(at, facts["zone"]) for at in facts.get("counted", ())]
    return f"{len(mails)} ({', '.join(mails)})" if mails else "none"


def _enroll(facts: Facts) -> Iterable[str]:
    for step, planned in facts.get("mails", {}).items():
        due, last = (_instant(planned[name], facts["zone"]) for name in ("due_at", "valid_until"))
        yield f"The mail “{step}” is planned for {due} ({facts['zone']}: {_zone(facts)}), worth sending until {last}."
    if "items" in facts:
        yield f"Bought: {', '.join(facts['items']) or 'nothing that is still theirs'}."
    if facts.get("currency"):
        yield f"Worth {_money(facts['total_minor'], facts['currency'])}."
    if facts.get("ordered_at"):
        yield f"Ordered {_instant(facts['ordered_at'])}."
    if facts.get("country"):
        yield f"Sent to {facts['country']}."


def _pick(facts: Facts) -> Iterable[str]:
    together = facts.get("orders_together")
    if together:
        yield f"Bought together in {together:,} past order{'' if together == 1 else 's'}."
    rank = f", place {facts['rank']} before the guards" if facts.get("rank") else ""
    yield f"Product {facts['sku']}, score {facts['score']:.3g}{rank}."


def _attempt(facts: Facts) -> Iterable[str]:
    yield f"The provider said: {facts['response']}" if facts.get("response") else ""
    yield f"Message-ID: {facts['message_id']}" if facts.get("message_id") else ""


def _plainly(facts: Facts) -> Iterable[str]:
    currency = facts.get("currency")
    for name, value in facts.items():
        if name.endswith("_minor") and value is not None and currency:
            yield f"{name.removesuffix('_minor').replace('_', ' ')}: {_money(value, currency)}"
        elif name != "currency" and value not in (None, "", [], {}):
            yield f"{name.replace('_', ' ')}: {value}"


def _zone(facts: Facts) -> str:
    return ZONES.get(facts.get("zone_from", ""), "")


def _money(minor: int, currency: str) -> str:
    return formatted(minor, currency, LOCALE)


def _instant(iso: str, zone: str = "UTC") -> str:
    """An instant on the wall of a zone."""
    suffix = " UTC" if zone == "UTC" else ""
    return _clock(datetime.fromisoformat(iso).astimezone(ZoneInfo(zone)).isoformat()) + suffix


def _clock(iso: str) -> str:
    return f"{datetime.fromisoformat(iso):%-d %B %Y, %H:%M}"
