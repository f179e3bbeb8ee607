""" "Why did I get this?", in the words of the person who asks."""

from collections.abc import Iterator
from typing import Any

from aftercart.consent.statement import Basis
from aftercart.reports.why import PickWhy, Why, Yes
from aftercart.web.recipient_pages import RecipientPages
from aftercart.web.topics import Topics

ELSEWHERE = ("import", "klaviyo", "mailchimp")
"""Sources of a yes that came in by a file."""


def why_facts(why: Why, pages: RecipientPages, topics: Topics, shop_zone: str) -> dict[str, Any]:
    """What the page shows: sentences, and the products with a reason each."""
    zone = why.zone or shop_zone
    return {
        "subject": why.subject,
        "sentences": list(_sentences(why, pages, topics, zone)),
        "may_leave": not why.is_owed,
        "picks": [(pick.title, _because(pick, pages)) for pick in why.picks],
    }


def _sentences(why: Why, pages: RecipientPages, topics: Topics, zone: str) -> Iterator[str]:
    say = pages.words
    placed = pages.day(why.placed_at, zone)
    yield say(
        "On %(day)s you ordered from %(brand)s (order %(order)s).",
        day=placed,
        brand=pages.brand,
        order=why.shop_order_id,
    )
    if why.bought:
        yield say("You bought: %(products)s.", products=pages.listed(why.bought))
    if not why.is_owed:  # nobody chooses what is owed by its topic
        yield say(
            "This mail is one of those about “%(topic)s”, from the campaign “%(campaign)s”.",
            topic=topics.name(why.topic, pages),
            campaign=why.campaign,
        )
    yield _consent(why, pages, zone)
    if why.sent_at:
        sent = pages.clock(why.sent_at, zone)
        yield say("It went to %(email)s on %(time)s.", email=why.email, time=sent)
    if why.zone_from == "recipient":
        yield say("That is by your own time zone, %(zone)s.", zone=zone)
    elif why.zone_from in ("region", "country"):
        yield say("We took your time zone to be %(zone)s, from where the order was sent to.", zone=zone)


def _consent(why: Why, pages: RecipientPages, zone: str) -> str:
    """On what the mail rested, in words that claim no more than is on record."""
    say = pages.words
    if why.is_owed:
        return say("This mail belongs to your order; you get it whether or not you want marketing mail.")
    if why.consent is None:
        return say("We find no record of when you agreed to our mails. You can leave with one click.")
    said = why.consent
    if said.at is None:
        return _undated(said, pages)
    day, source = pages.day(said.at, zone), _place(said)
    match said.basis:
        case Basis.IMPLIED:
            return say("We write to you because you bought from us on %(day)s.", day=day)
        case Basis.SOFT_OPT_IN:
            return say("You gave us your address with an order on %(day)s, and we write about similar things.", day=day)
        case Basis.DOUBLE_OPT_IN if source != "preferences":
            return say("You confirmed on %(day)s that you want our mails.", day=day)
        case _ if source == "preferences":
            return say("You agreed to our mails on %(day)s, on the page where you choose them.", day=day)
        case _ if source in ELSEWHERE:
            return say("You agreed to our mails on %(day)s, as our earlier mail system has it.", day=day)
        case _:
            return say("You agreed to our mails on %(day)s, in our shop.", day=day)


def _undated(said: Yes, pages: RecipientPages) -> str:
    say = pages.words
    match said.basis:
        case Basis.IMPLIED:
            return say("We write to you because you bought from us.")
        case Basis.SOFT_OPT_IN:
            return say("You gave us your address with an order, and we write about similar things.")
        case Basis.DOUBLE_OPT_IN:
            return say("You confirmed that you want our mails; the day is not on record.")
        case _ if _place(said) in ELSEWHERE:
            return say("As our earlier mail system has it, you agreed to our mails; the day is not on record.")
        case _:
            return say("You agreed to our mails, in our shop; the day is not on record.")


def _place(said: Yes) -> str:
    return said.source.partition(":")[0]


def _because(pick: PickWhy, pages: RecipientPages) -> str:
    say = pages.words
    if not pick.because:
        return say("popular with our customers")
    if pick.orders_together > 1:
        count = str(pick.orders_together)
        return say(
            "because you bought %(product)s; both were bought together in %(count)s orders",
            product=pick.because,
            count=count,
        )
    return say("because you bought %(product)s", product=pick.because)
