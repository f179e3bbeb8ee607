""" "Why did I get this?", in the words of the person who asks."""

from collections.abc import Iterator
from typing import Any

from aftercart.reports.why import PickWhy, Why
from aftercart.web.recipient_pages import RecipientPages
from aftercart.web.topics import Topics


def why_facts(why: Why, pages: RecipientPages, topics: Topics, shop_zone: str) -> dict[str, Any]:
    """What the page shows: sentences, and the products with a reason each."""
    zone = why.zone or shop_zone
    return {
        "subject": why.subject,
        "sentences": list(_sentences(why, pages, topics, zone)),
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
        yield say("You bought: %(products)s.", products=", ".join(why.bought))
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
    say = pages.words
    if why.consent_at is None:
        return say("We find no record of when you agreed to our mails. You can leave with one click.")
    day, source = pages.day(why.consent_at, zone), why.consent_source.partition(":")[0]
    if source in ("preferences", "page"):
        return say("You agreed to our mails on %(day)s, on the page where you choose them.", day=day)
    if source == "import":
        return say("You agreed to our mails on %(day)s, as our earlier mail system has it.", day=day)
    if source in ("shopify", "woocommerce", "generic"):
        return say("You agreed to our mails on %(day)s, in our shop.", day=day)
    return say("You agreed to our mails on %(day)s (%(source)s).", day=day, source=why.consent_source)


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
