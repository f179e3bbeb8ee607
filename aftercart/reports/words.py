"""The facts of a decision as a shop owner reads them; `--json` keeps them as they were stored."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from aftercart.money import formatted
from aftercart.policy.reason import Reason
from aftercart.quantity import counted
from aftercart.reports.people import confirmation_in_words, consent_in_words

Facts = Mapping[str, Any]
Line = Callable[[Facts], Iterable[str]]

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
    "excluded": "offered lately or sent back",
    "refused": "refused by them",
    "out_of_stock": "out of stock",
    "no_price": "without a price",
    "no_url": "without a web address",
    "filtered": "outside the campaign's filters",
    "too_dear": "above the campaign's price limit",
    "currency_unknown": "not comparable in price (another currency)",
    "thin_margin": "below the campaign's margin",
    "cost_unknown": "of a margin that is not known",
    "near_duplicate": "nearly the same as what was bought",
    "substitute": "an alternative to what was bought, not an addition",
    "misfit": "of a kind that goes with what was bought, but does not fit it",
    "owned_alike": "nearly the same as something bought before",
    "alike": "nearly the same as another pick",
    "category_full": "one too many of its category",
}
PARTS = {
    "lightfm": "from the model (LightFM)",
    "lightfm_next": "from the model of what is bought next (LightFM)",
    "together": "from what was bought together",
    "ease": "from what was bought together and nothing else explains",
    "ease_wide": "from orders and those that followed them",
    "history": "from what they bought before",
    "followed": "from what others bought next",
    "new": "for being new and alike",
    "selling": "for what sells lately",
    "again": "for what they bought before, and may buy again",
}
"""The parts of a score; see docs/recommendations.md."""
STAGES = {"event": "Webhook", "enroll": "Enrollment", "gate": "Decision", "sender": "Sender", "attempt": "Hand-over"}
"""The kinds of moments, where a reader knows a better word."""
CLICKS = {
    "looks_human": "by a person, as far as one can tell",
    "not_get": "by a machine: it only asked whether the page is there",
    "prefetch": "by a machine: a browser loaded it in case somebody would want it",
    "no_agent": "by a machine: it names no browser",
    "known_agent": "by a machine: it goes by the name of one",
    "too_soon": "by a machine: sooner than anybody reads a mail",
    "burst": "by a machine: many links at once",
    "trap": "by a machine: it opened a link that no reader sees",
}
"""Who opened a link, by the reason for the verdict."""
KEPT = {
    Reason.PAUSED: "all sending was switched off until then.",
    Reason.GUARD: "it had paused itself until then, because too many people complained or left.",
    Reason.CASE_OPEN: "a support case about the order was open until then.",
    Reason.CAMPAIGN_PAUSED: "the campaign was paused until then.",
    Reason.CAMPAIGN_MISSING: "the campaign's file was not there until then.",
    Reason.ORDER_NOT_COMPLETED: "the order was not paid until then.",
    Reason.NOT_DELIVERED: "the order had not arrived until then.",
    Reason.TEMPLATE_ERROR: "the template could not be filled in until then.",
    Reason.NO_COUPON: "no code was left in the coupon pool until then.",
    Reason.QUIET_HOURS: "the quiet hours held it until then.",
    Reason.DAY_OFF: "no mail goes out on the days until then.",
    Reason.SNOOZED: "the person had asked for a break until then.",
    Reason.FREQUENCY_CAP: "the frequency caps held it until then.",
    Reason.OUTRANKED: "more important mails to the same person held it until then.",
}
"""What kept a mail until it was no longer worth sending: whatever makes a mail wait."""
CONSENT = {
    "pending": "they agreed, and have not confirmed it yet",
    "expired": "it has run out",
}
"""How consent stands, where a reader knows better words."""
CONSENT_FROM = {
    "woocommerce": "WooCommerce itself asks nobody: your checkout has to write the order meta `accepts_marketing` "
    "(docs/consent.md).",
    "shopify": "Shopify tells it as `email_marketing_consent` of the customer, or `buyer_accepts_marketing` of the "
    "order (docs/consent.md).",
    "generic": "Your shop has to say `accepts_marketing: true` of the customer (docs/consent.md).",
}
"""Where a yes would come from, by shop."""
SOURCES = {
    "lightfm": "chosen by the model",
    "bought_together": "often bought together",
    "category_best_sellers": "a best seller of what goes with it",
    "best_sellers": "a best seller",
    "pinned": "pinned by the campaign",
}


def stage_in_words(kind: str) -> str:
    """What kind of moment it is."""
    return STAGES.get(kind, kind.capitalize())


def answer_in_words(reason: str, because: str | None = None) -> str:
    """Why something went, waits or did not go; of what expired (`because`) also what kept it."""
    sentence = Reason(reason).sentence
    return f"{sentence.removesuffix('.')}: {KEPT[Reason(because)]}" if because else sentence


def in_words(kind: str, facts: Facts) -> list[str]:
    """The facts of a moment, a sentence each."""
    if facts.get("erased"):
        return ["What it rested on was erased, as the person wished."]
    return [line for line in TELL[kind](facts) if line] if facts else []


def _gate(facts: Facts) -> Iterable[str]:
    yield f"Where they live it was {_clock(facts['local_time'])} ({facts['zone']}: {_zone(facts)})."
    yield f"Worth sending until {_instant(facts['valid_until'], facts['zone'])}."
    yield f"Consent to marketing mail: {CONSENT.get(facts['consent'], facts['consent'] or 'they never said anything')}."
    if not facts["consent"]:
        yield CONSENT_FROM.get(facts.get("shop", ""), "")
    if facts.get("suppressed_for"):
        yield f"The address is on the list of those not to be mailed: {facts['suppressed_for'].replace('_', ' ')}."
    if facts.get("guarded"):
        yield f"Because {facts['guarded']}."
    if facts.get("snoozed_until"):
        yield f"They asked for no mail until {_instant(facts['snoozed_until'], facts['zone'])}."
    yield from _hours_and_days(facts)
    if facts.get("class") == "transactional":
        yield "Transactional: owed to its reader, so neither consent nor frequency caps are asked."
    if facts.get("caps"):
        yield f"At most {', '.join(facts['caps'])}; counted so far: {_counted(facts)}."
    if facts.get("tired"):
        yield "That is half of what the caps say: they have ignored too many mails in a row (`guard.tighten_after`)."
    yield _arm(facts)
    yield from _content(facts)
    others = [stop for stop in facts.get("stops", ())[1:] if stop != Reason.EXPIRED or not facts.get("because")]
    if others:
        yield "Besides: " + " ".join(Reason(stop).sentence for stop in others)


def _arm(facts: Facts) -> str:
    """In which arm of an experiment the person is, by lot and for good."""
    if not facts.get("experiment"):
        return ""
    return f"In the experiment {facts['experiment'].removeprefix('step:')} they are in the arm “{facts['variant']}”."


def _hours_and_days(facts: Facts) -> Iterable[str]:
    if facts.get("quiet_hours"):
        yield f"Quiet hours: {facts['quiet_hours']}."
    if facts.get("send_on"):
        yield f"Mails go out only on {facts['send_on']}."
    if facts.get("not_on"):
        yield f"No mail goes out on {facts['not_on']}."
    if facts.get("holidays_of"):
        yield f"No mail goes out on public holidays of {facts['holidays_of']}."


def _sender(facts: Facts) -> Iterable[str]:
    yield f"The sender: {facts['sender']}." if facts.get("sender") else ""
    yield f"Because: {facts['words']}." if facts.get("words") else ""


def _content(facts: Facts) -> Iterable[str]:
    if "picks" in facts:
        model = f" (model {facts['model']})" if facts.get("model") not in (None, "fallback") else ""
        yield f"Products found to recommend: {facts['picks']}{model}."
    if facts.get("coupon"):
        yield f"It carries the code {facts['coupon']} of the pool “{facts['pool']}”."
    elif facts.get("pool"):
        yield f"It should carry a code of the pool “{facts['pool']}”."
    if facts.get("refused"):
        yield f"They do not want to be offered: {', '.join(facts['refused'])}."
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
        yield _arm(planned)
    yield from _hours_and_days(facts)
    if "items" in facts:
        yield f"Bought: {', '.join(facts['items']) or 'nothing that is still theirs'}."
    if facts.get("currency"):
        yield f"Worth {_money(facts['total_minor'], facts['currency'])}."
    if facts.get("ordered_at"):
        yield f"Ordered {_instant(facts['ordered_at'])}."
    if facts.get("country"):
        yield f"Sent to {facts['country']}."


def _pick(facts: Facts) -> Iterable[str]:
    yield _past_orders(facts.get("orders", 0), facts.get("orders_together", 0))
    place = f", number {facts['rank']} of all by score" if facts.get("rank") else ""
    yield f"Product {facts['sku']}{place} ({facts['score']:.3g})."
    parts = sorted(facts.get("parts", {}).items(), key=lambda part: -abs(part[1]))
    if parts:
        yield f"The score: {', '.join(f'{value:+.2f} {PARTS.get(name, name)}' for name, value in parts)}."


def _past_orders(with_it: int, together: int) -> str:
    """Both counts in one sentence: side by side they read like a contradiction."""
    if together and with_it > together:
        return f"Bought together in {together:,} of the {_orders(with_it)} that hold this product."
    if together or with_it:
        return f"Bought {'together ' if together else ''}in {_orders(together or with_it)}."
    return ""


def _orders(count: int) -> str:
    return counted(count, "past order")


def _attempt(facts: Facts) -> Iterable[str]:
    yield f"The provider said: {facts['response']}" if facts.get("response") else ""
    yield f"Message-ID: {facts['message_id']}" if facts.get("message_id") else ""


def _order(facts: Facts) -> Iterable[str]:
    yield f"Worth {_money(facts['total_minor'], facts['currency'])}." if facts.get("currency") else ""


def _event(facts: Facts) -> Iterable[str]:
    yield f"“aftercart events {facts['event_id']}” prints what the shop sent." if facts.get("event_id") else ""
    yield f"The fault: {facts['error']}" if facts.get("error") else ""


def _reversal(facts: Facts) -> Iterable[str]:
    yield f"Quantity: {facts['quantity']:g}." if facts.get("quantity") else ""
    if facts.get("amount_minor") and facts.get("currency"):
        yield f"Worth {_money(facts['amount_minor'], facts['currency'])}."


def _attribution(facts: Facts) -> Iterable[str]:
    yield f"Credited with {_money(facts['amount_minor'], facts['currency'])}."
    if facts.get("reversed_minor"):
        yield f"Of that, {_money(facts['reversed_minor'], facts['currency'])} was taken back since."


def _feedback(facts: Facts) -> Iterable[str]:
    yield f"In their words: {facts['words']}" if facts.get("words") else ""


def _operator(facts: Facts) -> Iterable[str]:
    yield f"Said by {facts['settled_by']}." if facts.get("settled_by") else ""
    yield f"It had failed: {Reason(facts['failed_for']).sentence}" if facts.get("failed_for") else ""
    yield f"Worth sending until {_instant(facts['valid_until'])}." if facts.get("valid_until") else ""
    for step, effect in facts.get("effects", {}).items():
        due = facts["due_at"].get(step)
        yield f"Its mail {step} is {EFFECTS[effect]}{f' {_instant(due)}' if due else ''}."
    for step, edited in facts.get("new_content", {}).items():
        yield f"Its mail {step} says something else: {', '.join(edited)} edited."


EFFECTS = {
    "kept": "due as before",
    "retimed": "due now at",
    "varied": "another variant now, due at",
    "added": "new, and due at",
    "canceled": "no longer sent",
}


def _nothing(_: Facts) -> Iterable[str]:
    """The sentence of the moment says it all."""
    return ()


TELL: Mapping[str, Line] = {
    "order": _order,
    "event": _event,
    "reversal": _reversal,
    "enroll": _enroll,
    "gate": _gate,
    "sender": _sender,
    "pick": _pick,
    "attempt": _attempt,
    "feedback": _feedback,
    "operator": _operator,
    "click": _nothing,
    "leave": _nothing,
    "attribution": _attribution,
    "consent": consent_in_words,
    "confirmation": confirmation_in_words,
    "suppression": _nothing,
    "preference": _nothing,
    "refusal": _nothing,
    "offer": _nothing,
}


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
