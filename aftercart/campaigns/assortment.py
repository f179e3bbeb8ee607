"""What a campaign asks of products, held against the products that there are.

A department that no product has is no error: the products may come tomorrow. But it is nearly always a slip.
"""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from itertools import islice

from aftercart.campaigns.brand import Brand
from aftercart.campaigns.contents import ProductFilter
from aftercart.campaigns.fault import Severity
from aftercart.campaigns.finding import Finding
from aftercart.campaigns.schema import Campaign
from aftercart.campaigns.ways import each_way, ways
from aftercart.campaigns.yaml_file import Loc
from aftercart.quantity import counted
from aftercart.tracking.hosts import not_listed

_MOST_NAMED = 8
_MOST_HOSTS = 3
_MOST_COMPARED = 10_000
"""Looking for the nearest of a million article numbers would take a minute."""


@dataclass(frozen=True, slots=True)
class Assortment:
    """What is written in the shop's products: the values of each key that a campaign may choose by.

    `hosts`: how many products have their page on each; `size`: how many there are.
    """

    by_key: Mapping[str, Set[str]]
    currencies: Set[str]
    hosts: Mapping[str, int]
    size: int


def products_asked_for(campaign: Campaign) -> Iterator[tuple[Loc, ProductFilter]]:
    """Every choice of products in a campaign, with its place."""
    audience = campaign.audience
    choices: list[tuple[Loc, ProductFilter | None]] = [
        (("audience", "bought"), audience.bought),
        (("audience", "not_bought"), audience.not_bought),
    ]
    for index, step in enumerate(campaign.steps):
        if step.recommend:
            choices.append((("steps", index, "recommend", "only"), step.recommend.only))
            choices.append((("steps", index, "recommend", "without"), step.recommend.without))
            choices.append((("steps", index, "recommend", "boosted"), step.recommend.boosted))
    yield from ((loc, wanted) for loc, wanted in choices if wanted)


def keys_asked_for(campaign: Campaign) -> Set[str]:
    """By which keys a campaign, or one of its variants, asks for products; `Assortment.by_key` has to hold them."""
    ways_of_it = (campaign, *(way.campaign for way in ways(campaign)))
    keys = {key for each in ways_of_it for _, asked in products_asked_for(each) for key in asked.by_key()}
    pins = any(step.recommend and step.recommend.pinned for each in ways_of_it for step in each.steps)
    return keys | {"sku"} if pins else keys


def not_sold(campaign: Campaign, assortment: Assortment) -> Iterator[Finding]:
    """What a campaign, or one of its variants, asks for and no product has."""
    yield from each_way(campaign, partial(_not_sold, assortment=assortment))


def _not_sold(campaign: Campaign, assortment: Assortment) -> Iterator[Finding]:
    for loc, wanted in products_asked_for(campaign):
        for key, values in wanted.by_key().items():
            known = {value.strip().casefold(): value for value in sorted(assortment.by_key[key])}
            for value in values:
                if value.strip().casefold() not in known:
                    yield _nobody_has((*loc, key), key, value, known)
    yield from _not_pinnable(campaign, assortment)
    total = campaign.audience.order_total
    if total and assortment.currencies and total.at_least.currency not in assortment.currencies:
        message = f"no product is priced in {total.at_least.currency}, and orders in another currency do not match"
        fix = f"write it in {' or '.join(sorted(assortment.currencies))}"
        yield Finding(("audience", "order_total", "at_least"), message, fix, Severity.WARNING)


def _not_pinnable(campaign: Campaign, assortment: Assortment) -> Iterator[Finding]:
    for index, step in enumerate(campaign.steps):
        for sku in step.recommend.pinned if step.recommend else ():
            if sku not in assortment.by_key["sku"]:  # to the letter: it is looked up, not compared
                known = {value.strip().casefold(): value for value in sorted(assortment.by_key["sku"])}
                yield _nobody_has(("steps", index, "recommend", "pinned"), "sku", sku, known)


def not_priced(brand: Brand, assortment: Assortment) -> Iterator[Finding]:
    """A currency of the brand in which nothing is sold."""
    if assortment.currencies and brand.currency not in assortment.currencies:
        there_are = sorted(assortment.currencies)
        message = f"no product is priced in {brand.currency}; they are in {', '.join(there_are)}"
        yield Finding(("currency",), message, f"write currency: {there_are[0]}", Severity.WARNING)


def not_tracked(brand: Brand, assortment: Assortment) -> Iterator[Finding]:
    """Hosts with product pages on which no click is counted. One is nearly always forgotten, ten are meant so."""
    for host, count in islice(not_listed(assortment.hosts, brand.link_hosts), _MOST_HOSTS):
        of = counted(assortment.size, "product")
        message = f"clicks on {count:,} of {of} cannot be counted: {host} is not in link_hosts"
        fix = f"write link_hosts: [{', '.join((*brand.link_hosts, host))}]"
        yield Finding(("link_hosts",), message, fix, Severity.WARNING)


def _nobody_has(loc: Loc, key: str, value: str, known: Mapping[str, str]) -> Finding:
    close = get_close_matches(value.strip().casefold(), known, 1) if len(known) <= _MOST_COMPARED else []
    some = ", ".join(list(known.values())[:_MOST_NAMED])
    fix = f"did you mean {known[close[0]]}?" if close else f"there are {some}" if some else f"products have no {key}"
    return Finding(loc, f"no product has {key} {value}", fix, Severity.WARNING)
